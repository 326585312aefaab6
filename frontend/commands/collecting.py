"""Lines that belong together: a block up to its ``end``, and a command of the user's own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple


class BlockLine(NamedTuple):
    """``depth`` is how many blocks of the block it lies in: ``else`` and ``end`` of the block itself are at 0."""

    text: str
    depth: int


@dataclass(slots=True)
class Collecting:
    """A block that is being typed, up to its ``end``; ``keep`` takes its lines then. ``nests`` where blocks inside it
    have an ``end`` of their own."""

    keep: Callable[[list[BlockLine]], Awaitable[None]]
    nests: bool = True
    depth: int = 0
    lines: list[BlockLine] = field(default_factory=list)
