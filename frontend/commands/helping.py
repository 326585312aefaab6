"""``help``: the table of commands as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from frontend.commands.info import SUBJECTS, find_subject
from frontend.commands.session import Session
from frontend.commands.table import GROUPS, Arguments, Command


def help_command(rows: Callable[[], Sequence[Command]], find: Callable[[str], Command]) -> Command:
    """Its row of the table that ``rows`` gives, where ``find`` looks a name up."""

    async def handler(session: Session, arguments: Arguments) -> None:
        if arguments.text:
            _one(session, arguments.text, find)
        else:
            _all(session, rows())

    return Command(
        "help",
        ("h",),
        "[COMMAND]",
        "List the commands, or explain one.",
        handler,
        "session",
        needs="",
        completes="command",
    )


def _all(session: Session, rows: Sequence[Command]) -> None:
    for group, title in GROUPS.items():
        session.out(f"{title}:")
        for row in sorted(rows, key=lambda row: row.name):
            if row.group == group:
                session.out(f"  {row.name:<12} {row.help}")
    session.out("help COMMAND tells more. Unique beginnings of names will do; an empty line repeats.")


def _one(session: Session, text: str, find: Callable[[str], Command]) -> None:
    name, _, rest = text.partition(" ")
    if (defined := session.definitions.get(name)) is not None:
        session.out(defined.help)
        return
    row = find(name)
    if row.name == "info" and rest.strip():
        subject = find_subject(rest.strip())
        session.out(f"info {subject.name}: {subject.help}")
        return
    session.out(f"{row.name} {row.arguments}".rstrip())
    if row.short:
        session.out(f"Also: {', '.join(row.short)}")
    session.out(row.help)
    if row.details:
        session.out(row.details)
    if row.name == "info":
        for subject in SUBJECTS:
            session.out(f"  {subject.name:<12} {subject.help}")
