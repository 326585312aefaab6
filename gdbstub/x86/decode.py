"""capstone → `Shape` (what the bytes are, wherever they stand) → `Instruction`; the only import of capstone.

A loop meets the same bytes again and again, so shapes are cached by their bytes, without their address.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal, NamedTuple

import capstone
from capstone import x86

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

MNEMONIC_TRAITS: dict[str, tuple[Trait, ...]] = {
    "int1": ("icebp", "gate", "branch", "indirect"),
    "int3": ("int3", "gate", "branch", "indirect"),
    "int": ("int-n", "gate", "branch", "indirect"),
    "into": ("into", "gate", "branch", "indirect"),
    "syscall": ("syscall", "gate", "branch", "indirect"),
    "sysenter": ("sysenter", "gate", "branch", "indirect"),
    "sysret": ("sysret", "branch", "indirect"),
    "sysretq": ("sysret", "branch", "indirect"),
    "sysexit": ("sysret", "branch", "indirect"),
    "iret": ("iret", "branch", "indirect"),
    "iretd": ("iret", "branch", "indirect"),
    "iretq": ("iret", "branch", "indirect"),
    "popf": ("popf",),
    "popfd": ("popf",),
    "popfq": ("popf",),
    "pushf": ("pushf",),
    "pushfd": ("pushf",),
    "pushfq": ("pushf",),
    "sti": ("sti",),
    "hlt": ("hlt",),
    "in": ("in",),
    "out": ("out",),
    "insb": ("in",),
    "insw": ("in",),
    "insd": ("in",),
    "outsb": ("out",),
    "outsw": ("out",),
    "outsd": ("out",),
    "xbegin": ("xbegin",),
    "ret": ("branch", "indirect"),
    "retf": ("branch", "indirect"),
    "retfq": ("branch", "indirect"),
}

STRING_OPCODES = frozenset((*range(0x6C, 0x70), *range(0xA4, 0xA8), *range(0xAA, 0xB0)))
PUSHES = frozenset(("push", "pushf", "pushfd", "pushfq", "call"))
POPS = frozenset(("pop", "popf", "popfd", "popfq", "ret"))
NO_ACCESS = frozenset(("lea", "nop"))
PORT_WIDTHS = {"b": 1, "w": 2, "d": 4}


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


_MODES = {16: capstone.CS_MODE_16, 32: capstone.CS_MODE_32, 64: capstone.CS_MODE_64}
LINEAR_MASKS = {16: 0xFFFF_FFFF, 32: 0xFFFF_FFFF, 64: 0xFFFF_FFFF_FFFF_FFFF}
"""How wide linear addresses are in each mode."""
RIP_MASKS = {16: 0xFFFF, 32: 0xFFFF_FFFF, 64: 0xFFFF_FFFF_FFFF_FFFF}


@lru_cache(maxsize=3)
def _engine(mode: int) -> capstone.Cs:
    engine = capstone.Cs(capstone.CS_ARCH_X86, _MODES[mode])
    engine.detail = True
    return engine


@lru_cache(maxsize=16384)
def shape(code: bytes, mode: Mode) -> Shape | None:
    """The first instruction of ``code`` (at most 15 bytes are looked at), or None where it is none."""
    for raw in _engine(mode).disasm(code[:LONGEST], 0, 1):
        return _shape(raw, mode)
    return None


def _shape(raw: capstone.CsInsn, mode: Mode) -> Shape:
    base = raw.mnemonic.split()[-1]
    traits: set[Trait] = set(MNEMONIC_TRAITS.get(base, ()))
    operands = raw.operands
    immediates = [operand.imm for operand in operands if operand.type == x86.X86_OP_IMM]
    first = operands[0] if operands else None
    string = raw.opcode[0] in STRING_OPCODES
    if string:
        traits.add("string")
        if raw.prefix[0] in (0xF2, 0xF3):
            traits.add("rep")
    relative: int | None = None
    if raw.group(x86.X86_GRP_BRANCH_RELATIVE) and immediates:
        relative = _signed(immediates[-1], mode)
        traits |= {"branch"} if base in ("jmp", "call") else {"branch", "conditional"}
    elif raw.group(x86.X86_GRP_JUMP) or raw.group(x86.X86_GRP_CALL):
        traits |= {"branch", "indirect"}
    if base in ("mov", "pop") and first and first.type == x86.X86_OP_REG and first.reg == x86.X86_REG_SS:
        traits.add("mov-ss")
    if raw.opcode[0] == 0x0F and raw.opcode[1] in (0x21, 0x23):
        traits.add("mov-dr")
    memory = _memory(raw, base, string, mode)
    if raw.prefix[0] == 0xF0 or (base == "xchg" and memory):
        traits.add("lock")
    port_size = 0
    if "in" in traits or "out" in traits:
        port_size = PORT_WIDTHS[base[-1]] if string else operands[0 if base == "in" else 1].size
    return Shape(
        bytes(raw.bytes),
        raw.mnemonic if relative is not None else f"{raw.mnemonic} {raw.op_str}".rstrip(),
        base,
        frozenset(traits),
        relative,
        memory,
        immediates[0] & 0xFF if port_size and immediates else None,
        port_size,
        immediates[0] & 0xFF if base == "int" else None,
    )


def _signed(target: int, mode: Mode) -> int:
    """capstone's absolute target of an instruction at 0, as a distance."""
    width = mode  # a 16-bit operand wraps at 64 KiB
    target &= (1 << width) - 1
    return target - (1 << width) if target >> (width - 1) else target


def _memory(raw: capstone.CsInsn, base: str, string: bool, mode: Mode) -> tuple[MemoryOperand, ...]:
    found = []
    for operand in raw.operands:
        if operand.type != x86.X86_OP_MEM or base in NO_ACCESS:
            continue
        place = operand.mem
        register = raw.reg_name(place.base) if place.base else ""
        # capstone names no access for INS and OUTS: INS writes at RDI, OUTS reads at RSI
        reads = bool(operand.access & capstone.CS_AC_READ) or (string and base.startswith("outs"))
        writes = bool(operand.access & capstone.CS_AC_WRITE) or (string and base.startswith("ins"))
        found.append(
            MemoryOperand(
                raw.reg_name(place.segment) if place.segment else _segment(register),
                register,
                raw.reg_name(place.index) if place.index else "",
                place.scale,
                place.disp,
                operand.size,
                reads,
                writes,
                operand.size if string else 0,
            )
        )
    if base in PUSHES or base in POPS:
        found.append(_stack(base, mode // 8))
    return tuple(found)


def _segment(base: str) -> str:
    return "ss" if base in ("rsp", "esp", "sp", "rbp", "ebp", "bp") else "ds"


def _stack(base: str, size: int) -> MemoryOperand:
    """What a push or pop touches, seen from RSP as it is before the instruction."""
    if base in PUSHES:
        return MemoryOperand("ss", "rsp", "", 1, -size, size, False, True, 0, size)
    return MemoryOperand("ss", "rsp", "", 1, 0, size, True, False, 0, -size)


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
