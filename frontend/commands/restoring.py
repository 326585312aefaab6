"""``restore``: what was set at the end of the last session with the same target, set again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from frontend.clean import clean
from frontend.commands.again import lines_again
from frontend.commands.session import Session
from frontend.commands.table import Arguments, Command, CommandError, no_arguments
from gdbstub.errors import GdbError, ProtocolError, TransportError


def missing(session: Session) -> tuple[str, ...]:
    """The lines of last time that would set what is not set already."""
    there, lines, block = set(lines_again(session)), list[str](), False
    known = False
    for line in session.panes.last_time:
        begins = not block and line.partition(" ")[0] not in ("ignore", "disable", "commands")
        known = line in there if begins else known
        block = line == "commands" or (block and line != "end")
        if not known:
            lines.append(line)
    return tuple(lines)


def restore_command(execute: Callable[[Session, str], Awaitable[None]]) -> Command:
    """Its row of the table; ``execute`` carries out a line."""

    async def handler(session: Session, arguments: Arguments) -> None:
        no_arguments("restore", arguments)
        if not session.may_use_files:  # a recording has the lines, too
            session.message("Nothing is restored: what was set again follows in the recording.")
            return
        lines = missing(session)
        if not lines:
            raise CommandError("There is nothing of last time to restore for this target that is not set already.")
        failed = 0
        for line in lines:
            try:
                await execute(session, line)
            except (TransportError, ProtocolError):
                raise
            except GdbError as error:
                failed += 1
                session.out(f"{clean(line)}: {error}")
        if failed:
            raise CommandError(f"{failed} of {len(lines)} lines of last time failed; the others are set.")

    return Command(
        "restore",
        (),
        "",
        "Set the breakpoints, catches and displays of the last session with this target again.",
        handler,
        "session",
        "The screen keeps them by target, up to 50 targets, in $XDG_STATE_HOME/dr6/targets, and offers them at attach.",
        needs="guest",
    )
