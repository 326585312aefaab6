"""Which stops are kept when there are more than may be: plain steps go before what happened between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from gdbstub.debugger.record import StopRecord

Entry = StopRecord | Callable[[], StopRecord]
"""A record, or what makes it: of a plain step that nobody has looked at yet."""


def is_plain(entry: Entry) -> bool:
    return not isinstance(entry, StopRecord) or entry.is_plain_step


class KeptStops:
    """``entries``, oldest first, at most ``most``: where that is too few the oldest plain step goes, and the oldest of
    all only when there is none. The newest always stays."""

    def __init__(self, most: int) -> None:
        self.entries: deque[Entry] = deque()
        self.most = most
        self._spared = 0
        """So many of the first are no plain steps."""

    def append(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.shrink()

    def shrink(self) -> None:
        """Drop what is too much for ``most``."""
        while len(self.entries) > self.most:
            before_newest = len(self.entries) - 1
            while self._spared < before_newest and not is_plain(self.entries[self._spared]):
                self._spared += 1
            if self._spared < before_newest:
                del self.entries[self._spared]
            else:
                del self.entries[0]
                self._spared -= 1
