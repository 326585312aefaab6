"""A writer that gets only some rows of a trace; the numbers of the others are missing then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from gdbstub.debugger.record import StopRecord
from gdbstub.trace.columns.batch import Accesses, Columns
from gdbstub.trace.columns.row import python_values, rows_of
from gdbstub.trace.filters import READ, Filters
from gdbstub.trace.rows import row
from gdbstub.trace.watched_writer import WatchedWriter
from gdbstub.trace.writer import TraceWriter


class FilteredWriter(WatchedWriter):
    """Rows that ``filters`` keep go to ``writer``. Of an engine's batch a row is made for each that is unlike those
    before it in what filters look at: a loop of a million instructions asks for a few."""

    def __init__(self, writer: TraceWriter, filters: Filters) -> None:
        super().__init__(writer, lambda row: None)
        self._filters = filters
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
        if self._filters.keeps(row(record)):
            self._writer.record(record)

    def columns(self, batch: Columns) -> None:
        self._insns += batch.count
        for first, count in _stretches(list(self._kept(batch))):
            self._writer.columns(_part(batch, first, count))

    def _kept(self, batch: Columns) -> Iterator[bool]:
        looked_at = replace(
            batch, values={name: batch.values[name] for name in READ if name in batch.values}, accesses=None
        )
        said: dict[tuple[object, ...], bool] = {}
        for index, key in enumerate(zip(*map(python_values, looked_at.values.values()), strict=True)):
            if not self._filters.counts(batch.first + index):
                yield False
                continue
            if (keep := said.get(key)) is None:
                found = next(rows_of(_part(looked_at, index, 1), self._definitions))
                keep = said[key] = self._filters.agree(found)
            yield keep


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
