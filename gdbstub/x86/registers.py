"""Register names, their parts, and RFLAGS as a table. SDM vol. 1 3.4; RFLAGS: SDM vol. 1 3.4.3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

Mode = Literal[16, 32, 64]
"""What the CPU decodes code as: CS.D, CS.L and EFER.LMA. SDM vol. 3A 3.4.5."""

GENERAL_64 = (
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
)  # fmt: skip
GENERAL_32 = ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp")
GENERAL_16 = ("ax", "bx", "cx", "dx", "si", "di", "bp", "sp")
SEGMENTS = ("cs", "ss", "ds", "es", "fs", "gs")
GENERAL = {16: GENERAL_16, 32: GENERAL_32, 64: GENERAL_64}
"""The general registers as each mode names them."""

MASK_64 = 0xFFFF_FFFF_FFFF_FFFF
MASK_32 = 0xFFFF_FFFF
MASK_16 = 0xFFFF


class Part(NamedTuple):
    """A register name as bits of a 64-bit register: ``(whole >> shift) & mask``."""

    whole: str
    shift: int
    mask: int


def _parts() -> dict[str, Part]:
    parts: dict[str, Part] = {}
    for whole, double, word in zip(GENERAL_64, GENERAL_32, GENERAL_16, strict=False):
        parts[whole] = Part(whole, 0, MASK_64)
        parts[double] = Part(whole, 0, MASK_32)
        parts[word] = Part(whole, 0, MASK_16)
        low = word[0] if word.endswith("x") else word
        parts[low + "l"] = Part(whole, 0, 0xFF)
        if word.endswith("x"):
            parts[low + "h"] = Part(whole, 8, 0xFF)
    for whole in GENERAL_64[8:]:
        parts[whole] = Part(whole, 0, MASK_64)
        parts[whole + "d"] = Part(whole, 0, MASK_32)
        parts[whole + "w"] = Part(whole, 0, MASK_16)
        parts[whole + "b"] = Part(whole, 0, 0xFF)
    parts["rip"], parts["eip"], parts["ip"] = (Part("rip", 0, m) for m in (MASK_64, MASK_32, MASK_16))
    return parts


PARTS = _parts()


def whole(name: str) -> str:
    """The 64-bit register that ``name`` is a part of ("ebx" → "rbx"); a name that is none stays."""
    return PARTS[name].whole if name in PARTS else name


def part_mask(name: str) -> int:
    """The bits that a register name stands for; all 64 of a name that is none."""
    return PARTS[name].mask if name in PARTS else MASK_64


def part(name: str, registers: Mapping[str, int]) -> int | None:
    """The value of register ``name`` ("ebx", "dil", "r8d") out of the whole ones; None if that is not there."""
    known = PARTS.get(name)
    if known is None:
        return registers.get(name)
    whole = registers.get(known.whole)
    return None if whole is None else (whole >> known.shift) & known.mask


class FlagField(NamedTuple):
    """One field of RFLAGS: its lowest bit and its width; ``bits`` is how manuals write them ("8", "13:12")."""

    name: str
    bit: int
    width: int
    meaning: str

    @property
    def bits(self) -> str:
        return str(self.bit) if self.width == 1 else f"{self.bit + self.width - 1}:{self.bit}"


RFLAGS = (
    FlagField("CF", 0, 1, "carry"),
    FlagField("PF", 2, 1, "parity"),
    FlagField("AF", 4, 1, "auxiliary carry"),
    FlagField("ZF", 6, 1, "zero"),
    FlagField("SF", 7, 1, "sign"),
    FlagField("TF", 8, 1, "trap: #DB after each instruction"),
    FlagField("IF", 9, 1, "interrupts enabled"),
    FlagField("DF", 10, 1, "direction of string instructions: 1 downwards"),
    FlagField("OF", 11, 1, "overflow"),
    FlagField("IOPL", 12, 2, "I/O privilege level"),
    FlagField("NT", 14, 1, "nested task"),
    FlagField("RF", 16, 1, "resume: instruction breakpoints off for one instruction"),
    FlagField("VM", 17, 1, "virtual-8086 mode"),
    FlagField("AC", 18, 1, "alignment check, or access control (SMAP)"),
    FlagField("VIF", 19, 1, "virtual interrupt flag"),
    FlagField("VIP", 20, 1, "virtual interrupt pending"),
    FlagField("ID", 21, 1, "CPUID can be executed"),
)

TF = 1 << 8
IF = 1 << 9
DF = 1 << 10
OF = 1 << 11
RF = 1 << 16
VM = 1 << 17

RFLAGS_ONE = 1 << 1
"""It always reads 1."""
RFLAGS_BITS = RFLAGS_ONE | sum(((1 << field.width) - 1) << field.bit for field in RFLAGS)
"""All that RFLAGS can hold."""

CR4_DE = 1 << 3
DEBUGCTL_LBR = 1 << 0
DEBUGCTL_BTF = 1 << 1
DEBUGCTL_BLD = 1 << 2
DEBUGCTL_RTM = 1 << 15
EFER_LMA = 1 << 10
CR0_PE = 1 << 0
CR0_PG = 1 << 31
ATTRIBUTE_L = 1 << 21
"""Of a segment's attributes, as its descriptor has them: SDM vol. 3A 3.4.5."""
ATTRIBUTE_D = 1 << 22


def code_mode(cs_attributes: int, efer: int) -> Mode:
    """The operand size that the CPU decodes with: SDM vol. 3A 3.4.5 (D/B and L flags)."""
    if efer & EFER_LMA and cs_attributes & ATTRIBUTE_L:
        return 64
    return 32 if cs_attributes & ATTRIBUTE_D else 16


def mode_by_registers(registers: Mapping[str, int]) -> Mode:
    """`code_mode` where only the registers by our names are known, not CS.D and CS.L: code of protected mode is taken
    to be 32-bit, that of long mode 64-bit. SDM vol. 3A 2.2 (long mode needs paging)."""
    cr0 = registers.get("cr0", CR0_PE | CR0_PG)
    if not cr0 & CR0_PE or registers.get("rflags", 0) & VM:
        return 16
    long = "r8" in registers and cr0 & CR0_PG and registers.get("efer", EFER_LMA) & EFER_LMA
    return 64 if long else 32


def cpl_by_registers(registers: Mapping[str, int], mode: Mode) -> int | None:
    """CPL, as far as CS tells it: its lowest bits, but 0 in real mode and 3 in virtual-8086 mode. SDM vol. 3A 5.5."""
    if registers.get("rflags", 0) & VM:
        return 3
    return 0 if mode == 16 else registers["cs"] & 3 if "cs" in registers else None


def flag_names(rflags: int) -> tuple[str, ...]:
    """The fields of ``rflags`` that are not 0, in the order of their bits ("ZF", "IOPL=3", …)."""
    names = []
    for field in RFLAGS:
        value = (rflags >> field.bit) & ((1 << field.width) - 1)
        if value:
            names.append(field.name if field.width == 1 else f"{field.name}={value}")
    return tuple(names)
