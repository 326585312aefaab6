"""What a session keeps between lines: displays, commands of the user's own, what was written, what panes show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

MOST_WRITES = 100
"""So many can be undone."""


@dataclass(slots=True)
class Display:
    """One ``display``: shown after each stop. ``letter`` and ``unit`` as in ``x``; ``memory`` for formats of x."""

    number: int
    expression: str
    format: str
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class OwnCommand:
    """A command of the user's own (``define``); ``help`` is what ``document`` says of it."""

    lines: tuple[str, ...] = ()
    help: str = "A command of yours."


class MemoryWrite(NamedTuple):
    """Bytes that ``set`` wrote, and those that were there; None where they were not read, and ``why`` not."""

    address: int
    old: bytes | None
    new: bytes
    why: str = ""


class RegisterWrite(NamedTuple):
    """A register that ``set`` wrote, while the guest stood at ``stop``, and what was in it."""

    stop: int
    cpu: int
    name: str
    old: int


@dataclass(slots=True)
class PaneSubjects:
    """What the panes of a screen are about, as far as commands say it."""

    seen: tuple[str, ...] = ()
    """The panes that read more of each stop than its record has: those in sight (``panes``)."""
    memory: str = ""
    """The expression that the memory pane follows."""
    walked: str = "$pc"
    """The one whose pages the page walk follows."""
    last_time: tuple[str, ...] = ()
    """What was set in the last session with the same target, as lines that set it again."""
    tour: Callable[[bool], None] | None = None
    """Begins the tour of the screen, or (False) leaves it."""
    show: Callable[[str], None] | None = None
    """Brings a pane to the front; where there is a screen."""
