"""What a breakpoint does when it is hit: its condition, its ignore count, its commands."""

from __future__ import annotations

from frontend.commands.breaking import add_break, breakpoint_row, set_condition, user_rows
from frontend.commands.collecting import BlockLine, Collecting
from frontend.commands.expressions import parse
from frontend.commands.session import Session
from frontend.commands.table import Arguments, Command, CommandError
from gdbstub.debugger.breakpoints import Breakpoint


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

    async def keep(lines: list[BlockLine]) -> None:
        give_commands(breakpoint_row(session, str(row.number)), [line.text for line in lines])

    session.collecting = Collecting(keep)


def give_commands(row: Breakpoint, lines: list[str]) -> None:
    """They are run when it is hit."""
    row.commands = tuple(lines)
    row.silent = lines[:1] == ["silent"]


async def dprintf(session: Session, arguments: Arguments) -> None:
    """A breakpoint that prints and goes on, as gdb's with ``dprintf-style gdb``."""
    location, comma, text = arguments.text.partition(",")
    if not location.strip() or not comma:
        raise CommandError('dprintf needs a place and what printf takes: dprintf PLACE,"rax %lx\\n",$rax.')
    row = await add_break(session, location, "auto", temporary=False)
    give_commands(row, ["silent", f"printf {text.strip()}", "continue"])


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
        opens=True,
    ),
    Command(
        "dprintf",
        (),
        'LOCATION,"FORMAT",VALUE…',
        "Set a breakpoint that prints as printf does, and goes on.",
        dprintf,
        "breakpoints",
        completes="location",
    ),
)
