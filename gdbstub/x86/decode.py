"""Bytes → `Shape` (what they are, wherever they stand) → `Instruction`; where it leads and what it touches.

A loop meets the same bytes again and again, so shapes are cached by their bytes, without their address.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal, NamedTuple

from gdbstub.x86.evidence import Mode
from gdbstub.x86.registers import DF, part

LONGEST = 15

Trait = Literal[
    "branch",  # may go elsewhere than behind itself
    "conditional",
    "indirect",  # the target is not in the bytes
    "gate",  # enters a handler or the kernel: INT n, INT3, INTO, INT1, SYSCALL, SYSENTER
    "string",
    "rep",
    "mov-dr",
    "mov-ss",  # MOV SS or POP SS, not LSS
    "sti",
    "popf",
    "pushf",
    "iret",
    "int-n",
    "int3",
    "into",
    "icebp",
    "syscall",
    "sysenter",
    "sysret",
    "in",
    "out",
    "lock",  # LOCK prefix, or XCHG with memory
    "xbegin",
    "hlt",
]


class MemoryOperand(NamedTuple):
    """A place in memory that an instruction reads or writes, before any register is known. An empty string is
    no such register. ``moves`` is how far a string instruction takes the register on (0: it stays), ``pushed``
    by how much RSP is lower after the instruction than before."""

    segment: str
    base: str
    index_register: str
    scale: int
    displacement: int
    size: int
    reads: bool
    writes: bool
    moves: int = 0
    pushed: int = 0


class Shape(NamedTuple):
    """An instruction without its address. ``relative`` is a branch target's distance from the instruction's
    start; ``port`` an I/O port in the bytes (None: in DX), ``port_size`` the width of IN and OUT; ``interrupt`` the n
    of INT n."""

    bytes: bytes
    text: str
    mnemonic: str
    traits: frozenset[Trait]
    relative: int | None
    memory: tuple[MemoryOperand, ...]
    port: int | None
    port_size: int
    interrupt: int | None


class Instruction(NamedTuple):
    """One decoded instruction at a linear address. ``bytes`` are exactly its own; ``text`` is Intel syntax."""

    address: int
    bytes: bytes
    text: str
    mnemonic: str


LINEAR_MASKS = {16: 0xFFFF_FFFF, 32: 0xFFFF_FFFF, 64: 0xFFFF_FFFF_FFFF_FFFF}
"""How wide linear addresses are in each mode."""
RIP_MASKS = {16: 0xFFFF, 32: 0xFFFF_FFFF, 64: 0xFFFF_FFFF_FFFF_FFFF}


@lru_cache(maxsize=16384)
def shape(code: bytes, mode: Mode) -> Shape | None:
    """The first instruction of ``code`` (at most 15 bytes are looked at), or None where it is none."""
    from gdbstub.x86.disassembler import read  # capstone takes long to load, and a --help needs none

    return read(code[:LONGEST], mode)


def instruction(known: Shape, address: int, mode: Mode) -> Instruction:
    """``known`` at ``address``, its branch target written out."""
    text = known.text
    if known.relative is not None:
        text = f"{text} {address + known.relative & LINEAR_MASKS[mode]:#x}"
    return Instruction(address, known.bytes, text, known.mnemonic)


def decode(code: bytes, address: int, mode: Mode) -> Instruction | None:
    """The first instruction of ``code``, or None where the bytes are no complete instruction."""
    known = shape(code, mode)
    return None if known is None else instruction(known, address, mode)


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


def predecessors(code: bytes, mode: Mode) -> tuple[Shape, ...]:
    """The instructions that may end exactly at the end of ``code``, the likeliest first.

    Each is a guess: x86 can't be read backwards. The order is by how many ways of reading ``code`` forward run
    into it (reading x86 from a wrong start soon falls into step), the longer first among equals.
    """
    return _predecessors(code[-LONGEST - 5 :], mode)


@lru_cache(maxsize=4096)
def _predecessors(code: bytes, mode: Mode) -> tuple[Shape, ...]:
    end = len(code)
    shapes = [shape(code[start:], mode) for start in range(end)]
    last: list[int | None] = [None] * (end + 1)
    votes: dict[int, int] = {}
    for start in range(end - 1, -1, -1):
        known = shapes[start]
        if known is None:
            continue
        behind = start + len(known.bytes)
        final = last[start] = start if behind == end else last[behind]
        if final is not None:
            votes[final] = votes.get(final, 0) + 1
    order = sorted(votes, key=lambda start: (-votes[start], start))
    return tuple(known for start in order if (known := shapes[start]) is not None)


def touched(
    operand: MemoryOperand, registers: Mapping[str, int], behind: int, mode: Mode, *, executed: bool
) -> int | None:
    """The linear address that ``operand`` names, or None where a register that it needs is not known.

    ``behind`` is RIP after the instruction (for RIP-relative operands); ``executed`` says that ``registers`` were
    read after the instruction, so what it moved (RDI of a string instruction, RSP of a push) is taken back.
    """
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
    if executed:
        if operand.moves:
            address += operand.moves if registers.get("rflags", 0) & DF else -operand.moves
        address += operand.pushed
    return _linear(operand.segment, address, registers, mode)


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
    return None if base is None else base + (offset & RIP_MASKS[mode]) & LINEAR_MASKS[32]
