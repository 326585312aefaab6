"""What is looked for in a trace: which columns that takes, and where in a part it holds."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gdbstub.trace.columns.arrow import ArrowTable, numbers
from gdbstub.trace.columns.schema import Table, column_of

Marks = NDArray[np.bool_]


class Criterion(NamedTuple):
    """``marks`` says for each row of a part whether it is one; ``before`` is the last row of the part in front, where
    ``needs_before``. ``within`` leaves out parts whose values of a column are all outside of it."""

    table: Table
    columns: tuple[str, ...]
    marks: Callable[[ArrowTable, ArrowTable | None], Marks]
    needs_before: bool = False
    within: tuple[str, int, int] | None = None


def events() -> Criterion:
    """The guest's own exceptions and interrupts."""
    return Criterion("rows", ("vector",), lambda rows, _: numbers(rows, "vector")[1])


def ran(instructions: Collection[int]) -> Criterion:
    """Rows of these instructions, by their numbers."""
    wanted = np.array(sorted(instructions), np.uint32)

    def marks(rows: ArrowTable, _: ArrowTable | None) -> Marks:
        values, known = numbers(rows, "insn")
        found: Marks = np.isin(values, wanted) & known
        return found

    return Criterion("rows", ("insn",), marks)


def changed(register: str) -> Criterion:
    """Rows behind which a register has another value than behind the row before of the same vCPU."""
    column = register if register.startswith("dr") else column_of(register)

    def marks(rows: ArrowTable, before: ArrowTable | None) -> Marks:
        values, known = numbers(rows, column)
        found = np.zeros(len(values), np.bool_)
        found[1:] = (values[1:] != values[:-1]) & known[1:] & known[:-1]
        if before is not None and len(values):
            old, old_known = numbers(before, column)
            found[0] = bool(old_known[-1] and known[0] and old[-1] != values[0])
        return found

    return Criterion("rows", (column,), marks, needs_before=True)


def touched(address: int, length: int, *, writes_only: bool) -> Criterion:
    """Rows that wrote (or also read) any of the ``length`` bytes at the linear ``address``."""

    def marks(accesses: ArrowTable, _: ArrowTable | None) -> Marks:
        first, size = numbers(accesses, "address")[0], numbers(accesses, "size")[0].astype(np.uint64)
        found: Marks = (first < np.uint64(address + length)) & (first + size > np.uint64(address))
        return found & numbers(accesses, "write")[0].astype(np.bool_) if writes_only else found

    around = ("address", max(0, address - LARGEST_ACCESS), address + length)
    return Criterion("accesses", ("address", "size", "write"), marks, within=around)


LARGEST_ACCESS = 255
"""Bytes, by the type of the column ``size``."""
