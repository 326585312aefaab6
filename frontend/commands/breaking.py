"""Breakpoints, watchpoints, caught vectors: setting them, and their conditions, counts and commands."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from frontend.commands.table import Arguments, Command, CommandError, number
from frontend.expressions import Node, Read, parse, read_type
from frontend.session import Collecting, Session
from frontend.values import Value
from gdbstub.breakpoints import Breakpoint, LogicalKind, Means
from gdbstub.errors import GdbError
from gdbstub.x86.exceptions import vector

LENGTHS = (1, 2, 4, 8)
_MEANS: dict[str, Means] = {"hw": "hw", "sw": "sw", "auto": "auto"}
_WATCHES: dict[str, LogicalKind] = {"r": "read", "w": "write", "rw": "access", "a": "access"}
_ASKED: dict[Means, str] = {"hw": " (hardware)", "sw": " (software)", "auto": ""}
KIND_NAMES: dict[LogicalKind, str] = {
    "execute": "breakpoint",
    "write": "watchpoint",
    "read": "read watchpoint",
    "access": "access watchpoint",
    "catch": "catchpoint",
}


class BreakAt(NamedTuple):
    """``[hw:|sw:]LOCATION``."""

    means: Means
    address: int
    text: str


class WatchAt(NamedTuple):
    """``[r|w|rw:]LOCATION[/LEN]``."""

    kind: LogicalKind
    address: int
    length: int
    text: str


async def parse_break(session: Session, text: str, means: Means = "auto") -> BreakAt:
    """A breakpoint's place as the command line and ``dr6 trace --break`` write it. Raises BadExpression."""
    text = text.strip()
    prefix, colon, rest = text.partition(":")
    if colon and prefix.strip().lower() in _MEANS:
        means, text = _MEANS[prefix.strip().lower()], rest.strip()
    return BreakAt(means, await session.location(text), text)


async def parse_watch(session: Session, text: str, kind: LogicalKind = "write") -> WatchAt:
    """A watchpoint's place as the command line and ``dr6 trace --watch`` write it.

    Without /LEN: what ``*(type*)`` or ``{type}`` reads, else the symbol's size where a debug register can
    hold it, else the largest of 4, 2, 1 that the address is a multiple of.
    """
    text = re.sub(r"^-l(ocation)?\s+", "", text.strip())
    prefix, colon, rest = text.partition(":")
    if colon and prefix.strip().lower() in _WATCHES:
        kind, text = _WATCHES[prefix.strip().lower()], rest.strip()
    match = re.fullmatch(r"(.*\S)\s*/\s*(\d+)", text, re.DOTALL)
    length = int(match[2]) if match else None
    place = match[1] if match else text
    if ":" in place:
        address = await session.location(place)
        size = None
    else:
        address, size = await _watched(session, place)
    if length is None:
        length = size or next(n for n in (4, 2, 1) if address % n == 0)
    if not 1 <= length <= 4096:
        raise CommandError(f"A watchpoint of {length} bytes makes no sense.")
    return WatchAt(kind, address, length, text)


async def _watched(session: Session, text: str) -> tuple[int, int | None]:
    node = parse(text)
    if isinstance(node, Read):
        where = await session.evaluate_node(node.address)
        return where.address, (node.type or read_type(where)).size
    address = (await session.evaluate_node(node)).address
    symbol = session.symbols.symbol_at(address)
    known = symbol is not None and symbol.address == address and symbol.size in LENGTHS
    return address, symbol.size if known and symbol is not None else None


def parse_vectors(text: str) -> list[int]:
    """``db``, ``#PF,gp``, ``3 14``: vector numbers in their order, each once. Raises CommandError."""
    found: list[int] = []
    for word in re.split(r"[\s,]+", text.strip(", \t")):
        try:
            which = vector(word).number
        except ValueError as error:
            raise CommandError(str(error)) from error
        if which not in found:
            found.append(which)
    return found


def _split_condition(text: str) -> tuple[str, str | None]:
    """``LOCATION if CONDITION``."""
    match = re.fullmatch(r"(.*?)(?:^|\s+)if\b(.*)", text, re.DOTALL)
    return (match[1].strip(), match[2].strip()) if match else (text, None)


def _break(means: Means, temporary: bool) -> Callable[[Session, Arguments], Awaitable[None]]:
    async def handler(session: Session, arguments: Arguments) -> None:
        location, condition = _split_condition(arguments.text)
        node = parse(condition) if condition is not None else None
        place = await parse_break(session, location or "$pc", means)
        row = await session.debugger.add_breakpoint(
            "execute", place.address, means=place.means, temporary=temporary, text=place.text
        )
        _added(session, row, node, condition)

    return handler


