"""Takes QEMU's log out of its pipe as fast as it comes, in a thread that does nothing else.

Who makes rows of it uses much of a CPU, and on a busy machine waits long for the next turn; QEMU would wait with it as
soon as the pipe is full.
"""

from __future__ import annotations

import os
import select
import threading
from collections import deque

READ_BYTES = 1 << 18
MOST_WAITING = 4 << 20
"""Bytes that are kept; then the pipe fills up, and QEMU waits."""
LOOK_SECONDS = 0.05
"""How often the thread looks whether it is to end, where nothing comes."""


class LogIntake:
    """From `start` to `finish`, and then until the pipe is empty."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._change = threading.Condition()
        self._finish = threading.Event()
        self._held = False
        self._over = False
        self._unwanted = False
        self.closed = False
        """Has QEMU closed the log before it was told to?"""
        self._thread = threading.Thread(target=self._run, name="log intake", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def hold(self) -> None:
        """Take nothing until `drain`: there is enough, and who writes goes on for as long as there is room."""
        with self._change:
            self._held = self._unwanted = True
            self._waiting.clear()
            self._size = 0

    def drain(self) -> None:
        """Go on after a `hold`, for nobody."""
        with self._change:
            self._held = False
            self._change.notify_all()

    def finish(self) -> None:
        """Nothing more will be written."""
        self._finish.set()
        self.drain()

    def take(self, least: int, most: int, seconds: float) -> bytes | None:
        """What has come, once it is ``least`` bytes, or after ``seconds``; None at the end. ``most`` bytes of it
        (`READ_BYTES` at least); what is more stays for the next time."""
        with self._change:
            self._change.wait_for(lambda: self._over or self._size >= least, seconds)
            pieces: list[bytes] = []
            taken = 0
            while self._waiting and taken + len(self._waiting[0]) <= most:
                pieces.append(self._waiting.popleft())
                taken += len(pieces[-1])
            self._size -= taken
            self._change.notify_all()
            return None if self._over and not pieces else b"".join(pieces)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        while True:
            last = self._finish.is_set()
            ready = poll.poll(0 if last else LOOK_SECONDS * 1000)
            data = self._read() if ready else b""
            if data:
                self._keep(data)
            elif last or ready:  # all was read, or nobody writes any more, and nobody will
                self.closed = not last
                break
        with self._change:
            self._over = True
            self._change.notify_all()

    def _read(self) -> bytes:
        try:
            return os.read(self._descriptor, READ_BYTES)
        except BlockingIOError:
            return b""

    def _keep(self, data: bytes) -> None:
        with self._change:
            if not self._unwanted:
                self._waiting.append(data)
                self._size += len(data)
                self._change.notify_all()
            self._change.wait_for(lambda: not self._held and (self._unwanted or self._size < MOST_WAITING))
