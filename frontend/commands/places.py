"""Places of breakpoints as text: ``[hw:|sw:]LOCATION``, ``[r|w|rw:]LOCATION[/LEN]``, vectors. Used by the command
line inside and by ``dr6 trace`` alike."""

from __future__ import annotations

import re
from typing import NamedTuple

from frontend.commands.expressions import Read, parse, read_type
from frontend.commands.session import Session
from frontend.commands.table import CommandError
from gdbstub.debugger.breakpoints import Means
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.exceptions import vector

LENGTHS = (1, 2, 4, 8)
_MEANS: dict[str, Means] = {"hw": "hw", "sw": "sw", "auto": "auto"}
_WATCHES = {
    "r": BreakpointKind.READ,
    "w": BreakpointKind.WRITE,
    "rw": BreakpointKind.ACCESS,
    "a": BreakpointKind.ACCESS,
}


class BreakAt(NamedTuple):
    """``[hw:|sw:]LOCATION``."""

    means: Means
    address: int
    text: str


class WatchAt(NamedTuple):
    """``[r|w|rw:]LOCATION[/LEN]``."""

    kind: BreakpointKind
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


async def parse_watch(session: Session, text: str, kind: BreakpointKind = BreakpointKind.WRITE) -> WatchAt:
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
    typed = await session.debug_info.value(node, session)
    if typed is not None and typed.address is not None:
        return typed.address, typed.size if typed.size in LENGTHS else None
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
