"""What a breakpoint does when it is hit: its condition, its ignore count, its commands."""

from __future__ import annotations

from frontend.commands.breaking import breakpoint_row, set_condition, user_rows
from frontend.commands.expressions import parse
from frontend.commands.session import Collecting, Session
from frontend.commands.table import Arguments, Command, CommandError


async def condition(session: Session, arguments: Arguments) -> None:
    which, _, text = arguments.text.partition(" ")
    row = breakpoint_row(session, which)
    if not text.strip():
        row.condition = row.predicate = None
        session.out(f"Breakpoint {row.number} now unconditional.")
        return
    set_condition(session, row, parse(text), text.strip())


async def ignore(session: Session, arguments: Arguments) -> None:
    which, _, text = arguments.text.partition(" ")
    row = breakpoint_row(session, which)
    count = (await session.evaluate(text)).number if text.strip() else 0
    row.ignore = max(0, count)
    times = "next time" if row.ignore == 0 else f"after {row.ignore} more crossing{'s' * (row.ignore > 1)}"
    session.out(f"Breakpoint {row.number} will stop {times}.")


async def commands(session: Session, arguments: Arguments) -> None:
    if arguments.text:
        row = breakpoint_row(session, arguments.text)
    else:
        rows = user_rows(session, "")
        if not rows:
            raise CommandError("There is no breakpoint to give commands to.")
        row = rows[-1]
    session.collecting = Collecting(row.number)


def keep_commands(session: Session, collected: Collecting) -> None:
    """The ``end`` of ``commands N``: they belong to the breakpoint from now on."""
    row = breakpoint_row(session, str(collected.number))
    row.commands = tuple(collected.lines)
    row.silent = bool(collected.lines) and collected.lines[0] == "silent"


COMMANDS = (
    Command(
        "ignore",
        (),
        "N COUNT",
        "Pass a breakpoint COUNT times before it stops.",
        ignore,
        "breakpoints",
        completes="breakpoint",
    ),
    Command(
        "condition",
        ("cond",),
        "N [EXPRESSION]",
        "Stop at a breakpoint only where an expression is not 0; without one, always.",
        condition,
        "breakpoints",
        "It is evaluated here, not in the stub: each hit stops the guest for a moment.",
        completes="breakpoint",
    ),
    Command(
        "commands",
        (),
        "[N]",
        "Commands to run when breakpoint N is hit; the lines up to end.",
        commands,
        "breakpoints",
        "A first line silent suppresses the report of the stop.",
        needs="",
        completes="breakpoint",
    ),
)
