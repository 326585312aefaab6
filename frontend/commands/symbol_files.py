"""``symbol-file`` and ``add-symbol-file``: names from files, where the guest has them."""

from __future__ import annotations

import shlex

from frontend.clean import clean
from frontend.commands.session import Session
from frontend.commands.table import Arguments, Command, CommandError, refuse_files
from frontend.symbols import file_and_offset, read_names, text_address

TEXT = ".text"


async def symbol_file(session: Session, arguments: Arguments) -> None:
    """``symbol-file FILE [OFFSET]``: the offset is a slide that is added to each address."""
    word, _, more = arguments.text.partition(" ")
    if not word:
        raise CommandError("symbol-file needs an ELF file or a System.map.")
    path, offset = file_and_offset(word)
    slide = (await session.evaluate(more)).address if more.strip() else offset or 0
    _report(session, path, session.symbols.add(path, slide), slide)
    session.on_names()


async def add_symbol_file(session: Session, arguments: Arguments) -> None:
    """``add-symbol-file FILE [ADDRESS] [-s SECTION ADDRESS]… [-o OFFSET]``, as gdb has it: ADDRESS is that of .text."""
    try:
        words = shlex.split(arguments.text)
    except ValueError as error:
        raise CommandError(f"The arguments of add-symbol-file do not end: {error}.") from error
    if not words:
        raise CommandError("add-symbol-file needs a file, and where the guest has it.")
    path, *rest = words
    placed: dict[str, int] = {}
    offset = 0
    while rest:
        word = rest.pop(0)
        if word == "-s" and len(rest) >= 2:
            placed[rest.pop(0)] = (await session.evaluate(rest.pop(0))).address
        elif word == "-o" and rest:
            offset = (await session.evaluate(rest.pop(0))).address
        elif word[:1] == "-" and not word[1:2].isdigit():
            raise CommandError(f"add-symbol-file takes -s SECTION ADDRESS and -o OFFSET, not {clean(word)}.")
        else:
            placed[TEXT] = (await session.evaluate(word)).address
    linked = text_address(path)
    if linked is None:
        count = session.symbols.add_file(read_names(path, placed))
    else:
        if set(placed) - {TEXT}:
            raise CommandError(f"{clean(path)} has addresses already: -s is for modules and other object files.")
        offset += placed.get(TEXT, linked) - linked
        count = session.symbols.add(path, offset)
    _report(session, path, count, offset)
    session.on_names()


def _report(session: Session, path: str, count: int, slide: int) -> None:
    slid = f", {slide:#x} higher" if slide else ""
    session.out(f"{count} symbols from {clean(path)}{slid}.")


COMMANDS = (
    Command(
        "symbol-file",
        ("file",),
        "FILE [OFFSET]",
        "Read names from an ELF file, a System.map or a copy of kallsyms, OFFSET higher.",
        symbol_file,
        "session",
        needs="",
        without_files=refuse_files,
    ),
    Command(
        "add-symbol-file",
        (),
        "FILE [ADDRESS] [-s SECTION ADDRESS]… [-o OFFSET]",
        "Read names from a file that the guest has elsewhere: ADDRESS is where its .text is.",
        add_symbol_file,
        "session",
        "A module or another object file is laid out section by section; names of sections without an address are "
        "left out. Linux says where they are in /sys/module/NAME/sections.",
        needs="",
        without_files=refuse_files,
    ),
)
