"""``translate ADDR``: the page walk, read through the monitor's physical memory and checked with its own answer."""

from __future__ import annotations

import re

from frontend.commands.page_walk import PageWalk, entry_text, walk
from frontend.commands.physical import read_word
from frontend.commands.session import Session
from frontend.commands.table import Arguments, Command, CommandError
from gdbstub.errors import Refused

_GPA = re.compile(r"gpa:\s*(?:0x)?([0-9a-fA-F]+)")
NEEDED = ("cr0", "cr3", "cr4")


async def translate(session: Session, arguments: Arguments) -> None:
    lines = await walk_lines(session, arguments.text)
    session.panes.walked = arguments.text
    for line in lines:
        session.out(line)


async def walk_lines(session: Session, text: str) -> list[str]:
    """The page walk of a location, a line an entry. Raises `GdbError` where there is none."""
    if not session.debugger.capabilities.monitor:
        raise CommandError("translate reads physical memory through QEMU's monitor, and this stub has none.")
    address = await session.location(text)
    registers = (await session.state()).registers
    missing = [name for name in NEEDED if name not in registers]
    if missing:
        raise CommandError(f"This stub does not show {', '.join(missing)}, so the page tables cannot be found.")

    async def read(where: int, size: int) -> int:
        return await read_word(session.debugger.monitor, where, size)

    cr0, cr3, cr4 = (registers[name] for name in NEEDED)
    found = await walk(address, cr0, cr3, cr4, registers.get("efer", 0), read)
    return [*_lines(session, address, cr3, found), *await _compared(session, address, found)]


def _lines(session: Session, address: int, cr3: int, found: PageWalk) -> list[str]:
    paging = "paging is off" if found.mode == "none" else f"{found.mode} paging, CR3 {cr3:#x}"
    lines = [f"{session.place(address)}: {paging}"]
    lines += [f"  {entry_text(entry, wide=found.mode != '32-bit')}" for entry in found.entries]
    if found.physical is None:
        return [*lines, f"not mapped: {found.why}"]
    return [*lines, f"physical {found.physical:#x}" + (f", in a {_size(found.page)} page" if found.page else "")]


def _size(size: int) -> str:
    return f"{size >> 30} GiB" if size >> 30 else f"{size >> 20} MiB" if size >> 20 else f"{size >> 10} KiB"


async def _compared(session: Session, address: int, found: PageWalk) -> list[str]:
    """QEMU walks too (``gva2gpa``); where it finds something else, that is said. It takes no notice of the
    width of linear addresses, so it is not asked about those that are none."""
    if not found.entries and found.physical is None:
        return []
    try:
        text = await session.debugger.monitor(f"gva2gpa {address:#x}")
    except Refused:
        return []
    match = _GPA.search(text)
    theirs = int(match[1], 16) if match else None
    if match is None and "Unmapped" not in text:
        return []
    if theirs == found.physical:
        return ["QEMU's gva2gpa agrees."]
    answer = "unmapped" if theirs is None else f"{theirs:#x}"
    return [f"contradiction: QEMU's gva2gpa says {answer}."]


COMMANDS = (
    Command(
        "translate",
        ("tr",),
        "ADDRESS",
        "Walk the page tables for a linear address.",
        translate,
        "data",
        "4-level, 5-level, PAE and 32-bit paging, large pages; each entry with its flags: W or R, U or S, A, D, NX. "
        "The screen's page walk follows the address from then on.",
        completes="location",
    ),
)
