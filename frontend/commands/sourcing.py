"""``source``: the commands of a file."""

from __future__ import annotations

import os.path
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from frontend.clean import clean
from frontend.commands.session import Session
from frontend.commands.table import Arguments, Command, CommandError
from gdbstub.errors import GdbError, ProtocolError, TransportError

Execute = Callable[[Session, str], Awaitable[None]]
OWN_SCRIPTS = "dr6:"
"""In front of the name of a script that comes with dr6: dr6:windbg."""
MOST_NESTED, LONGEST_SCRIPT = 10, 1 << 20


def source_command(execute: Execute) -> Command:
    """Its row of the table; ``execute`` carries out a line."""

    async def handler(session: Session, arguments: Arguments) -> None:
        path = arguments.text.removeprefix("-v ").strip()
        if not path:
            raise CommandError("source needs a file of commands.")
        await _run(session, path, execute)

    return Command(
        "source",
        ("so",),
        "FILE",
        "Run the commands of a file; the first that fails ends it.",
        handler,
        "session",
        "dr6:windbg names a file of dr6's own: words of WinDbg.",
        needs="",
        without_files=_lines_follow,
    )


async def _lines_follow(session: Session, arguments: Arguments) -> None:
    """A recording has the lines of the file, too: each was noted when it was run."""
    session.message(f"{clean(arguments.text)} is not read: what its lines did follows in the recording.")


def _read_script(path: str) -> str:
    if path.startswith(OWN_SCRIPTS):
        path = str(Path(__file__).parents[1] / "data" / f"{os.path.basename(path.removeprefix(OWN_SCRIPTS))}.dr6")
    try:
        with open(os.path.expanduser(path), encoding="utf-8", errors="backslashreplace") as file:
            return file.read(LONGEST_SCRIPT)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", "no file can have this name")
        raise CommandError(f"Cannot read commands from {clean(path)}: {why}.") from error


async def _run(session: Session, path: str, execute: Execute) -> None:
    """The lines of a file; the first that fails ends it, as in gdb, and the error says where."""
    text = await trio.to_thread.run_sync(_read_script, path, abandon_on_cancel=True)  # it may be a pipe
    if session.nesting >= MOST_NESTED:
        raise CommandError(f"Scripts call each other more than {MOST_NESTED} deep; {clean(path)} was not run.")
    session.nesting += 1
    try:
        for index, line in enumerate(text.splitlines(), 1):
            if not line.strip() and session.collecting is None:
                continue
            try:
                await execute(session, line)
            except (TransportError, ProtocolError):
                raise  # the connection's end, not the line's fault
            except GdbError as error:
                raise CommandError(f"{clean(path)}:{index}: {error}") from error
        if session.collecting is not None:
            session.collecting = None
            raise CommandError(f"{clean(path)} ends inside a block; an end is missing.")
    finally:
        session.nesting -= 1
