"""What instructions do with their memory, where capstone 5 does not say or says it wrongly. SDM vol. 2.

capstone calls a store of FSTP, MOVNTI, CMPXCHG or VMOVDQU a load, knows no stack of LEAVE or PUSHA, and gives XSAVE the
size of a pointer; a data breakpoint sees what really happens.
"""

from __future__ import annotations

from typing import Literal

Access = Literal["none", "read", "write", "both", "unknown"]
"""``unknown``: how much is touched, or whether at all, hangs on masks, states or bit offsets."""


def _rows(access: Access, *names: str) -> dict[str, Access]:
    return dict.fromkeys(names, access)


ACCESSES: dict[str, Access] = (
    _rows("none", "lea", "nop", "endbr64", "endbr32", "invlpg", "invlpga", "cldemote")
    | _rows("none", "prefetch", "prefetchw", "prefetcht0", "prefetcht1", "prefetcht2", "prefetchnta")
    | _rows("read", "test", "fldenv", "frstor", "fxrstor", "fxrstor64")
    | _rows("write", "fst", "fstp", "fist", "fistp", "fisttp", "fbstp", "fstcw", "fnstcw", "fstsw", "fnstsw")
    | _rows("write", "fstenv", "fnstenv", "fsave", "fnsave", "fxsave", "fxsave64", "stmxcsr", "vstmxcsr", "movnti")
    | _rows("both", "cmpxchg", "cmpxchg8b", "cmpxchg16b")
    | _rows("unknown", "xsave", "xsave64", "xsavec", "xsavec64", "xsaveopt", "xsaveopt64", "xsaves", "xsaves64")
    | _rows("unknown", "xrstor", "xrstor64", "xrstors", "xrstors64", "clflush", "clflushopt", "clwb")
    | _rows("unknown", "maskmovq", "maskmovdqu", "vmaskmovdqu", "enter")
)

SIZES = {
    "fldenv": 28, "fstenv": 28, "fnstenv": 28, "frstor": 108, "fsave": 108, "fnsave": 108,
    "fxsave": 512, "fxsave64": 512, "fxrstor": 512, "fxrstor64": 512,
}  # fmt: skip
"""Bytes in memory, where the operand says less."""

PARTIAL = (
    "vmaskmov",
    "vpmaskmov",
    "vscatter",
    "vpscatter",
    "vgather",
    "vpgather",
    "vcompress",
    "vpcompress",
    "vexpand",
)
"""Vector instructions that touch what a mask selects."""
STORES = ("v", "mov", "pextr", "extractps")
"""Beginnings of mnemonics that store where their first operand is memory."""

BIT_OFFSETS = frozenset(("bt", "bts", "btr", "btc"))
"""With a bit offset in a register they reach beyond their operand."""

DESCRIPTORS = frozenset(
    ("lds", "les", "lfs", "lgs", "lss", "lar", "lsl", "verr", "verw", "ltr", "lldt", "ljmp", "lcall", "retf", "retfq")
)
"""They read a descriptor table, which no operand names; so does a MOV or POP to a segment register."""


def access_of(mnemonic: str, *, first_is_memory: bool) -> Access | None:
    """What the memory operand of ``mnemonic`` is used for; None: as capstone says."""
    known = ACCESSES.get(mnemonic)
    if known is not None:
        return known
    if mnemonic.startswith(PARTIAL):
        return "unknown"
    return "write" if first_is_memory and mnemonic.startswith(STORES) else None
