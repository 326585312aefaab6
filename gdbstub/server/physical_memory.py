"""Which physical addresses are the guest's memory. Reading anything else is a device's affair, and may change it.

QEMU's `info mtree -f` shows how the address space is laid out: one line for each range, with what is behind it
(softmmu/memory.c, mtree_print_flatview).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gdbstub.errors import GdbError, Unsupported
from gdbstub.server.session import ClientSession
from gdbstub.x86.decode import LONGEST

LAYOUT = "info mtree -f"
MEMORY = frozenset(("ram", "rom", "romd", "nv-ram", "nv-rom"))
"""What reads as memory does. Not ``ramd``, the registers of a device that was passed through."""
_RANGE = re.compile(r"\s+([0-9a-f]{16})-([0-9a-f]{16}) \(prio -?\d+, ([^)]+)\)")
_XP = re.compile(r"xp\s*(?:/(?P<count>\d*)(?P<letters>[a-z]*))?\s+(?P<address>0[xX][0-9a-fA-F]+|[1-9]\d*|0)\s*\Z")
_SIZES = {"b": 1, "h": 2, "w": 4, "g": 8}
DEVICES = (
    "a device may take a read for an order. Only the guest's memory is read unless dr6 serves with --monitor all, and "
    "without --read-only."
)


def memory_ranges(text: str) -> tuple[tuple[int, int], ...]:
    """Start and end (the last byte) of the memory in the address space that physical reads use, ranges that touch as
    one."""
    joined: list[tuple[int, int]] = []
    for start, end in _ranges(text):
        if joined and joined[-1][1] + 1 == start:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return tuple(joined)


def _ranges(text: str) -> Iterator[tuple[int, int]]:
    for view in text.split("FlatView #")[1:]:
        if ' AS "memory"' not in view:
            continue
        for line in view.splitlines():
            found = _RANGE.match(line)
            if found is not None and found[3] in MEMORY:
                yield int(found[1], 16), int(found[2], 16)


def xp_range(command: str) -> tuple[int, int]:
    """Address and length that an ``xp`` of QEMU's monitor reads (``xp/FMT ADDR``; without a size, that of the last
    one). Raises `GdbError` where that can't be said."""
    found = _XP.match(command.strip())
    if found is None:
        raise GdbError(f"Of xp only a number as the address, without a leading 0, is passed on: {DEVICES}")
    letters = found["letters"] or ""
    sizes = [_SIZES[letter] for letter in letters if letter in _SIZES]
    size = LONGEST if "i" in letters else sizes[-1] if sizes else 8
    return int(found["address"], 0), max(int(found["count"] or 1), 1) * size


async def check_physical(session: ClientSession, address: int, length: int) -> None:
    """Raises `GdbError` where the policy keeps devices from the client, and not all of it is memory."""
    if session.policy.devices:
        return
    newest = session.debugger.newest
    at = None if newest is None else newest.number
    if session.memory_at is None or session.memory_at[0] != at:
        try:
            text = await session.reach(lambda: session.debugger.monitor(LAYOUT))
        except Unsupported as error:
            raise GdbError(f"The stub does not tell which physical addresses are memory; {DEVICES}") from error
        session.memory_at = at, memory_ranges(text)
    if not any(start <= address and address + length - 1 <= end for start, end in session.memory_at[1]):
        raise GdbError(f"The physical addresses {address:#x}-{address + length - 1:#x} are not all memory; {DEVICES}")
