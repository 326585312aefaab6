"""``memory EXPRESSION``: bytes and their characters, in a pane that follows the expression; ``panes``."""

from __future__ import annotations

from typing import NamedTuple

from frontend.clean import clean
from frontend.commands.examine import readable
from frontend.commands.session import Session
from frontend.commands.table import Arguments, Command, CommandError
from gdbstub.errors import GdbError, ProtocolError, TransportError

BYTES = 512
ROW = 16
PRINTED_ROWS = 16
MEMORY, WATCH, STACK, CPUS, TABLES, PAGES = "memory", "watch", "stack", "cpus", "tables", "pages"
READING = (MEMORY, WATCH, STACK, CPUS, TABLES, PAGES)
"""Panes that have something read for them at each stop, where they are in sight."""


class MemoryArea(NamedTuple):
    """What can be read from where an expression leads. ``why`` says why nothing can."""

    expression: str
    address: int = 0
    data: bytes = b""
    why: str = ""


async def read_area(session: Session, expression: str) -> MemoryArea:
    """The bytes that the memory pane shows. An expression that has no value now is no error: it may have one later."""
    try:
        address = await session.location(expression)
        return MemoryArea(expression, address, await readable(session, address, BYTES))
    except (TransportError, ProtocolError):
        raise
    except GdbError as error:
        return MemoryArea(expression, why=str(error))


def characters(data: bytes) -> str:
    """ASCII, and dots for what has no shape of its own."""
    return "".join(chr(code) if 0x20 <= code < 0x7F else "." for code in data)


def hex_line(address: int, data: bytes, digits: int) -> str:
    """``00001000  90 48 ff c0  .H..`` with room for `ROW` bytes."""
    return f"{address:0{digits}x}  {data.hex(' '):<{3 * ROW - 1}}  {characters(data)}"


async def memory(session: Session, arguments: Arguments) -> None:
    """Follow an expression; without a screen, print what is there now."""
    text = arguments.text or session.panes.memory
    if not text:
        raise CommandError("memory needs an address, a symbol or an expression, such as memory $rsp.")
    area = await read_area(session, text)
    if area.why and arguments.text:
        raise CommandError(area.why)
    session.panes.memory = text
    if session.panes.show is not None:
        session.panes.show(MEMORY)
        return
    digits = max(8, len(f"{area.address + BYTES:x}"))
    for at in range(0, min(len(area.data), PRINTED_ROWS * ROW), ROW):
        session.out(hex_line(area.address + at, area.data[at : at + ROW], digits))


async def panes(session: Session, arguments: Arguments) -> None:
    """Have these panes read what they show at each stop. A screen says it for those in sight, so that a replay of its
    recording asks for the same."""
    unknown = [name for name in arguments.text.split() if name not in READING]
    if unknown:
        raise CommandError(f"{clean(unknown[0])} is none of the panes that read: {', '.join(READING)}.")
    session.panes.seen = tuple(arguments.text.split())


COMMANDS = (
    Command(
        "memory",
        (),
        "[EXPRESSION]",
        "Show the memory where an expression leads, in the memory pane and again at each stop.",
        memory,
        "data",
        f"Bytes that changed since the stop before are marked. In the pane, the arrows choose a byte, Enter begins a "
        f"line that sets it, u takes that back. Without a screen it prints {PRINTED_ROWS} rows.",
        completes="location",
    ),
    Command(
        "panes",
        (),
        "[NAME …]",
        "Which panes have more read for them at each stop.",
        panes,
        "session",
        f"The names are {', '.join(READING)}; without any, none. A screen says it by itself for those in sight.",
        needs="",
        repeat="other",
    ),
)
