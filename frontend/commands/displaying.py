"""``display``: expressions that are shown after each stop, with the formats of ``print`` and ``x``."""

from __future__ import annotations

from typing import NamedTuple

from frontend.clean import clean
from frontend.commands.examine import examine
from frontend.commands.memory_format import format_value, parse_format
from frontend.commands.remembered import Display
from frontend.commands.session import Session
from frontend.commands.table import Arguments, Command, CommandError, number
from gdbstub.errors import GdbError

MOST = 50


async def show_displays(session: Session) -> None:
    """Show what is displayed; what cannot be shown says so and stays."""
    for display in session.displays.values():
        if display.enabled:
            await _show(session, display)


async def _show(session: Session, display: Display) -> None:
    title, lines, under = await shown(session, display)
    if under:
        session.out(title)
        for line in lines:
            session.out(line)
    else:
        session.out(f"{title} = {lines[0]}")


class Shown(NamedTuple):
    """What a display shows: its title, its lines, and whether these stand under the title as those of ``x`` do."""

    title: str
    lines: tuple[str, ...]
    under: bool = False


async def shown(session: Session, display: Display) -> Shown:
    """A display now; what cannot be shown is a line that says why."""
    given = parse_format(display.format)
    text = clean(f"/{display.format} {display.expression}" if display.format else display.expression)
    title = f"{display.number}: {text}"
    try:
        value = await session.evaluate(display.expression)
        if given.letter in ("i", "s") or given.unit:
            lines, _ = await examine(session, value.address, session.layout.take(given), given.repeat or 1)
            return Shown(f"{display.number}: x{text}", tuple(lines), under=True)
        return Shown(title, (format_value(value, given.letter, session.symbols.text),))
    except GdbError as error:
        return Shown(title, (f"<{error}>",))


async def display(session: Session, arguments: Arguments) -> None:
    """Without an expression: show all displays now."""
    if not arguments.text:
        await show_displays(session)
        return
    parse_format(arguments.format)
    if len(session.displays) >= MOST:
        raise CommandError(f"There are {MOST} displays already; remove one with undisplay.")
    await session.evaluate(arguments.text)
    row = Display(max(session.displays, default=0) + 1, arguments.text, arguments.format)
    session.displays[row.number] = row
    await _show(session, row)


async def undisplay(session: Session, arguments: Arguments) -> None:
    if not arguments.text:
        session.displays.clear()
        return
    for text in arguments.text.split():
        which = number(text, "display number")
        if session.displays.pop(which, None) is None:
            raise CommandError(f"There is no display {which}.")


COMMANDS = (
    Command(
        "display",
        (),
        "[/FMT] [EXPRESSION]",
        "Show an expression now and after each stop.",
        display,
        "data",
        "The formats are those of print; /i, /s and a unit (b h w g) examine memory as x does.",
        completes="location",
        slash=True,
    ),
    Command("undisplay", (), "[N …]", "Stop showing an expression, or all.", undisplay, "data", needs=""),
)
