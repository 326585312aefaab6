"""capstone → `Shape`; the only import of capstone."""

from __future__ import annotations

from functools import lru_cache

import capstone
from capstone import x86

from gdbstub.x86.instructions import MemoryOperand, Shape, Trait
from gdbstub.x86.memory_access import BIT_OFFSETS, DESCRIPTORS, SIZES, Access, access_of
from gdbstub.x86.registers import Mode, whole

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
    "retf": ("branch", "indirect", "far"),
    "retfq": ("branch", "indirect", "far"),
    "ljmp": ("branch", "indirect", "far"),
    "lcall": ("branch", "indirect", "far"),
}

STRING_OPCODES = frozenset((*range(0x6C, 0x70), *range(0xA4, 0xA8), *range(0xAA, 0xB0)))
PUSHES = frozenset(("push", "pushf", "pushfd", "pushfq", "call", "lcall", "pushal", "pushaw", "pusha", "pushad"))
POPS = frozenset(("pop", "popf", "popfd", "popfq", "ret", "retf", "retfq", "popal", "popaw", "popa", "popad"))
SEGMENT_REGISTERS = frozenset(
    (x86.X86_REG_DS, x86.X86_REG_ES, x86.X86_REG_FS, x86.X86_REG_GS, x86.X86_REG_SS, x86.X86_REG_CS)
)
PORT_WIDTHS = {"b": 1, "w": 2, "d": 4}


_MODES = {16: capstone.CS_MODE_16, 32: capstone.CS_MODE_32, 64: capstone.CS_MODE_64}


@lru_cache(maxsize=3)
def _engine(mode: int) -> capstone.Cs:
    engine = capstone.Cs(capstone.CS_ARCH_X86, _MODES[mode])
    engine.detail = True
    return engine


@lru_cache(maxsize=3)
def _measure(mode: int) -> capstone.Cs:
    return capstone.Cs(capstone.CS_ARCH_X86, _MODES[mode])


def length(code: bytes, mode: Mode) -> int:
    """How long the first instruction of ``code`` is, 0 where it is none; a tenth of the work of `read`."""
    for _, size, _, _ in _measure(mode).disasm_lite(code, 0, 1):
        return int(size)
    return 0


def read(code: bytes, mode: Mode) -> Shape | None:
    """The first instruction of ``code``, or None where the bytes are no complete instruction."""
    for raw in _engine(mode).disasm(code, 0, 1):
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
    if base in DESCRIPTORS or (base in ("mov", "pop") and first and _is_segment(first)):
        traits.add("descriptor")
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


def _is_segment(operand: x86.X86Op) -> bool:
    return operand.type == x86.X86_OP_REG and operand.reg in SEGMENT_REGISTERS


def _signed(target: int, mode: Mode) -> int:
    """capstone's absolute target of an instruction at 0, as a distance."""
    width = mode  # a 16-bit operand wraps at 64 KiB
    target &= (1 << width) - 1
    return target - (1 << width) if target >> (width - 1) else target


SOMEWHERE = MemoryOperand("ds", "?", "", 1, 0, 1, True, True)
"""Memory that can't be told."""


def _memory(raw: capstone.CsInsn, base: str, string: bool, mode: Mode) -> tuple[MemoryOperand, ...]:
    operands = raw.operands
    first_is_memory = bool(operands) and operands[0].type == x86.X86_OP_MEM
    access = access_of(base, first_is_memory=first_is_memory and not string)
    places = [] if access == "none" else [operand for operand in operands if operand.type == x86.X86_OP_MEM]
    found = [_operand(raw, operand, base, access, string) for operand in places]
    if access == "unknown" or (base in BIT_OFFSETS and operands[-1].type == x86.X86_OP_REG and found):
        found = [SOMEWHERE]
    return (*found, *_stack(base, _stack_width(raw, mode), releases=base in RETURNS and bool(operands)))


def _operand(raw: capstone.CsInsn, operand: x86.X86Op, base: str, access: Access | None, string: bool) -> MemoryOperand:
    place = operand.mem
    register = raw.reg_name(place.base) if place.base else ""
    index = raw.reg_name(place.index) if place.index else ""
    # capstone names no access for INS and OUTS: INS writes at RDI, OUTS reads at RSI
    reads = bool(operand.access & capstone.CS_AC_READ) or (string and base.startswith("outs"))
    writes = bool(operand.access & capstone.CS_AC_WRITE) or (string and base.startswith("ins"))
    if access is not None:
        reads, writes = access in ("read", "both"), access in ("write", "both")
    changed = {whole(raw.reg_name(number)) for number in raw.regs_access()[1]}
    return MemoryOperand(
        raw.reg_name(place.segment) if place.segment else _segment(register),
        register,
        index,
        place.scale,
        place.disp,
        SIZES.get(base, operand.size),
        reads,
        writes,
        operand.size if string else 0,
        lost=not string and not changed.isdisjoint((whole(register), whole(index))),
    )


def _segment(base: str) -> str:
    return "ss" if base in ("rsp", "esp", "sp", "rbp", "ebp", "bp") else "ds"


def _stack_width(raw: capstone.CsInsn, mode: Mode) -> int:
    """Bytes of one push: the operand size, which in 64-bit mode is 8 or 2."""
    if mode == 64 and raw.mnemonic == "retf":
        return 4
    if raw.prefix[2] != 0x66:
        return mode // 8
    return 4 if mode == 16 else 2


RETURNS = frozenset(("ret", "retf", "retfq"))
WORDS = {"pushal": 8, "pushaw": 8, "pusha": 8, "pushad": 8, "popal": 8, "popaw": 8, "popa": 8, "popad": 8, "retf": 2}
WORDS |= {"retfq": 2, "lcall": 2}


def _stack(base: str, width: int, *, releases: bool) -> tuple[MemoryOperand, ...]:
    """What a push or pop touches, seen from RSP as it is before the instruction; RET n ``releases`` more of it."""
    size = width * WORDS.get(base, 1)
    if base in PUSHES:
        return (MemoryOperand("ss", "rsp", "", 1, -size, size, False, True, 0, size),)
    if base in POPS:
        return (MemoryOperand("ss", "rsp", "", 1, 0, size, True, False, 0, -size, lost=releases),)
    if base == "leave":
        return (MemoryOperand("ss", "rbp", "", 1, 0, width, True, False, lost=True),)
    if base == "xlatb":
        return (MemoryOperand("ds", "rbx", "al", 1, 0, 1, True, False, lost=True),)
    return ()
