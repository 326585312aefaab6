"""A stream's bytes without waiting for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class NonblockingIO(NamedTuple):
    """The stream's bytes without a turn through trio's scheduler, which costs more than a stub's answer takes.

    ``send`` writes what is taken at once and says how much that was; ``receive`` returns what is there, None for
    nothing; ``wait`` holds everything up until there is something, at most so many milliseconds, and says whether there
    is. All leave errors to the stream.
    """

    send: Callable[[bytes], int]
    receive: Callable[[], bytes | None]
    wait: Callable[[float], bool]
