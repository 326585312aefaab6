"""Two traces of any format compared: what they have in common at first by columns, where both have them."""

from __future__ import annotations

from collections.abc import Iterator, Set
from pathlib import Path

from gdbstub.trace.comparison.align import SameRows, Step, align
from gdbstub.trace.comparison.stream import RowStream
from gdbstub.trace.reader import TraceReader


def compare_traces(left: TraceReader, right: TraceReader, ignored: Set[str] = frozenset()) -> Iterator[Step]:
    """As `align`; both were just opened. Memory is bounded."""
    if all(Path(trace.path).is_dir() for trace in (left, right)):
        from gdbstub.trace.columns.reader import ParquetRun
        from gdbstub.trace.comparison.prefix import common_prefix

        end, rows = common_prefix(ParquetRun(left.path, left.run), ParquetRun(right.path, right.run), ignored)
        if rows:
            yield SameRows(rows)
            for trace in (left, right):
                trace.go_on_at(end, rows)
    events = "events" not in ignored
    yield from align(RowStream(iter(left), events), RowStream(iter(right), events), ignored)
