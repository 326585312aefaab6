"""Where faults are looked for: what one try of each is, in which share of the whole."""

from __future__ import annotations

from typing import NamedTuple


class Tried(NamedTuple):
    """How many inputs there were (packets, lines, files, runs), and what was wrong."""

    inputs: int
    faults: tuple[str, ...] = ()
