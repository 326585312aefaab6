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
    if not session.debugger.capabilities.monitor:
        raise CommandError("translate reads physical memory through QEMU's monitor, and this stub has none.")
    address = await session.location(arguments.text)
    registers = (await session.state()).registers
    missing = [name for name in NEEDED if name not in registers]
    if missing:
        raise CommandError(f"This stub does not show {', '.join(missing)}, so the page tables cannot be found.")

    async def read(where: int, size: int) -> int:
        return await read_word(session.debugger.monitor, where, size)

    cr0, cr3, cr4 = (registers[name] for name in NEEDED)
    found = await walk(address, cr0, cr3, cr4, registers.get("efer", 0), read)
    _show(session, address, cr3, found)
    await _compare(session, address, found)


def _show(session: Session, address: int, cr3: int, found: PageWalk) -> None:
    paging = "paging is off" if found.mode == "none" else f"{found.mode} paging, CR3 {cr3:#x}"
    session.out(f"{session.place(address)}: {paging}")
    for entry in found.entries:
        session.out(f"  {entry_text(entry, wide=found.mode != '32-bit')}")
    if found.physical is None:
        session.out(f"not mapped: {found.why}")
        return
    session.out(f"physical {found.physical:#x}" + (f", in a {_size(found.page)} page" if found.page else ""))


def _size(size: int) -> str:
    return f"{size >> 30} GiB" if size >> 30 else f"{size >> 20} MiB" if size >> 20 else f"{size >> 10} KiB"


async def _compare(session: Session, address: int, found: PageWalk) -> None:
    """QEMU walks too (``gva2gpa``); where it finds something else, that is said. It takes no notice of the
    width of linear addresses, so it is not asked about those that are none."""
    if not found.entries and found.physical is None:
        return
    try:
        text = await session.debugger.monitor(f"gva2gpa {address:#x}")
    except Refused:
        return
    match = _GPA.search(text)
    theirs = int(match[1], 16) if match else None
    if match is None and "Unmapped" not in text:
        return
    if theirs == found.physical:
        session.out("QEMU's gva2gpa agrees.")
    else:
        answer = "unmapped" if theirs is None else f"{theirs:#x}"
        session.out(f"contradiction: QEMU's gva2gpa says {answer}.")


COMMANDS = (
    Command(
        "translate",
        ("tr",),
        "ADDRESS",
        "Walk the page tables for a linear address.",
        translate,
        "data",
        "4-level, 5-level, PAE and 32-bit paging, large pages; each entry with its flags: W or R, U or S, A, D, NX.",
        completes="location",
    ),
)
