"""``find``: searching memory."""

from __future__ import annotations

from frontend.commands.arguments import split_arguments
from frontend.commands.memory_format import MOST, UNITS, parse_format
from frontend.commands.printing import unescape
from frontend.commands.session import Session
from frontend.commands.table import Arguments, Command, CommandError
from frontend.commands.values import CType, Value


async def find(session: Session, arguments: Arguments) -> None:
    """gdb's ``find [/SIZE-CHAR] [/MAX] START, +LENGTH|END, VALUE…``; values are numbers or "strings"."""
    given = parse_format(arguments.format)
    parts = split_arguments(arguments.text)
    if len(parts) < 3:
        raise CommandError("find needs a start, an end (or +length) and at least one value.")

    async def terms() -> tuple[int, int, bytes]:
        start = (await session.evaluate(parts[0])).address
        if parts[1].startswith("+"):
            length = (await session.evaluate(parts[1][1:])).address
        else:
            length = (await session.evaluate(parts[1])).address - start + 1
        return start, length, b"".join([await _pattern(session, part, given.unit) for part in parts[2:]])

    start, length, pattern = await session.reach(terms)
    if not 0 < length <= 1 << 30:
        raise CommandError("find looks through 1 byte to 1 GiB; check the range.")
    found = await _search(session, start, length, pattern, given.repeat or MOST)
    for address in found:
        session.out(session.place(address))
    if found:
        session.remember(found[-1], pattern[0], Value(0, CType(1)))
    count = "Pattern not found" if not found else f"{len(found)} pattern{'s' * (len(found) > 1)} found"
    session.out(f"{count}.")


async def _pattern(session: Session, text: str, unit: str) -> bytes:
    if len(text) > 1 and text[0] == text[-1] == '"':
        return unescape(text[1:-1]).encode("latin-1", "replace")
    value = await session.evaluate(text)
    size = UNITS[unit] if unit else value.type.size
    return value.address.to_bytes(8, "little")[:size]


async def _search(session: Session, start: int, length: int, pattern: bytes, most: int) -> list[int]:
    """Every start of ``pattern``, overlapping ones too, in 64 KiB pieces."""
    if not pattern:
        raise CommandError("find needs a value that is not empty.")
    found: list[int] = []
    kept = b""
    at = start
    end = start + length

    async def window() -> bytes:
        return await session.read_memory(at, min(65536, end - at))

    while at < end and len(found) < most and not session.interrupted:
        part = await session.reach(window)
        data = kept + part
        base = at - len(kept)
        index = data.find(pattern)
        while index >= 0 and len(found) < most:
            found.append(base + index)
            index = data.find(pattern, index + 1)
        kept = data[len(data) - len(pattern) + 1 :] if len(pattern) > 1 else b""
        at += len(part)
    return found


COMMANDS = (
    Command(
        "find",
        (),
        "[/SIZE-CHAR] [/MAX] START, +LENGTH|END, VALUE…",
        "Search memory for numbers or strings.",
        find,
        "data",
        slash=True,
    ),
)
