"""Makes rows of QEMU's log while it comes, in a thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gdbstub.backends.qemu.cpu_log.log_rows import LogRows, Piece
from gdbstub.trace.engines.log_intake import LogIntake

BATCH_BYTES = 1 << 20
"""Text that is looked at in one go."""
BATCH_SECONDS = 0.25

Take = Callable[[Sequence[Piece]], bool]


class LogReader:
    """``take`` gets all that comes, in order, in the thread; once it says that it wants no more, or raises, what comes
    is thrown away, and ``full`` is called, once; `drain` is due then."""

    def __init__(
        self, descriptor: int, rows: LogRows, take: Take, full: Callable[[], None], wanted: Callable[[], int]
    ) -> None:
        """``wanted``: how many bytes are worth waiting for."""
        self._rows = rows
        self._take = take
        self._full = full
        self._batch = wanted
        self._wanted = True
        self._intake = LogIntake(descriptor)
        self.failure: Exception | None = None
        """What ``take`` raised."""

    @property
    def closed(self) -> bool:
        """Has QEMU closed the log before it was told to?"""
        return self._intake.closed

    def drain(self) -> None:
        """QEMU was asked to stop, so what is in its way may be taken out of it."""
        self._intake.drain()

    def finish(self) -> None:
        """Nothing more will be written: `run` ends once the pipe is empty."""
        self._intake.finish()

    def run(self) -> None:
        """In the thread, to the end."""
        self._intake.start()
        while (data := self._intake.take(min(BATCH_BYTES, self._batch()), BATCH_BYTES, BATCH_SECONDS)) is not None:
            if data and self._wanted:
                self._hand_over(data)
        if self.closed:
            self._full()

    def _hand_over(self, data: bytes) -> None:
        try:
            self._wanted = self._take(self._rows.feed(data))
        except Exception as error:  # raised again by who waits for the thread, once QEMU stands
            self.failure, self._wanted = error, False
        if not self._wanted:
            self._intake.hold()
            self._full()
