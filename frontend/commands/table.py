"""What a command is: a row with names, help and a handler. The tables themselves are in the sibling modules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple

from frontend.clean import clean
from frontend.commands.session import Session
from gdbstub.errors import GdbError


class CommandError(GdbError):
    """A command line that cannot be carried out; one sentence for the user."""


class Quit(Exception):
    """The user leaves. ``code`` is the exit code that ``quit CODE`` gave, else 0."""

    def __init__(self, code: int = 0) -> None:
        self.code = code
        super().__init__(code)


class Arguments(NamedTuple):
    """What stands behind a command's name; ``format`` is what follows a slash right behind it (``x/4xg``)."""

    text: str
    format: str = ""


Handler = Callable[[Session, Arguments], Awaitable[None]]
Group = Literal["running", "breakpoints", "data", "status", "explaining", "session"]
Completes = Literal["", "location", "breakpoint", "vector", "command", "info"]
Needs = Literal["", "guest", "stopped"]
"""What must hold: nothing, a guest that is still there, or one that also stands still."""
Repeat = Literal["", "same", "bare", "other"]
"""What an empty line does afterwards: nothing, the same line again, the command without arguments, or what it would
have done before."""


class Command(NamedTuple):
    """``short`` are gdb's abbreviations, which win over longer names that begin alike; ``arguments`` is the
    usage behind the name; ``help`` one sentence; ``details`` more of them, may be empty."""

    name: str
    short: tuple[str, ...]
    arguments: str
    help: str
    handler: Handler
    group: Group
    details: str = ""
    needs: Needs = "stopped"
    repeat: Repeat = ""
    completes: Completes = ""
    slash: bool = False
    """Whether ``/FORMAT`` may follow the name."""
    opens: bool = False
    """Whether the lines up to an ``end`` belong to it."""
    without_files: Handler | None = None
    """Its arguments name a file of this machine: what it does instead in a session that may not touch any
    (`Session.may_use_files`)."""


def no_arguments(command: str, arguments: Arguments) -> None:
    """Refuse arguments that a command has no use for."""
    if arguments.text:
        raise CommandError(f"{command} takes no arguments.")


async def refuse_files(session: Session, arguments: Arguments) -> None:
    """`Command.without_files` of a command that is nothing without its file."""
    raise CommandError(
        f"{clean(arguments.text)} is left alone: a replay neither reads nor writes files of this machine, since a "
        "recording may be a stranger's; --allow-files lets it."
    )


def number(text: str, what: str) -> int:
    """A plain decimal or hexadecimal number; CommandError names ``what`` it should have been."""
    try:
        return int(text, 0)
    except ValueError:
        raise CommandError(f"{text!r} is no {what}.") from None


GROUPS: dict[Group, str] = {
    "running": "Running the guest",
    "breakpoints": "Breakpoints, watchpoints, caught vectors",
    "data": "Memory, registers, expressions",
    "status": "Where and what the guest is",
    "explaining": "Why it stopped",
    "session": "The session",
}
