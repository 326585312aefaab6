"""Does an engine say what the stub says? The first rows are made in lock-step with both, and compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, Self, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gdbstub.debugger.record import StopRecord

ARITHMETIC = 0x8D5
"""CF, PF, AF, ZF, SF, OF."""
DEBUG = ("dr0", "dr1", "dr2", "dr3", "dr6", "dr7")


@runtime_checkable
class MadeRows(Protocol):
    """Rows of an engine: what is behind each instruction, by column."""

    @property
    def count(self) -> int: ...
    @property
    def pc(self) -> NDArray[np.uint64]: ...
    @property
    def registers(self) -> dict[str, NDArray[np.uint64]]: ...
    def first(self, count: int) -> Self: ...


class Difference(NamedTuple):
    """``row`` is its index; ``name`` the register."""

    row: int
    name: str
    logged: int
    stub: int
    teller: str

    def __str__(self) -> str:
        return (
            f"{self.teller[:1].upper()}{self.teller[1:]} and the stub differ in row {self.row}: {self.name} is "
            f"{self.logged:#x} there, and {self.stub:#x} at the stub."
        )


def compare(
    rows: Sequence[MadeRows], records: Sequence[StopRecord], teller: str, *, skip: bool = False
) -> Difference | None:
    """The first difference between the rows of an engine and the same steps as the stub told of them; the shorter of
    the two ends the comparison. ``skip``: the first row is one more, of an instruction in front of them."""
    number = -1 if skip else 0
    for piece in rows:
        for at in range(piece.count):
            if number == len(records):
                return None
            if number >= 0 and (found := _differs(piece, at, records[number])) is not None:
                return Difference(number + skip, *found, teller)
            number += 1
    return None


Piece = TypeVar("Piece")


def until(pieces: Sequence[Piece], found: Difference | None) -> list[Piece]:
    """The rows in front of a difference, and what stands between them."""
    if found is None:
        return list(pieces)
    left, kept = found.row, list[Piece]()
    for piece in pieces:
        if isinstance(piece, MadeRows):
            if piece.count > left:
                return kept + ([piece.first(left)] if left else [])
            left -= piece.count
        kept.append(piece)
    return kept


def _differs(piece: MadeRows, at: int, record: StopRecord) -> tuple[str, int, int] | None:
    state = record.state
    known = {**state.registers, "pc": state.pc}
    if "rflags" in known:
        known["rflags_system"] = known["rflags"] & ~ARITHMETIC
    shown = state.debug
    debug = dict(zip(DEBUG, (shown.dr0, shown.dr1, shown.dr2, shown.dr3, shown.dr6, shown.dr7), strict=True))
    logged = {**piece.registers, "pc": piece.pc}
    for name, stub in (*known.items(), *debug.items()):
        if stub is not None and name in logged and int(logged[name][at]) != stub:
            return name, int(logged[name][at]), stub
    return None
