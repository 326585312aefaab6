"""Words of a guest's physical memory, through QEMU's monitor."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from frontend.clean import clean
from gdbstub.errors import Refused

_WORD = re.compile(r"^[ \t]*[0-9a-fA-F]{1,16}:[ \t]+0x([0-9a-fA-F]{1,16})[ \t\r]*$", re.MULTILINE)


async def read_word(monitor: Callable[[str], Awaitable[str]], address: int, size: int) -> int:
    """One word of ``size`` bytes (4 or 8), by ``xp``. Raises `Refused` where the monitor has no such memory."""
    text = await monitor(f"xp/1x{'w' if size == 4 else 'g'} {address:#x}")
    match = _WORD.search(text)
    if match is None:
        said = clean(text.strip())
        raise Refused("xp", "", f"The monitor cannot read physical memory at {address:#x}: {said}.")
    return int(match[1], 16)
