"""Breakpoints, watchpoints, caught vectors: setting them, and their conditions, counts and commands."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from frontend.commands.expressions import Node, parse
from frontend.commands.places import parse_break, parse_vectors, parse_watch
from frontend.commands.session import Session
from frontend.commands.table import Arguments, Command, CommandError, number
from frontend.commands.values import Value
from gdbstub.debugger.breakpoints import Breakpoint, Means
from gdbstub.errors import GdbError
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.exceptions import vector

_ASKED: dict[Means, str] = {"hw": " (hardware)", "sw": " (software)", "auto": ""}
DEBUG_EVENTS = (1, 3)
TAKEN = "of the guest's kernel stops the domain by itself while gdbsx is attached; there is nothing to catch."
NO_IDT = "gdbsx does not show IDTR, so only #DB and #BP can be seen: those of the guest's kernel stop it by themselves."
KIND_NAMES: dict[BreakpointKind, str] = {
    BreakpointKind.EXECUTE: "breakpoint",
    BreakpointKind.WRITE: "watchpoint",
    BreakpointKind.READ: "read watchpoint",
    BreakpointKind.ACCESS: "access watchpoint",
    BreakpointKind.CATCH: "catchpoint",
}


def _split_condition(text: str) -> tuple[str, str | None]:
    """``LOCATION if CONDITION``."""
    match = re.fullmatch(r"(.*?)(?:^|\s+)if\b(.*)", text, re.DOTALL)
    return (match[1].strip(), match[2].strip()) if match else (text, None)


def _break(means: Means, temporary: bool) -> Callable[[Session, Arguments], Awaitable[None]]:
    async def handler(session: Session, arguments: Arguments) -> None:
        await add_break(session, arguments.text, means, temporary)

    return handler


async def add_break(session: Session, text: str, means: Means, temporary: bool) -> Breakpoint:
    """``LOCATION [if CONDITION]``; it is said."""
    location, condition = _split_condition(text)
    node = parse(condition) if condition is not None else None
    place = await parse_break(session, location or "$pc", means)
    row = await session.debugger.add_breakpoint(
        BreakpointKind.EXECUTE, place.address, means=place.means, temporary=temporary, text=place.text
    )
    _added(session, row, node, condition)
    await session.expect_slide(row)
    return row


def _watch(kind: BreakpointKind) -> Callable[[Session, Arguments], Awaitable[None]]:
    async def handler(session: Session, arguments: Arguments) -> None:
        text, condition = _split_condition(arguments.text)
        node = parse(condition) if condition is not None else None
        place = await parse_watch(session, text, kind)
        row = await session.debugger.add_breakpoint(place.kind, place.address, place.length, text=place.text)
        _added(session, row, node, condition)
        await session.expect_slide(row)

    return handler


def _catch(temporary: bool) -> Callable[[Session, Arguments], Awaitable[None]]:
    async def handler(session: Session, arguments: Arguments) -> None:
        text, condition = _split_condition(arguments.text)
        if not text:
            raise CommandError("catch needs a vector: db, bp, gp, pf, … or a number.")
        node = parse(condition) if condition is not None else None
        for which in parse_vectors(text):
            if session.debugger.capabilities.takes_debug_events:
                if which not in DEBUG_EVENTS:
                    raise CommandError(NO_IDT)
                session.out(f"{vector(which).name} {TAKEN}")
                continue
            row = await session.debugger.add_breakpoint(
                BreakpointKind.CATCH, None, vector=which, temporary=temporary, text=vector(which).name
            )
            _added(session, row, node, condition)

    return handler


def _added(session: Session, row: Breakpoint, node: Node | None, condition: str | None) -> None:
    if node is not None:
        set_condition(session, row, node, condition)
    temporary = "Temporary " if row.temporary else ""
    kind = KIND_NAMES[row.kind]
    kind = kind if temporary else kind.capitalize()
    means = _ASKED[row.means] if row.kind is BreakpointKind.EXECUTE else ""
    session.variables["bpnum"] = Value(row.number)
    session.out(f"{temporary}{kind} {row.number} at {where(session, row)}{means}")


def where(session: Session, row: Breakpoint) -> str:
    """Where a breakpoint is, in words: the address, its symbol, its length, its vector."""
    if row.kind is BreakpointKind.CATCH:
        if row.vector is None:
            return "any vector"
        handler = _no_handler(session, row.vector) if row.address is None else f"handler {session.place(row.address)}"
        return f"{vector(row.vector).name}, {handler}"
    if row.address is None:
        return row.text
    if row.kind is BreakpointKind.EXECUTE:
        return session.place(row.address)
    return f"{session.place(row.address)}, {row.length} byte{'s' * (row.length > 1)}"


def _no_handler(session: Session, number: int) -> str:
    why = session.debugger.why_no_handler(number)
    return f"no handler of its own yet: {why}" if why else "no handler yet"


def set_condition(session: Session, row: Breakpoint, node: Node, text: str | None) -> None:
    """Stop at ``row`` only where ``node`` is not 0; where that cannot be told it stops and says why."""

    async def holds() -> bool:
        try:
            return (await session.evaluate_node(node)).number != 0
        except GdbError as error:
            session.message(f"The condition of breakpoint {row.number} cannot be told, so it stops: {error}")
            return True

    row.condition, row.predicate = text, holds


def breakpoint_row(session: Session, text: str) -> Breakpoint:
    """The user's breakpoint of that number, or ``$bpnum``, the last one. CommandError where there is none."""
    last = session.variables.get("bpnum") if text == "$bpnum" else None
    which = number(text, "breakpoint number") if last is None else last.number
    row = session.debugger.breakpoints.get(which)
    if row is None or row.hidden:
        raise CommandError(f"There is no breakpoint {which}.")
    return row


def user_rows(session: Session, text: str) -> list[Breakpoint]:
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
    rows = user_rows(session, text)
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
        for row in user_rows(session, rest if kind in ("breakpoints", "br") else arguments.text):
            await session.debugger.enable_breakpoint(row.number, enabled)

    return handler


async def clear(session: Session, arguments: Arguments) -> None:
    address = await session.location(arguments.text or "$pc")
    rows = [row for row in user_rows(session, "") if row.address == address and row.kind is BreakpointKind.EXECUTE]
    if not rows:
        raise CommandError(f"There is no breakpoint at {session.place(address)}.")
    for row in rows:
        await session.debugger.delete_breakpoint(row.number)
    session.out(f"Deleted breakpoint{'s' * (len(rows) > 1)} {' '.join(str(row.number) for row in rows)}")


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


def _watch_row(name: str, short: tuple[str, ...], help_: str, kind: BreakpointKind) -> Command:
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
    _watch_row("watch", ("wa",), "Stop when a place in memory is written.", BreakpointKind.WRITE),
    _watch_row("rwatch", ("rw",), "Stop when a place in memory is read.", BreakpointKind.READ),
    _watch_row("awatch", ("aw",), "Stop when a place in memory is read or written.", BreakpointKind.ACCESS),
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
)
