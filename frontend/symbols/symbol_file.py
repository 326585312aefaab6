"""What was read of one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from frontend.symbols.code import CodeSegment
from frontend.symbols.symbol import Symbol


@dataclass(frozen=True)
class SymbolFile:
    """What a file says, at the addresses that it was linked for. ``build_id`` is empty where it has none;
    ``dwarf``: is there debug information in it? ``span``: its first address, and the one behind its last."""

    path: str
    symbols: Sequence[Symbol]
    code: tuple[CodeSegment, ...] = ()
    build_id: bytes = b""
    dwarf: bool = False
    span: tuple[int, int] = (0, 0)

    @cached_property
    def by_name(self) -> dict[str, Symbol]:
        return {symbol.name: symbol for symbol in self.symbols}

    def lookup(self, name: str) -> int | None:
        """Where ``name`` was linked to."""
        symbol = self.by_name.get(name)
        return None if symbol is None else symbol.address
