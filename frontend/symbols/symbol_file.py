"""What was read of one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from frontend.symbols.code import CodeSegment
from frontend.symbols.symbol import Symbol


@dataclass(frozen=True, slots=True)
class SymbolFile:
    """What a file says, at the addresses that it was linked for. ``build_id`` is empty where it has none."""

    path: str
    symbols: Sequence[Symbol]
    code: tuple[CodeSegment, ...] = ()
    build_id: bytes = b""
