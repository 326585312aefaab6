"""The rows of a trace, with a look ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice

from gdbstub.trace.rows import Row

LOOK_AHEAD = 4096
"""Rows within which two traces must meet again."""


class RowStream:
    """``rows`` without gaps; ``events`` says whether those are wanted."""

    def __init__(self, rows: Iterator[Row], events: bool = True) -> None:
        self._rows = (row for row in rows if row["kind"] != "gap" and (events or row["kind"] != "event"))
        self._ahead: deque[Row] = deque()
        self.taken = 0

    def peek(self, count: int) -> list[Row]:
        """The next ``count`` rows, fewer at the end."""
        if len(self._ahead) < count:
            self._ahead.extend(islice(self._rows, count - len(self._ahead)))
        return list(islice(self._ahead, count))

    def take(self, count: int) -> list[Row]:
        """The next ``count`` rows, which are read now."""
        self.peek(count)
        taken = [self._ahead.popleft() for _ in range(min(count, len(self._ahead)))]
        self.taken += len(taken)
        return taken
