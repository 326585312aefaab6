"""How far two traces in columns tell the same from their first row on, found by columns: many rows at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gdbstub.trace.columns import arrow, folder
from gdbstub.trace.columns.arrow import ArrowTable, numbers
from gdbstub.trace.columns.reader import ParquetRun
from gdbstub.trace.columns.schema import DEBUG_REGISTERS, register_of

ROWS_AT_ONCE = 16 * 1024
NESTED = ("frame", "causes")
MUST_AGREE = ("n", "vector")
"""Where one does not have it the other must not either: rows are laid beside each other by them."""
NUMBERS = ("pc", "mode", "handler", *DEBUG_REGISTERS)


def common_prefix(left: ParquetRun, right: ParquetRun, ignored: Set[str]) -> tuple[int, int]:
    """The number behind the last row of the common beginning, and how many rows that has, but for events where those
    are ignored. Cautious: rows behind it may still tell the same."""
    runs = left, right
    cpus = [folder.cpus_of(run.root, "rows", run.run) for run in runs]
    meanings = _Meanings(left, right)
    tables = [(list(cpus[0].get(cpu, ())), list(cpus[1].get(cpu, ()))) for cpu in {**cpus[0], **cpus[1]}]
    ends = [_first_difference(*paths, meanings, ignored) for paths in tables]
    end = min((end for end in ends if end is not None), default=2**64 - 1)
    return end, sum(_rows_below(paths, end, "events" not in ignored) for paths, _ in tables)


class _Meanings:
    """Numbers for instructions that both traces have: equal where address and bytes are."""

    def __init__(self, left: ParquetRun, right: ParquetRun) -> None:
        known: dict[tuple[int, bytes], int] = {}
        self._tables = [self._table(run, known) for run in (left, right)]

    @staticmethod
    def _table(run: ParquetRun, known: dict[tuple[int, bytes], int]) -> NDArray[np.int64]:
        table = np.full(max(run.definitions, default=0) + 2, -1, np.int64)
        for number, one in run.definitions.items():
            table[number] = known.setdefault((one.address, one.bytes), len(known))
        return table

    def of(self, side: int, rows: ArrowTable) -> NDArray[np.int64]:
        values, known = numbers(rows, "insn")
        table = self._tables[side]
        at = np.minimum(values.astype(np.int64), len(table) - 1)
        return np.where(known, table[at], -2)


def _first_difference(
    left: Sequence[Path], right: Sequence[Path], meanings: _Meanings, ignored: Set[str]
) -> int | None:
    """The number of the first row of a vCPU that is not the same in both; None where there is none."""
    rows = _RowsAhead(left), _RowsAhead(right)
    while True:
        ready = [side.ready() for side in rows]
        if 0 in ready:
            left_over = [side.first() for side, count in zip(rows, ready, strict=True) if count]
            return min(left_over) if left_over else max(filter(None, (side.lost for side in rows)), default=None)
        one, other = (side.take(min(ready)) for side in rows)
        if (at := _differs(one, other, meanings, ignored)) is not None:
            return min(int(numbers(table, "n")[0][at]) for table in (one, other))


class _RowsAhead:
    """The rows of one vCPU, some at a time. ``lost`` is a number at which they can't be read on."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._tables = self._all(paths)
        self._now: ArrowTable | None = None
        self.lost: int | None = None
        self._next = 0

    def ready(self) -> int:
        """How many may be taken; 0 at the end."""
        while self._now is None or not self._now.num_rows:
            self._now = next(self._tables, None)
            if self._now is None:
                return 0
        return min(int(self._now.num_rows), ROWS_AT_ONCE)

    def first(self) -> int:
        """The number of the next one."""
        assert self._now is not None
        return int(numbers(self._now.slice(0, 1), "n")[0][0])

    def take(self, count: int) -> ArrowTable:
        assert self._now is not None
        taken, self._now = self._now.slice(0, count), self._now.slice(count)
        self._next = int(numbers(taken, "n")[0][-1]) + 1
        return taken

    def _all(self, paths: Sequence[Path]) -> Iterator[ArrowTable]:
        for path in paths:
            try:
                yield arrow.load(path)
            except arrow.Broken:  # who reads rows one by one says so
                self.lost = self._next
                return


def _differs(left: ArrowTable, right: ArrowTable, meanings: _Meanings, ignored: Set[str]) -> int | None:
    """The index of the first row that is not the same."""
    found = np.zeros(left.num_rows, np.bool_)
    one, other = meanings.of(0, left), meanings.of(1, right)
    found |= one != other
    for name in (*MUST_AGREE, *_compared(left, right, ignored)):
        (values, known), (others, others_known) = numbers(left, name), numbers(right, name)
        if name in MUST_AGREE or name == "pc":  # RIP is the place of a row without an instruction
            found |= known != others_known
        found |= (values != others) & known & others_known
    first = int(np.argmax(found)) if found.any() else left.num_rows
    for name in NESTED:
        first = min(first, arrow.alike(left, right, name, first))
    return first if first < left.num_rows else None


def _compared(left: ArrowTable, right: ArrowTable, ignored: Set[str]) -> Iterator[str]:
    """Columns of numbers that both have, and that are not ignored."""
    for name in set(left.column_names) & set(right.column_names):
        register = register_of(name)
        if register is None and name not in NUMBERS:
            continue
        group = "regs" if register is not None else "dr" if name in DEBUG_REGISTERS else name
        if not {group, register or name, f"{group}.{register or name}"} & ignored or name == "pc":
            yield name


def _rows_below(paths: Sequence[Path], end: int, events: bool) -> int:
    """How many rows have a number below ``end``."""
    count = 0
    for path in paths:
        try:
            span = arrow.span(path, "n")
            if span is None or span[0] >= end:
                break
            table = arrow.load(path, ("n", "vector"))
        except arrow.Broken:
            break
        wanted = numbers(table, "n")[0] < np.uint64(end)
        count += int((wanted if events else wanted & ~numbers(table, "vector")[1]).sum())
    return count
