"""What a debugger tells those who listen, in order."""

from __future__ import annotations

from typing import Literal, NamedTuple

from gdbstub.debugger.record import StopRecord


class Resumed(NamedTuple):
    """The guest runs."""


class Output(NamedTuple):
    """Text from the guest's console or from dr6 itself, not yet cleaned for the terminal."""

    text: str
    origin: Literal["guest", "dr6"]


class Disconnected(NamedTuple):
    """The stub is gone; ``why`` is one sentence."""

    why: str


DebuggerEvent = StopRecord | Resumed | Output | Disconnected
