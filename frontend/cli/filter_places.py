"""``in=PLACE`` of ``--keep``: a symbol with its size, or FIRST-LAST."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from frontend.commands import parse_break
from frontend.commands.session import Session
from gdbstub.errors import GdbError


async def filter_places(words: Sequence[str], session: Session) -> Callable[[str], tuple[int, int]]:
    """What `parse_filters` asks for places. Raises `GdbError` for what is none."""
    found: dict[str, tuple[int, int]] = {}
    for text in (word.removeprefix("in=") for word in words if word.startswith("in=")):
        first, dash, last = text.partition("-")
        if dash:
            found[text] = await _address(session, first), await _address(session, last) + 1
            continue
        symbol = session.symbols.find(text)
        if symbol is None or symbol.limit <= symbol.address:
            raise GdbError(f"No symbol {text} with a size is known; write in=FIRST-LAST.")
        found[text] = symbol.address, symbol.limit
    return found.__getitem__


async def _address(session: Session, text: str) -> int:
    return (await parse_break(session, f"*{text}" if text[:1].isdigit() else text)).address