def _watch(kind: LogicalKind) -> Callable[[Session, Arguments], Awaitable[None]]:
    async def handler(session: Session, arguments: Arguments) -> None:
        text, condition = _split_condition(arguments.text)
        node = parse(condition) if condition is not None else None
        place = await parse_watch(session, text, kind)
        row = await session.debugger.add_breakpoint(place.kind, place.address, place.length, text=place.text)
        _added(session, row, node, condition)

    return handler


def _catch(temporary: bool) -> Callable[[Session, Arguments], Awaitable[None]]:
    async def handler(session: Session, arguments: Arguments) -> None:
        text, condition = _split_condition(arguments.text)
        if not text:
            raise CommandError("catch needs a vector: db, bp, gp, pf, … or a number.")
        node = parse(condition) if condition is not None else None
        for which in parse_vectors(text):
            row = await session.debugger.add_breakpoint(
                "catch", None, vector=which, temporary=temporary, text=vector(which).name
            )
            _added(session, row, node, condition)

    return handler


def _added(session: Session, row: Breakpoint, node: Node | None, condition: str | None) -> None:
    if node is not None:
        _set_condition(session, row, node, condition)
    temporary = "Temporary " if row.temporary else ""
    kind = KIND_NAMES[row.kind]
    kind = kind if temporary else kind.capitalize()
    means = _ASKED[row.means] if row.kind == "execute" else ""
    session.variables["bpnum"] = Value(row.number)
    session.out(f"{temporary}{kind} {row.number} at {where(session, row)}{means}")


def where(session: Session, row: Breakpoint) -> str:
    """Where a breakpoint is, in words: the address, its symbol, its length, its vector."""
    if row.kind == "catch":
        handler = "no handler yet" if row.address is None else f"handler {session.place(row.address)}"
        name = vector(row.vector).name if row.vector is not None else "any vector"
        return f"{name}, {handler}"
    if row.address is None:
        return row.text
    if row.kind == "execute":
        return session.place(row.address)
    return f"{session.place(row.address)}, {row.length} byte{'s' * (row.length > 1)}"


def _set_condition(session: Session, row: Breakpoint, node: Node, text: str | None) -> None:
    async def holds() -> bool:
        try:
            return (await session.evaluate_node(node)).number != 0
        except GdbError as error:
            session.message(f"The condition of breakpoint {row.number} cannot be told, so it stops: {error}")
            return True

    row.condition, row.predicate = text, holds


def breakpoint_row(session: Session, text: str) -> Breakpoint:
    """The user's breakpoint of that number. CommandError where there is none."""
    which = number(text, "breakpoint number")
    row = session.debugger.breakpoints.get(which)
    if row is None or row.hidden:
        raise CommandError(f"There is no breakpoint {which}.")
    return row


def _rows(session: Session, text: str) -> list[Breakpoint]:
    """``1 3-5``; nothing means all of them."""
    if not text:
        return [row for row in session.debugger.breakpoints.values() if not row.hidden]
    rows: list[Breakpoint] = []
    for word in re.split(r"[\s,]+", text.strip()):
        first, dash, last = word.partition("-")
        if not dash:
            rows.append(breakpoint_row(session, word))
            continue
        low, high = number(first, "breakpoint number"), number(last, "breakpoint number")
        known = session.debugger.breakpoints
        rows += [row for key, row in known.items() if low <= key <= high and not row.hidden]
    return rows


async def delete(session: Session, arguments: Arguments) -> None:
    kind, _, rest = arguments.text.partition(" ")
    if kind == "display":
        for text in rest.split() or [str(key) for key in session.displays]:
            if session.displays.pop(number(text, "display number"), None) is None:
                raise CommandError(f"There is no display {text}.")
        return
    text = rest if kind in ("breakpoints", "br") else arguments.text
    rows = _rows(session, text)
    if not text and rows and not await session.sure("Delete all breakpoints?"):
        return
    for row in rows:
        await session.debugger.delete_breakpoint(row.number)


def _enable(enabled: bool) -> Callable[[Session, Arguments], Awaitable[None]]:
    async def handler(session: Session, arguments: Arguments) -> None:
        kind, _, rest = arguments.text.partition(" ")
        if kind == "display":
            for text in rest.split() or [str(key) for key in session.displays]:
                which = number(text, "display number")
                if which not in session.displays:
                    raise CommandError(f"There is no display {which}.")
                session.displays[which].enabled = enabled
            return
        for row in _rows(session, rest if kind in ("breakpoints", "br") else arguments.text):
            await session.debugger.enable_breakpoint(row.number, enabled)

    return handler


