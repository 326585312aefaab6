"""Lines about what only a second witness saw, for who has no list of stops before his eyes."""

from __future__ import annotations

from collections.abc import Callable

from gdbstub.debugger.events import DebuggerEvent
from gdbstub.debugger.record import StopRecord

MOST_LINES = 20
"""About events that only a log showed, between two stops: who waits for the stop reads them first."""


class SpokenEvents:
    """A listener of a debugger."""

    def __init__(self, summary: Callable[[StopRecord], str], tell: Callable[[str], None], more: str) -> None:
        """``more`` is what to type for a list of all events."""
        self._summary = summary
        self._tell = tell
        self._more = more
        self._count = 0

    def __call__(self, notice: DebuggerEvent) -> None:
        if not isinstance(notice, StopRecord):
            return
        if notice.event is not None and notice.event.seen_by == "log":
            self._count += 1
            if self._count <= MOST_LINES:
                self._tell(self._summary(notice))
            return
        if self._count > MOST_LINES:
            self._tell(
                f"{self._count - MOST_LINES} more events were seen in QEMU's log alone; {self._more} lists them."
            )
        self._count = 0
