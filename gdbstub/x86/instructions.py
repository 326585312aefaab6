"""What one instruction is: values that decoding yields, and everything else reads."""

from __future__ import annotations

from typing import Literal, NamedTuple

Trait = Literal[
    "branch",  # may go elsewhere than behind itself
    "conditional",
    "indirect",  # the target is not in the bytes
    "gate",  # enters a handler or the kernel: INT n, INT3, INTO, INT1, SYSCALL, SYSENTER
    "string",
    "rep",
    "mov-dr",
    "mov-ss",  # MOV SS or POP SS, not LSS
    "descriptor",  # reads a descriptor table, which no operand names: loads of segment registers, LAR, LTR
    "sti",
    "popf",
    "pushf",
    "iret",
    "far",  # a far return, jump or call: it loads CS
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
    by how much RSP is lower after the instruction than before. ``lost`` says that the instruction changes a register
    of the address otherwise, so that it can't be told from the registers behind it."""

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
    lost: bool = False


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
