"""Places in the source as locations: ``FILE:LINE``, and the source of an address."""

from __future__ import annotations

import re
from functools import partial

import trio

from frontend.clean import clean
from frontend.symbols import Symbols
from frontend.symbols.line_table import LinePlace, find_lines
from gdbstub.errors import BadExpression

_PLACE = re.compile(r"(?P<file>[\w./+-]*[A-Za-z_][\w/+-]*\.[A-Za-z]\w*):(?P<line>\d+)")


async def places_of(symbols: Symbols, text: str) -> list[LinePlace] | None:
    """Where the code of ``FILE:LINE`` begins now; None for what is no such place. Raises `BadExpression` where no file
    has code for it."""
    found = _PLACE.fullmatch(text.strip())
    if found is None:
        return None
    debugged = [path for path in symbols.files if symbols.file(path)[0].dwarf]
    for path in debugged:
        offset = symbols.file(path)[1]
        work = partial(find_lines, path, found["file"], int(found["line"]))
        places = await trio.to_thread.run_sync(work)
        if places:
            return [one._replace(address=one.address + offset) for one in places]
    raise BadExpression(
        f"No code is known for {clean(text)}." if debugged else f"{clean(text)} needs a file with debug information."
    )
