"""Entries of the GDT and of an LDT: SDM vol. 3A 3.4.5 (code and data), 3.5 (system; long mode's TSS and LDT take 16
bytes, 7.2.3); and the stacks that a TSS names, 7.2.1 and 7.7."""

from __future__ import annotations

from typing import NamedTuple

SYSTEM_TYPES = {
    1: "16-bit TSS (available)",
    2: "LDT",
    3: "16-bit TSS (busy)",
    4: "16-bit call gate",
    5: "task gate",
    6: "16-bit interrupt gate",
    7: "16-bit trap gate",
    9: "32-bit TSS (available)",
    11: "32-bit TSS (busy)",
    12: "32-bit call gate",
    14: "32-bit interrupt gate",
    15: "32-bit trap gate",
}
LONG_SYSTEM_TYPES = {2: "LDT", 9: "64-bit TSS (available)", 11: "64-bit TSS (busy)", 12: "64-bit call gate"}
"""Of long mode, SDM vol. 3A table 3-2; 14 and 15 lie in the IDT."""
WIDE = frozenset(LONG_SYSTEM_TYPES)


class Descriptor(NamedTuple):
    """``size`` is how many bytes it takes: 8, or 16 for a system descriptor of long mode. ``limit`` is the last byte's
    offset. ``kind`` says what it describes, with what may be done there."""

    base: int
    limit: int
    kind: str
    dpl: int
    present: bool
    size: int


def parse_descriptor(data: bytes, long: bool) -> Descriptor | None:
    """The descriptor that begins ``data`` (16 bytes, or 8 where no more are there); ``long``: EFER.LMA is 1. None for
    an empty one, and where ``data`` is too short."""
    if len(data) < 8 or not any(data[:8]):
        return None
    low, high = int.from_bytes(data[:4], "little"), int.from_bytes(data[4:8], "little")
    limit = low & 0xFFFF | high & 0xF0000
    if high >> 23 & 1:
        limit = limit << 12 | 0xFFF
    base = low >> 16 | (high & 0xFF) << 16 | high & 0xFF000000
    dpl, present = high >> 13 & 3, bool(high >> 15 & 1)
    if high >> 12 & 1:
        return Descriptor(base, limit, _segment(high, long), dpl, present, 8)
    number = high >> 8 & 0xF
    wide = long and number in WIDE
    if wide:
        if len(data) < 16:
            return None
        base |= int.from_bytes(data[8:12], "little") << 32
    kinds = LONG_SYSTEM_TYPES if long else SYSTEM_TYPES
    return Descriptor(base, limit, kinds.get(number, f"reserved type {number}"), dpl, present, 16 if wide else 8)


def _segment(high: int, long: bool) -> str:
    """Code or data, and the flags of table 3-1."""
    accessed = ", accessed" if high >> 8 & 1 else ""
    if high >> 11 & 1:
        width = "64" if long and high >> 21 & 1 else "32" if high >> 22 & 1 else "16"
        conforming = ", conforming" if high >> 10 & 1 else ""
        return f"{width}-bit code, execute{'/read' if high >> 9 & 1 else ''}{conforming}{accessed}"
    down = ", expands down" if high >> 10 & 1 else ""
    return f"data, read{'/write' if high >> 9 & 1 else ''}{down}{accessed}"


class Stacks(NamedTuple):
    """What a TSS says of stacks: ``levels`` the (SS, stack pointer) of CPL 0 to 2, without SS in long mode; ``ist`` the
    stack pointers IST1 to IST7, which only long mode has."""

    levels: tuple[tuple[int | None, int], ...]
    ist: tuple[int, ...]


TSS_BYTES = 104
"""Of either width: what the CPU itself reads."""


def parse_stacks(data: bytes, long: bool) -> Stacks | None:
    """The first 104 bytes of a TSS of 32 bits or of long mode: SDM vol. 3A figures 7-2 and 7-11."""
    if len(data) < TSS_BYTES:
        return None

    def field(offset: int, size: int) -> int:
        return int.from_bytes(data[offset : offset + size], "little")

    if long:
        levels = tuple((None, field(4 + 8 * level, 8)) for level in range(3))
        return Stacks(levels, tuple(field(0x24 + 8 * n, 8) for n in range(7)))
    return Stacks(tuple((field(8 + 8 * level, 2), field(4 + 8 * level, 4)) for level in range(3)), ())
