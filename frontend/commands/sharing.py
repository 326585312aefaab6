"""``clients``, ``drive``, ``give``: who else is at this guest (``--serve``)."""

from __future__ import annotations

from frontend.commands.session import Session
from frontend.commands.shared import Shared
from frontend.commands.table import Arguments, Command, CommandError, no_arguments


def _shared(session: Session) -> Shared:
    if session.shared is None:
        raise CommandError("Nobody else can be at this guest: dr6 serves it only with --serve ADDR.")
    return session.shared


async def clients(session: Session, arguments: Arguments) -> None:
    no_arguments("clients", arguments)
    for line in _shared(session).describe():
        session.out(line)


async def drive(session: Session, arguments: Arguments) -> None:
    no_arguments("drive", arguments)
    _shared(session).take()
    session.out("The screen drives the guest now.")


async def give(session: Session, arguments: Arguments) -> None:
    no_arguments("give", arguments)
    _shared(session).give()
    session.out("Whoever lets the guest run next drives it.")


COMMANDS = (
    Command("clients", (), "", "Who shares this guest, and who drives it (--serve).", clients, "session", needs=""),
    Command("drive", (), "", "Take the guest over from another client (--serve).", drive, "session", needs=""),
    Command("give", (), "", "Give the guest to whoever lets it run next (--serve).", give, "session", needs=""),
)
