"""One name of an address, and where names come from."""

from __future__ import annotations

from typing import Literal, NamedTuple

from frontend.clean import clean
from gdbstub.errors import GdbError

MASK = (1 << 64) - 1
FARTHEST = 0x1_0000
"""A symbol without a size names addresses up to this far behind it, within its section."""

Kind = Literal["function", "object", "label", "per-cpu", "absolute"]
"""The value of a per-CPU symbol is an offset in each CPU's area, that of an absolute one a number: neither is an
address, so they are found by name, and never name one."""

RANKS: dict[Kind, int] = {"absolute": 0, "per-cpu": 1, "label": 2, "object": 3, "function": 4}
KIND_NAMES: dict[str, Kind] = {kind: kind for kind in RANKS}
NAMELESS = frozenset(("per-cpu", "absolute"))


class SymbolError(GdbError):
    """A file has no symbols that we can read."""


class Symbol(NamedTuple):
    """One name. ``size`` is 0 where the file has none; ``limit`` is the first address it cannot name."""

    address: int
    name: str
    size: int
    kind: Kind
    limit: int

    @property
    def note(self) -> str:
        """As a recording keeps it."""
        return f"{self.address:#x} {self.size:#x} {self.limit:#x} {self.kind} {self.name}"

    @classmethod
    def of_note(cls, text: str) -> Symbol:
        """ValueError where ``text`` is none."""
        address, size, limit, kind, name = text.split(" ", 4)
        if kind not in KIND_NAMES:
            raise ValueError(f"{kind!r} is no kind of symbol")
        return cls(int(address, 16) & MASK, clean(name), int(size, 16), KIND_NAMES[kind], int(limit, 16))

    def moved(self, offset: int) -> Symbol:
        """The same, ``offset`` higher. What is no address stays; per-CPU symbols are some from Linux 6.15 on."""
        if not offset or (self.kind in NAMELESS and not (self.kind == "per-cpu" and self.address >> 63)):
            return self
        return Symbol(
            (self.address + offset) & MASK, self.name, self.size, self.kind, (self.limit + offset) & MASK or MASK
        )


def rank(symbol: Symbol) -> tuple[int, int, int]:
    """By address; of several at one address a function, then one with a size, comes last and wins."""
    return symbol.address, RANKS[symbol.kind], symbol.size


def limited(symbols: list[Symbol]) -> list[Symbol]:
    """Sorted, and each symbol without a size ends where the next one begins."""
    symbols.sort(key=rank)
    result: list[Symbol] = []
    here = following = MASK + 1
    for symbol in reversed(symbols):
        if symbol.kind in NAMELESS:
            result.append(symbol)
            continue
        if symbol.address < here:
            here, following = symbol.address, here
        if not symbol.size and following < symbol.limit:
            symbol = Symbol(symbol.address, symbol.name, 0, symbol.kind, following)
        result.append(symbol)
    result.reverse()
    return result
