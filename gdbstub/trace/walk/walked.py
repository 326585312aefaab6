"""Rows of a run by number, and the nearest ones of which something holds."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gdbstub.trace.columns import arrow
from gdbstub.trace.columns.arrow import ArrowTable
from gdbstub.trace.columns.reader import ParquetRun, unreadable
from gdbstub.trace.columns.row import row_of
from gdbstub.trace.errors import TraceError
from gdbstub.trace.reader import TraceReader
from gdbstub.trace.rows import Row
from gdbstub.trace.walk.criteria import Criterion
from gdbstub.trace.walk.parts import RowPart, streams

PARTS_KEPT = 2
"""Each is 64 Ki rows, some 25 MB."""
NUMBERS_KEPT = 8
PAGE = 256
"""Rows of which Python's values are made at once."""
PAGES_KEPT = 8
T = TypeVar("T")


class WalkedTrace:
    """The run of the dataset in ``root`` (``run`` names one of several). ``damaged`` are sentences about parts that
    can't be read. Raises `TraceError` for what is no trace, and for one without rows."""

    def __init__(self, root: Path, run: str | None = None) -> None:
        with TraceReader(root, run) as trace:
            self.header = trace.header
        self._run = ParquetRun(root, run)
        self.path = str(root)
        self.damaged = self._run.damaged
        self._rows = streams(root, "rows", self._run.run, self.damaged)
        self._accesses = streams(root, "accesses", self._run.run, self.damaged)
        self._tables: OrderedDict[Path, ArrowTable] = OrderedDict()
        self._numbers: OrderedDict[Path, NDArray[np.uint64]] = OrderedDict()
        self._pages: OrderedDict[tuple[Path, int], dict[str, list[object]]] = OrderedDict()
        if not self._rows:
            raise TraceError(" ".join(self.damaged) or f"{root} has no rows: nothing was traced.")
        self.first = min(parts[0].first for parts in self._rows)
        self.last = max(parts[-1].last for parts in self._rows)

    @property
    def end(self) -> Row | None:
        """The end row; None where the trace was cut off."""
        return next((row for row in self._run.lines if row.get("kind") == "end"), None)

    @property
    def gaps(self) -> list[Row]:
        return [row for row in self._run.lines if row.get("kind") == "gap"]

    @property
    def has_accesses(self) -> bool:
        """Did an engine see memory?"""
        return bool(self._accesses)

    def instructions(self, holds: Callable[[int, str], bool]) -> set[int]:
        """The numbers of the instructions of whose address and text something holds."""
        return {number for number, one in self._run.definitions.items() if holds(one.address, one.text)}

    def row(self, number: int) -> Row:
        """Raises `TraceError` where there is none."""
        for parts in self._rows:
            for part in parts:
                if part.first <= number <= part.last:
                    numbers = self._numbers_of(part)
                    at = int(np.searchsorted(numbers, number))
                    if int(numbers[at]) == number:
                        return self._made(part, at)
        raise TraceError(f"{self.path} has no row {number}; it has {self.first} to {self.last}.")

    def beside(self, number: int, *, forwards: bool) -> int | None:
        """The number of the row behind ``number``, or in front of it."""
        found = [beside for parts in self._rows if (beside := self._beside(parts, number, forwards)) is not None]
        return (min(found) if forwards else max(found)) if found else None

    def before(self, row: Row) -> Row | None:
        """The row right in front of one, where it is of the same vCPU."""
        number = self.beside(row["n"], forwards=False)
        found = None if number is None else self.row(number)
        return found if found is not None and found["cpu"] == row["cpu"] else None

    def accesses(self, number: int) -> list[Row]:
        """The memory that a row read and wrote."""
        return self._run.accesses(number)

    def matching(self, criterion: Criterion, start: int, *, forwards: bool) -> Iterator[int]:
        """The numbers of the rows of which ``criterion`` holds, from the one behind ``start`` on, or backwards from the
        one in front of it."""
        of = self._rows if criterion.table == "rows" else self._accesses
        found = [self._matching(parts, criterion, start, forwards) for parts in of]
        return found[0] if len(found) == 1 else heapq.merge(*found, reverse=not forwards)

    def _matching(self, parts: Sequence[RowPart], criterion: Criterion, start: int, forwards: bool) -> Iterator[int]:
        for at in range(len(parts)) if forwards else reversed(range(len(parts))):
            part = parts[at]
            if part.last <= start if forwards else part.first >= start:
                continue
            try:
                numbers = self._holding(parts, at, criterion)
            except arrow.Broken as error:
                self._lost(part, error)
                continue
            found = numbers[numbers > start] if forwards else numbers[numbers < start][::-1]
            yield from found.tolist()

    def _holding(self, parts: Sequence[RowPart], at: int, criterion: Criterion) -> NDArray[np.uint64]:
        path = parts[at].path
        if criterion.within is not None:
            name, low, high = criterion.within
            span = arrow.span(path, name)
            if span is not None and (span[1] < low or span[0] > high):
                return np.zeros(0, np.uint64)
        table = arrow.load(path, ("n", *criterion.columns))
        before = arrow.load(parts[at - 1].path, criterion.columns) if criterion.needs_before and at else None
        return arrow.numbers(table, "n")[0][criterion.marks(table, before)]

    def _beside(self, parts: Sequence[RowPart], number: int, forwards: bool) -> int | None:
        for part in parts if forwards else reversed(parts):
            if forwards and part.last > number:
                numbers = self._numbers_of(part)
                return int(numbers[np.searchsorted(numbers, number, side="right")])
            if not forwards and part.first < number:
                numbers = self._numbers_of(part)
                return int(numbers[np.searchsorted(numbers, number) - 1])
        return None

    # -- what is kept -----------------------------------------------------------------------------------------

    def _made(self, part: RowPart, at: int) -> Row:
        page = _kept(self._pages, (part.path, at // PAGE), PAGES_KEPT, lambda: self._page(part, at // PAGE))
        values = {name: column[at % PAGE] for name, column in page.items()}
        insn = values.get("insn")
        try:
            return row_of(part.cpu, values, self._run.definitions.get(insn) if isinstance(insn, int) else None)
        except (KeyError, TypeError) as error:
            raise TraceError(f"{part.path} has not the columns of a trace: {error} is missing.") from error

    def _page(self, part: RowPart, number: int) -> dict[str, list[object]]:
        table = _kept(self._tables, part.path, PARTS_KEPT, lambda: self._loaded(part))
        return arrow.lists(table, number * PAGE, PAGE)

    def _numbers_of(self, part: RowPart) -> NDArray[np.uint64]:
        return _kept(self._numbers, part.path, NUMBERS_KEPT, lambda: arrow.numbers(self._loaded(part, ("n",)), "n")[0])

    def _loaded(self, part: RowPart, names: Sequence[str] | None = None) -> ArrowTable:
        try:
            return arrow.load(part.path, names)
        except arrow.Broken as error:
            raise TraceError(self._lost(part, error)) from error

    def _lost(self, part: RowPart, error: Exception) -> str:
        sentence = unreadable(part.path, error)
        if sentence not in self.damaged:
            self.damaged.append(sentence)
        return sentence


K = TypeVar("K")


def _kept(cache: OrderedDict[K, T], key: K, most: int, make: Callable[[], T]) -> T:
    """What is in ``cache``, or is made now; of what was not used for longest, no more than ``most`` is kept."""
    if key not in cache:
        while len(cache) >= most:
            cache.popitem(last=False)
        cache[key] = make()
    cache.move_to_end(key)
    return cache[key]
