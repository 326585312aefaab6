"""Bytes → `Shape` (what they are, wherever they stand) → `Instruction`, and where it leads.

A loop meets the same bytes again and again, so shapes are cached by their bytes, without their address.
"""

from __future__ import annotations

from functools import lru_cache

from gdbstub.x86.instructions import Instruction, Shape
from gdbstub.x86.registers import Mode

LONGEST = 15
MODES: tuple[Mode, ...] = (16, 32, 64)

LINEAR_MASKS = {16: 0xFFFF_FFFF, 32: 0xFFFF_FFFF, 64: 0xFFFF_FFFF_FFFF_FFFF}
"""How wide linear addresses are in each mode."""
RIP_MASKS = {16: 0xFFFF, 32: 0xFFFF_FFFF, 64: 0xFFFF_FFFF_FFFF_FFFF}


@lru_cache(maxsize=16384)
def shape(code: bytes, mode: Mode) -> Shape | None:
    """The first instruction of ``code`` (at most 15 bytes are looked at), or None where it is none."""
    from gdbstub.x86.disassembler import read  # capstone takes long to load, and a --help needs none

    return read(code[:LONGEST], mode)


def shape_in_every_mode(code: bytes) -> Shape | None:
    """The first instruction of ``code``, if 16-bit, 32-bit and 64-bit code read it alike."""
    first, *others = (shape(code, mode) for mode in MODES)
    return first if all(other == first for other in others) else None


def shape_of_any_mode(code: bytes) -> Shape | None:
    """The first instruction of ``code``, if every mode reads the same one but for the width of its registers: the text
    has all readings ("mov eax, dr6 or mov rax, dr6")."""
    read = [shape(code, mode) for mode in MODES]
    known = [one for one in read if one is not None]
    if len(known) < len(MODES):
        return None
    one = known[0]._replace(text=" or ".join(dict.fromkeys(each.text for each in known)))
    return one if all(each._replace(text=one.text) == one for each in known) else None


def instruction(known: Shape, address: int, mode: Mode) -> Instruction:
    """``known`` at ``address``, its branch target written out."""
    text = known.text
    if known.relative is not None:
        text = f"{text} {address + known.relative & LINEAR_MASKS[mode]:#x}"
    return Instruction(address, known.bytes, text, known.mnemonic)


def decode(code: bytes, address: int, mode: Mode | None) -> Instruction | None:
    """The first instruction of ``code``, or None where the bytes are no complete instruction; in a mode that is not
    known (None), or are none that every mode reads alike."""
    known = shape_in_every_mode(code) if mode is None else shape(code, mode)
    return None if known is None else instruction(known, address, mode or 64)


def successors(known: Shape, rip: int, mode: Mode) -> tuple[int, ...]:
    """Where RIP may stand after the instruction at ``rip`` (both offsets in CS): behind it, at a branch's
    target, on itself for REP. Empty where the bytes don't say (``indirect``)."""
    traits = known.traits
    if "indirect" in traits:
        return ()
    mask = RIP_MASKS[mode]
    behind = rip + len(known.bytes) & mask
    if known.relative is not None:
        target = rip + known.relative & mask
        return (behind, target) if "conditional" in traits else (target,)
    return (behind, rip) if "rep" in traits else (behind,)


def may_stay(known: Shape, rip: int, mode: Mode) -> bool:
    """May the instruction at ``rip`` leave RIP and every other register as they were? A jump to itself does, one whose
    target the bytes don't say may, and HLT waits; what moves the stack pointer does not, nor does REP, which counts."""
    traits = known.traits
    if not traits.isdisjoint(("hlt", "gate", "iret")):
        return True
    if "rep" in traits or any(operand.pushed for operand in known.memory):
        return False
    return "indirect" in traits or rip in successors(known, rip, mode)


def predecessors(code: bytes, mode: Mode) -> tuple[Shape, ...]:
    """The instructions that may end exactly at the end of ``code``, the likeliest first.

    Each is a guess: x86 can't be read backwards. The order is by how many ways of reading ``code`` forward run
    into it (reading x86 from a wrong start soon falls into step), the longer first among equals.
    """
    return predecessors_cached(code[-LONGEST - 5 :], mode)


@lru_cache(maxsize=4096)
def predecessors_cached(code: bytes, mode: Mode) -> tuple[Shape, ...]:
    """`predecessors` of a window of code."""
    from gdbstub.x86.disassembler import length  # capstone takes long to load, and a --help needs none

    end = len(code)
    last: list[int | None] = [None] * (end + 1)
    votes: dict[int, int] = {}
    for start in range(end - 1, -1, -1):
        size = length(code[start : start + LONGEST], mode)
        if not size:
            continue
        behind = start + size
        final = last[start] = start if behind == end else last[behind]
        if final is not None:
            votes[final] = votes.get(final, 0) + 1
    order = sorted(votes, key=lambda start: (-votes[start], start))
    return tuple(known for start in order if (known := shape(code[start:], mode)) is not None)
