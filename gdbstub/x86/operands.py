"""What an instruction touches: its memory operands as linear addresses, once registers are known."""

from __future__ import annotations

from collections.abc import Mapping

from gdbstub.x86.debug_registers import Range
from gdbstub.x86.decode import LINEAR_MASKS, RIP_MASKS
from gdbstub.x86.instructions import MemoryOperand, Shape
from gdbstub.x86.registers import DF, Mode, part, part_mask


def touched(
    operand: MemoryOperand, registers: Mapping[str, int], behind: int, mode: Mode, *, executed: bool
) -> int | None:
    """The linear address that ``operand`` names, or None where a register that it needs is not known.

    ``behind`` is RIP after the instruction (for RIP-relative operands); ``executed`` says that ``registers`` were
    read after the instruction, so what it moved (RDI of a string instruction, RSP of a push) is taken back.
    """
    if executed and operand.lost:
        return None
    address = operand.displacement
    if operand.base in ("rip", "eip"):
        address += behind
    elif operand.base:
        base = part(operand.base, registers)
        if base is None:
            return None
        address += base
    if operand.index_register:
        index = part(operand.index_register, registers)
        if index is None:
            return None
        address += index * operand.scale
    address &= part_mask(operand.base or operand.index_register)  # an address-size prefix narrows it
    if executed:
        if operand.moves:
            address += operand.moves if registers.get("rflags", 0) & DF else -operand.moves
        address += operand.pushed
    return _linear(operand.segment, address & _offset_mask(operand, address, mode), registers, mode)


SHORT = frozenset(("bx", "bp", "si", "di", "sp"))


def _offset_mask(operand: MemoryOperand, offset: int, mode: Mode) -> int:
    """How wide the offset is: as the registers of the address, which a prefix can make other than the mode's. A stack
    in 16-bit code can be a 32-bit one (SS.B), as it is where RSP does not fit into SP."""
    names = (operand.base, operand.index_register)
    if SHORT.intersection(names):
        return 0xFFFF
    if any(name.startswith("e") or (name[:1] == "r" and name[-1:] == "d") for name in names) or (
        mode == 16 and offset > 0xFFFF
    ):
        return 0xFFFF_FFFF
    return RIP_MASKS[mode]


def _linear(segment: str, offset: int, registers: Mapping[str, int], mode: Mode) -> int | None:
    base: int | None = registers.get(f"{segment}_base")
    if mode == 64:
        if segment not in ("fs", "gs"):
            base = 0
        return None if base is None else base + offset & LINEAR_MASKS[64]
    if base is None and mode == 16:
        selector = registers.get(segment)
        base = None if selector is None else selector << 4  # real mode; protected 16-bit code gives *_base
    elif base is None:
        base = 0  # flat, as 32-bit kernels are; another base is given as *_base
    return None if base is None else base + offset & LINEAR_MASKS[32]


def touches(
    what: Shape,
    address: int,
    place: Range,
    writes_only: bool,
    registers: Mapping[str, int],
    mode: Mode,
    *,
    executed: bool,
) -> bool | None:
    """Whether the instruction at ``address`` accessed ``place``: True, False, or None where an address is not known."""
    unknown = False
    for operand in what.memory:
        if writes_only and not operand.writes:
            continue
        at = touched(operand, registers, address + len(what.bytes), mode, executed=executed)
        if at is None:
            unknown = True
        elif place.meets(at, operand.size):
            return True
    return None if unknown else False
