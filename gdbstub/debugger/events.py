"""What a debugger tells those who listen, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gdbstub.debugger.record import StopRecord


@dataclass(frozen=True, slots=True)
class Resumed:
    """The guest runs."""


@dataclass(frozen=True, slots=True)
class Output:
    """Text from the guest's console or from dr6 itself, not yet cleaned for the terminal."""

    text: str
    origin: Literal["guest", "dr6"]


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The stub is gone; ``why`` is one sentence."""

    why: str


DebuggerEvent = StopRecord | Resumed | Output | Disconnected
"""What listeners of `Debugger.listen` get."""
