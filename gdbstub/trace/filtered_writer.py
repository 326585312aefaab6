"""A writer that gets only some rows of a trace; the numbers of the others are missing then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from gdbstub.debugger.record import StopRecord
from gdbstub.trace.columns.batch import Accesses, Columns
from gdbstub.trace.columns.row import rows_of
from gdbstub.trace.filters import Filter
from gdbstub.trace.rows import row
from gdbstub.trace.watched_writer import WatchedWriter
from gdbstub.trace.writer import TraceWriter


class FilteredWriter(WatchedWriter):
    """Rows that ``keeps`` says yes to go to ``writer``. Batches of an engine are looked at row by row: slowly."""

    def __init__(self, writer: TraceWriter, keeps: Filter) -> None:
        super().__init__(writer, lambda row: None)
        self._keeps = keeps
        self._stops = self._events = self._insns = 0

    @property
    def stops(self) -> int:
        """Of all rows, as `events` and `insns`: what comes next is numbered by them."""
        return self._stops

    @property
    def events(self) -> int:
        return self._events

    @property
    def insns(self) -> int:
        return self._insns

    def record(self, record: StopRecord) -> None:
        if record.event is None:
            self._stops += 1
        else:
            self._events += 1
        if self._keeps(row(record)):
            self._writer.record(record)

    def columns(self, batch: Columns) -> None:
        self._insns += batch.count
        kept = [self._keeps(found) for found in rows_of(batch, self._definitions)]
        for first, count in _stretches(kept):
            self._writer.columns(_part(batch, first, count))


def _stretches(kept: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Where rows that are kept begin, and how many there are in a row."""
    start = 0
    for keep, same in groupby(kept):
        count = len(list(same))
        if keep:
            yield start, count
        start += count


def _part(batch: Columns, first: int, count: int) -> Columns:
    values = {name: values[first : first + count] for name, values in batch.values.items()}
    accesses = None if batch.accesses is None else _accesses(batch.accesses, first, count)
    return Columns(batch.cpu, batch.first + first, count, values, batch.dr_source, accesses)


def _accesses(found: Accesses, first: int, count: int) -> Accesses:
    rows = (found.row >= first) & (found.row < first + count)
    value = None if found.value is None else found.value[rows]
    return Accesses(found.row[rows] - first, found.address[rows], found.size[rows], found.write[rows], value)
