"""A store that QEMU's TCG takes for a hit of a watch beside it: its size is no divisor of its address, and the watch
lies in front of it in the same page, or in the lowest page anywhere behind it.

A page that something watches sends such a store down the road of one that crosses into the next page; what is left for
"the next page" is then this page, from its start to the store's end, and what is left for this one a negative length
(QEMU 7.2 store_helper_unaligned, cpu_check_watchpoint).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from gdbstub.x86.debug_registers import Range
from gdbstub.x86.decode import predecessors
from gdbstub.x86.operands import touched
from gdbstub.x86.registers import Mode

PAGE = 0x1000
SIZES = (2, 4, 8)
"""Bytes of one store of TCG; wider ones are several."""


class Beside(NamedTuple):
    """The store: its instruction as text, and the linear address it goes to."""

    text: str
    address: int


def store_beside(code: bytes, behind: int, registers: Mapping[str, int], mode: Mode, place: Range) -> Beside | None:
    """The likeliest store at the end of ``code``, which ends at ``behind``, where it is one beside ``place``, and
    no reading of the code accesses ``place``. ``registers`` are those after it."""
    stores: list[Beside | None] = []
    for what in predecessors(code, mode):
        for operand in what.memory:
            at = touched(operand, registers, behind, mode, executed=True)
            if at is not None and place.meets(at, operand.size):
                return None
            if operand.writes:
                strays = at is not None and operand.size in SIZES and _strays(at, operand.size, place)
                stores.append(Beside(what.text, at) if at is not None and strays else None)
    return stores[0] if stores else None


def _strays(at: int, size: int, place: Range) -> bool:
    page, offset = at & -PAGE, at % PAGE
    if not at % size or offset + size > PAGE:
        return False
    return place.meets(page, offset + size) or (page == 0 and place.start > at)
