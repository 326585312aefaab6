"""Linux's lists of its own symbols: ``System.map``, and what ``/proc/kallsyms`` said.

A line is ``ffffffff81000000 T _text``, with ``[module]`` behind it for a module's: the letters are those of nm(1).
Neither has sizes: a symbol ends where the next one begins.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterator, Sequence

from frontend.clean import clean
from frontend.symbols.symbol import FARTHEST, Kind, Symbol, SymbolError, limited
from frontend.symbols.symbol_file import SymbolFile
from transports import open_regular

MOST_BYTES = 64 << 20
"""A kernel's map has 5 MB."""
_LINE = re.compile(r"([0-9a-f]{8}|[0-9a-f]{16}) ([A-Za-z?]) (\S{1,512})(?:\s+\[(\S{1,64})\])?")
_BEGINS = re.compile(r"([0-9a-f]{8}|[0-9a-f]{16}) [A-Za-z?] \S")
"""A list, or what stands in for one: Debian's System.map is a line that says which package has the real one."""
_FUNCTIONS, _LABELS, _ABSOLUTE = frozenset("tTwWi"), frozenset("?nN"), frozenset("aA")
PER_CPU_START, PER_CPU_END = "__per_cpu_start", "__per_cpu_end"
SAMPLE = 4096
MOST_SAID = 100


def is_map(path: str) -> bool:
    """Does a list of symbols begin there?"""
    try:
        with open_regular(os.path.expanduser(path)) as file:
            first = file.read(SAMPLE).decode("latin-1").partition("\n")[0]
    except (OSError, ValueError):
        return False
    return _BEGINS.match(first) is not None


def read_map(path: str) -> SymbolFile:
    """The symbols of the list ``path``. Raises `SymbolError`."""
    try:
        with open_regular(os.path.expanduser(path)) as file:
            text = file.read(MOST_BYTES).decode("utf-8", "backslashreplace")
    except OSError as error:
        raise SymbolError(f"Cannot read symbols from {clean(path)}: {error.strerror}.") from error
    rows = list(_rows(path, text))
    if all(address == 0 for address, _, _ in rows):
        raise SymbolError(
            f"All addresses in {clean(path)} are 0: the kernel hides them from who may not see them; read kallsyms as "
            "root, with kernel.kptr_restrict not 2."
        )
    return SymbolFile(path, listed(rows))


def listed(rows: Sequence[tuple[int, str, str]]) -> list[Symbol]:
    """The symbols of (address, letter of nm(1), name)."""
    named = {name: address for address, _, name in rows if name in (PER_CPU_START, PER_CPU_END)}
    low, high = named.get(PER_CPU_START, 0), named.get(PER_CPU_END, 0)
    return limited([Symbol(at, name, 0, *_kind(at, letter, low, high)) for at, letter, name in rows])


def _rows(path: str, text: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        found = _LINE.fullmatch(line.rstrip())
        if found is not None:
            yield int(found[1], 16), found[2], clean(found[3])
        elif line.strip():
            raise SymbolError(
                f"Line {number} of {clean(path)} is none of a list of symbols: {clean(line[:MOST_SAID])}."
            )


def _kind(address: int, letter: str, low: int, high: int) -> tuple[Kind, int]:
    """The kind, and the limit as far as this line alone tells it. What lies in Linux's per-CPU area, which up to 6.14
    is linked at 0, kallsyms calls absolute."""
    if low <= address < high:
        return "per-cpu", address
    if letter in _ABSOLUTE:
        return "absolute", address
    kind: Kind = "function" if letter in _FUNCTIONS else "label" if letter in _LABELS else "object"
    return kind, address + FARTHEST