async def clear(session: Session, arguments: Arguments) -> None:
    address = await session.location(arguments.text or "$pc")
    rows = [row for row in _rows(session, "") if row.address == address and row.kind == "execute"]
    if not rows:
        raise CommandError(f"There is no breakpoint at {session.place(address)}.")
    for row in rows:
        await session.debugger.delete_breakpoint(row.number)
    session.out(f"Deleted breakpoint{'s' * (len(rows) > 1)} {' '.join(str(row.number) for row in rows)}")


async def condition(session: Session, arguments: Arguments) -> None:
    which, _, text = arguments.text.partition(" ")
    row = breakpoint_row(session, which)
    if not text.strip():
        row.condition = row.predicate = None
        session.out(f"Breakpoint {row.number} now unconditional.")
        return
    _set_condition(session, row, parse(text), text.strip())


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
        rows = _rows(session, "")
        if not rows:
            raise CommandError("There is no breakpoint to give commands to.")
        row = rows[-1]
    session.collecting = Collecting(row.number)


def keep_commands(session: Session, collected: Collecting) -> None:
    """The ``end`` of ``commands N``: they belong to the breakpoint from now on."""
    row = breakpoint_row(session, str(collected.number))
    row.commands = tuple(collected.lines)
    row.silent = bool(collected.lines) and collected.lines[0] == "silent"


_PLACE = "LOCATION is *ADDRESS, ADDRESS, SYMBOL, SYMBOL+OFFSET, an expression with $registers, or SEGMENT:OFFSET."
_BREAK_DETAILS = f"{_PLACE} Before it, hw: or sw: chooses the means. Without a location: here. if CONDITION may follow."
_WATCH_DETAILS = (
    "LEN is 1, 2, 4 or 8 bytes; without it the type, the symbol or the alignment says. r:, w: or rw: before the "
    "location chooses the kind. if CONDITION may follow."
)


def _row(name: str, short: tuple[str, ...], help_: str, means: Means, temporary: bool) -> Command:
    return Command(
        name,
        short,
        "[hw:|sw:][LOCATION] [if CONDITION]",
        help_,
        _break(means, temporary),
        "breakpoints",
        _BREAK_DETAILS,
        completes="location",
    )


def _watch_row(name: str, short: tuple[str, ...], help_: str, kind: LogicalKind) -> Command:
    return Command(
        name,
        short,
        "[r|w|rw:]LOCATION[/LEN] [if CONDITION]",
        help_,
        _watch(kind),
        "breakpoints",
        _WATCH_DETAILS,
        completes="location",
    )


COMMANDS = (
    _row("break", ("b", "br", "brk"), "Set a breakpoint; dr6 chooses hardware or software.", "auto", False),
    _row("tbreak", ("tb", "tbr"), "Set a breakpoint that is deleted when it is hit.", "auto", True),
    _row("hbreak", ("hb",), "Set a hardware breakpoint.", "hw", False),
    _row("thbreak", ("thb",), "Set a hardware breakpoint that is deleted when it is hit.", "hw", True),
    _watch_row("watch", ("wa",), "Stop when a place in memory is written.", "write"),
    _watch_row("rwatch", ("rw",), "Stop when a place in memory is read.", "read"),
    _watch_row("awatch", ("aw",), "Stop when a place in memory is read or written.", "access"),
    Command(
        "catch",
        ("cat",),
        "VECTOR[,VECTOR…] [if CONDITION]",
        "Stop at the guest's handler of a vector: db, bp, gp, pf, … or a number.",
        _catch(False),
        "breakpoints",
        "The handler is the one that the guest's IDT names; it is looked up again when the guest loads another "
        "IDT. The event is explained, and the guest's own debug registers are as it sees them.",
        completes="vector",
    ),
    Command(
        "tcatch",
        (),
        "VECTOR[,VECTOR…] [if CONDITION]",
        "As catch, but only once.",
        _catch(True),
        "breakpoints",
        completes="vector",
    ),
    Command(
        "delete",
        ("d", "del"),
        "[N … | N-M]",
        "Delete breakpoints, or all.",
        delete,
        "breakpoints",
        "delete display N removes a display.",
        completes="breakpoint",
    ),
    Command(
        "clear",
        ("cl",),
        "[LOCATION]",
        "Delete the breakpoints at a location.",
        clear,
        "breakpoints",
        completes="location",
    ),
    Command(
        "disable",
        ("dis", "disa"),
        "[N … | N-M]",
        "Take breakpoints out without forgetting them.",
        _enable(False),
        "breakpoints",
        completes="breakpoint",
    ),
    Command(
        "enable",
        ("en",),
        "[N … | N-M]",
        "Put disabled breakpoints back.",
        _enable(True),
        "breakpoints",
        completes="breakpoint",
    ),
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
