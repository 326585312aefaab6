"""Reads QEMU's log in a thread of its own, as fast as it comes: a full pipe stops QEMU."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Iterable

from gdbstub.backends.qemu.cpu_log.log_rows import LogRows, Piece

READ_BYTES = 1 << 20
BATCH_BYTES = 2 << 20
"""Text that is looked at in one go."""
BATCH_SECONDS = 0.25
LOOK_SECONDS = 0.05
"""How often the thread looks whether it is to end, where nothing comes."""
HOLD_SECONDS = 1.0

Take = Callable[[Iterable[Piece]], bool]


class LogReader:
    """``take`` gets all that comes, in order, in the thread; once it says that it wants no more, or raises, what comes
    is thrown away, and ``full`` is called, once; `drain` is due then."""

    def __init__(
        self, descriptor: int, rows: LogRows, take: Take, full: Callable[[], None], wanted: Callable[[], int]
    ) -> None:
        """``wanted``: how many bytes are worth waiting for."""
        self._descriptor = descriptor
        self._batch = wanted
        self._rows = rows
        self._take = take
        self._full = full
        self._stop = threading.Event()
        self._go_on = threading.Event()
        self._wanted = True
        self._pending: list[bytes] = []
        self._size = 0
        self.failure: Exception | None = None
        """What ``take`` raised."""
        self.closed = False
        """Has QEMU closed the log before it was told to?"""

    def drain(self) -> None:
        """QEMU was asked to stop, so what is in its way may be taken out of it."""
        self._go_on.set()

    def finish(self) -> None:
        """Nothing more will be written: `run` ends once the pipe is empty."""
        self._stop.set()
        self._go_on.set()

    def run(self) -> None:
        """In the thread, to the end."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        due = time.monotonic() + BATCH_SECONDS
        while True:
            stopping = self._stop.is_set()
            ready = poll.poll(0 if stopping else LOOK_SECONDS * 1000)
            data = self._read() if ready else b""
            if data:
                self._pending.append(data)
                self._size += len(data)
            elif stopping:
                break
            elif ready:  # nobody writes any more, and nobody will
                self.closed = True
                self._full_up()
                self._stop.wait()
                break
            if self._size >= min(BATCH_BYTES, self._batch()) or (self._size and time.monotonic() >= due):
                self._hand_over()
                due = time.monotonic() + BATCH_SECONDS
        self._hand_over()

    def _read(self) -> bytes:
        try:
            return os.read(self._descriptor, READ_BYTES)
        except BlockingIOError:
            return b""

    def _hand_over(self) -> None:
        data, self._pending, self._size = b"".join(self._pending), [], 0
        if not self._wanted or not data:
            return
        try:
            wanted = self._take(self._rows.feed(data))
        except Exception as error:  # raised again by who waits for the thread, once QEMU stands
            self.failure, wanted = error, False
        if not wanted:
            self._wanted = False
            self._full_up()

    def _full_up(self) -> None:
        """The guest goes on for as long as there is room in the pipe, so none is made until QEMU was asked to stop."""
        full, self._full = self._full, _nothing
        full()
        self._go_on.wait(HOLD_SECONDS)


def _nothing() -> None:
    pass
