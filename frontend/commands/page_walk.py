"""Linear address → physical address, step by step through the page tables. SDM vol. 3A chapter 4.

`walk` is a plain function over a reader of physical words, so that any backend, and a test, can stand
behind it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

CR0_WP = 1 << 16
CR0_PG = 1 << 31
CR4_PSE = 1 << 4
CR4_PAE = 1 << 5
CR4_LA57 = 1 << 12
EFER_LMA = 1 << 10
EFER_NXE = 1 << 11

PRESENT = 1
WRITABLE = 1 << 1
USER = 1 << 2
LARGE = 1 << 7
NO_EXECUTE = 1 << 63
ADDRESS = 0x000F_FFFF_FFFF_F000
ADDRESS_32 = 0xFFFF_F000

FLAGS = ((1, "W", "R"), (2, "U", "S"), (5, "A", ""), (6, "D", ""))
"""Bit, and what is said when it is set and clear."""

ReadPhysical = Callable[[int, int], Awaitable[int]]
"""``(address, size)`` → the little-endian word there."""

PagingMode = Literal["none", "32-bit", "PAE", "4-level", "5-level"]


class Level(NamedTuple):
    """One table of a paging mode: its name, the lowest bit of the index and the index's width."""

    name: str
    shift: int
    width: int


LONG = (Level("PML5E", 48, 9), Level("PML4E", 39, 9), Level("PDPTE", 30, 9), Level("PDE", 21, 9), Level("PTE", 12, 9))
LEVELS: dict[PagingMode, tuple[Level, ...]] = {
    "none": (),
    "32-bit": (Level("PDE", 22, 10), Level("PTE", 12, 10)),
    "PAE": (Level("PDPTE", 30, 2), Level("PDE", 21, 9), Level("PTE", 12, 9)),
    "4-level": LONG[1:],
    "5-level": LONG,
}


class Entry(NamedTuple):
    """One entry that the walk read."""

    level: str
    number: int
    address: int
    value: int


@dataclass(frozen=True, slots=True)
class PageWalk:
    """What a walk found. ``physical`` is None where an entry was not present, or ``why`` says what else was
    wrong; ``page`` is the size of the page in bytes."""

    mode: PagingMode
    entries: tuple[Entry, ...]
    physical: int | None
    page: int | None
    why: str = ""


def paging_mode(cr0: int, cr4: int, efer: int) -> PagingMode:
    """SDM vol. 3A 4.1.1, table 4-1."""
    if not cr0 & CR0_PG:
        return "none"
    if not cr4 & CR4_PAE:
        return "32-bit"
    if not efer & EFER_LMA:
        return "PAE"
    return "5-level" if cr4 & CR4_LA57 else "4-level"


async def walk(linear: int, cr0: int, cr3: int, cr4: int, efer: int, read: ReadPhysical) -> PageWalk:
    """Follow the tables for ``linear``. What ``read`` raises passes through.

    PAE's four PDPTEs are read from memory, while the CPU keeps those that it loaded with CR3 (SDM 4.4.1).
    """
    mode = paging_mode(cr0, cr4, efer)
    if mode not in ("4-level", "5-level") and linear >> 32:
        return PageWalk(mode, (), None, None, "linear addresses have 32 bits outside long mode")
    if mode == "none":
        return PageWalk(mode, (), linear, None)
    levels = LEVELS[mode]
    if mode in ("4-level", "5-level"):
        top = 57 if mode == "5-level" else 48
        if linear >> (top - 1) not in (0, (1 << (65 - top)) - 1):
            return PageWalk(mode, (), None, None, "the address is not canonical")
    size = 4 if mode == "32-bit" else 8
    table = cr3 & (ADDRESS_32 if mode == "32-bit" else 0xFFFF_FFE0 if mode == "PAE" else ADDRESS)
    entries: list[Entry] = []
    for level in levels:
        index = linear >> level.shift & ((1 << level.width) - 1)
        address = table + index * size
        value = await read(address, size)
        entries.append(Entry(level.name, index, address, value))
        if not value & PRESENT:
            return PageWalk(mode, tuple(entries), None, None, f"the {level.name} is not present")
        if level.shift == 12 or _is_large(level, value, mode, cr4):
            base = _page_base(level, value, mode)
            offset = linear & ((1 << level.shift) - 1)
            return PageWalk(mode, tuple(entries), base | offset, 1 << level.shift)
        table = value & (ADDRESS_32 if mode == "32-bit" else ADDRESS)
    raise AssertionError("the last level always ends the walk")


def _is_large(level: Level, value: int, mode: PagingMode, cr4: int) -> bool:
    if not value & LARGE or level.name in ("PML5E", "PML4E") or (mode == "PAE" and level.name == "PDPTE"):
        return False
    return mode != "32-bit" or bool(cr4 & CR4_PSE)


def _page_base(level: Level, value: int, mode: PagingMode) -> int:
    if mode == "32-bit":
        if level.shift == 22:  # PSE-36: bits 20:13 are address bits 39:32
            return value & 0xFFC0_0000 | (value >> 13 & 0xFF) << 32
        return value & ADDRESS_32
    return value & ADDRESS & -(1 << level.shift)


def may_write(found: PageWalk, cr0: int, *, user: bool) -> bool:
    """May code write there, as far as the tables say? SDM vol. 3A 4.6.1; protection keys are not looked at."""
    if found.physical is None:
        return False
    entries = [entry.value for entry in found.entries if found.mode != "PAE" or entry.level != "PDPTE"]
    if user and not all(value & USER for value in entries):
        return False
    return all(value & WRITABLE for value in entries) or not (user or cr0 & CR0_WP)


def entry_text(entry: Entry, *, wide: bool) -> str:
    """``PTE[3] at 0x1018 = 0x2003: 0x2000 W S A``."""
    value = entry.value
    if not value & PRESENT:
        return f"{entry.level}[{entry.number}] at {entry.address:#x} = {value:#x}: not present"
    flags = [on if value >> bit & 1 else off for bit, on, off in FLAGS]
    if wide and value & NO_EXECUTE:
        flags.append("NX")
    if entry.level != "PTE" and value & LARGE:
        flags.append("large page")
    target = value & (ADDRESS if wide else ADDRESS_32)
    shown = " ".join(flag for flag in flags if flag)
    return f"{entry.level}[{entry.number}] at {entry.address:#x} = {value:#x}: {target:#x} {shown}"
