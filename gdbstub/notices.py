"""What a debugger tells those who listen, in order."""

from __future__ import annotations

from typing import Literal, NamedTuple

from gdbstub.record import StopRecord


class Resumed(NamedTuple):
    """The guest runs."""


class Said(NamedTuple):
    """Text from the guest's console or from dr6 itself, not yet cleaned for the terminal."""

    text: str
    origin: Literal["guest", "dr6"]


class Lost(NamedTuple):
    """The stub is gone; ``why`` is one sentence."""

    why: str


Notice = StopRecord | Resumed | Said | Lost
