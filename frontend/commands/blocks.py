"""``if``, ``while`` and what leaves a loop: they put the lines to be run in front of what is still to be run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from frontend.commands.collecting import BlockLine, Collecting
from frontend.commands.session import Session
from frontend.commands.table import Arguments, Command, CommandError, no_arguments

MOST_WAITING = 100_000
"""Lines: a command that calls itself twice would fill the memory."""


class NextRound(str):
    """The line behind a loop's body that begins it anew; its block follows it up to its ``end``."""

    __slots__ = ()


def put_in_front(session: Session, lines: list[str]) -> None:
    """They are run next."""
    block = session.blocks[-1]
    if len(block) + len(lines) > MOST_WAITING:
        raise CommandError(f"More than {MOST_WAITING:,} lines wait to be run: a command of yours calls itself.")
    block.extendleft(reversed(lines))


def _block(what: str, choose: Callable[[bool, str, list[BlockLine]], list[str]]) -> Callable[..., Awaitable[None]]:
    """A command whose ``choose`` gets whether the condition holds, its text, and the lines."""

    async def handler(session: Session, arguments: Arguments) -> None:
        condition = arguments.text
        if not condition:
            raise CommandError(f"{what} needs a condition, as in {what} $rcx > 0.")

        async def keep(lines: list[BlockLine]) -> None:
            holds = (await session.evaluate(condition)).number != 0
            put_in_front(session, choose(holds, condition, lines))

        session.collecting = Collecting(keep)

    return handler


def _branch(holds: bool, condition: str, lines: list[BlockLine]) -> list[str]:
    at = next((at for at, line in enumerate(lines) if line == ("else", 0)), len(lines))
    return [line.text for line in (lines[:at] if holds else lines[at + 1 :])]


def _round(holds: bool, condition: str, lines: list[BlockLine]) -> list[str]:
    body = [line.text for line in lines]
    return [*body, NextRound(f"while {condition}"), *body, "end"] if holds else []


async def else_(session: Session, arguments: Arguments) -> None:
    raise CommandError("else belongs between an if and its end.")


async def end(session: Session, arguments: Arguments) -> None:
    raise CommandError("end belongs to a block, and none is open.")


async def loop_continue(session: Session, arguments: Arguments) -> None:
    no_arguments("loop_continue", arguments)
    block = session.blocks[-1]
    if not any(isinstance(line, NextRound) for line in block):
        raise CommandError("There is no while to go on with.")
    while not isinstance(block[0], NextRound):
        block.popleft()


async def loop_break(session: Session, arguments: Arguments) -> None:
    await loop_continue(session, arguments)
    session.blocks[-1].popleft()
    session.collecting = Collecting(_nothing)


async def _nothing(lines: list[BlockLine]) -> None:
    """The block of a loop that is left."""


COMMANDS = (
    Command(
        "if",
        (),
        "CONDITION",
        "Run the lines up to else or end where an expression is not 0, else those behind else.",
        _block("if", _branch),
        "session",
        needs="",
        opens=True,
    ),
    Command("else", (), "", "The other half of an if.", else_, "session", needs=""),
    Command(
        "while",
        (),
        "CONDITION",
        "Run the lines up to end again and again while an expression is not 0.",
        _block("while", _round),
        "session",
        needs="",
        opens=True,
    ),
    Command("loop_break", (), "", "Leave the innermost while.", loop_break, "session", needs=""),
    Command(
        "loop_continue", (), "", "Begin the next round of the innermost while.", loop_continue, "session", needs=""
    ),
    Command("end", (), "", "Ends a block: of if, while, define, document, commands.", end, "session", needs=""),
)
