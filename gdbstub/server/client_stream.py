"""A client's bytes: what it says next, and what it is sent, at once as far as the stream takes it.

The reader may be asked to rest (`lend`), so that who has the client's turn reads its requests in the meantime.
"""

from __future__ import annotations

import os
from typing import Protocol

import trio
from trio.abc import Stream

from gdbstub.remote.connection import NonblockingIO

READ_SIZE = 65536
TRIES = 64 if len(os.sched_getaffinity(0)) > 1 else 0
"""How often the next request is looked for at once: some 100 µs, in which gdb asks for the next line."""
TURNS = 32
"""Requests answered without waiting before other tasks get a turn."""
MOST_QUEUED = 4 << 20
"""Bytes that may wait for a client that does not read."""
SLOW_SECONDS = 30.0
"""How long a client may take none of them."""


class StreamOwner(Protocol):
    """Who is told what becomes of the client."""

    def send_away(self, why: str) -> None:
        """It does not read what it is sent."""

    def gone(self) -> None:
        """Nobody is there to be sent anything."""

    def written(self) -> None:
        """All that was to be sent has been taken."""


class ClientStream:
    """One client's stream. Run `write` beside the reader, which calls `next`."""

    def __init__(self, stream: Stream, shortcut: NonblockingIO | None, owner: StreamOwner) -> None:
        self.shortcut = shortcut
        self.left = b""
        """What the stream has not taken yet."""
        self._stream = stream
        self._owner = owner
        self._wake = trio.Event()
        self._writing = False
        self._drained = trio.Event()
        self._spins = 0
        self._listening: trio.CancelScope | None = None
        self._is_back: trio.Event | None = None
        self._handed_back = b""

    # -- sending ------------------------------------------------------------------------------------------------

    @property
    def clear(self) -> bool:
        """Has the client been sent everything?"""
        return not self.left and not self._writing

    def send(self, data: bytes) -> bool:
        """Send: at once as far as the stream takes it, the rest by `write`. Was it all of it?"""
        if data and self.shortcut is not None and self.clear:
            data = data[self.shortcut.send(data) :]
        if not data:
            return True
        self.left += data
        if len(self.left) > MOST_QUEUED:
            self._owner.send_away("it does not read what it is sent")
        else:
            self._wake.set()
        return False

    def wake(self) -> None:
        """Have `StreamOwner.written` called once nothing is left."""
        self._wake.set()

    async def write(self) -> None:
        """Send what `send` left, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            data, self.left = self.left, b""
            self._writing = True
            with trio.move_on_after(SLOW_SECONDS) as scope:
                try:
                    await self._stream.send_all(data)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    self._owner.gone()
            self._writing = False
            if scope.cancelled_caught:
                self._owner.send_away("it reads too slowly")
            self._drained.set()
            if self.left:
                self._wake.set()
            else:
                self._owner.written()

    async def drain(self, most: int = 0) -> None:
        """Wait until no more than ``most`` bytes are left."""
        while len(self.left) > most or (self._writing and not most):
            self._drained = trio.Event()
            await self._drained.wait()

    async def aclose(self) -> None:
        await trio.aclose_forcefully(self._stream)

    # -- reading ------------------------------------------------------------------------------------------------

    def next_at_once(self) -> bytes | None:
        """What comes next, where it comes within the moment that a debugger takes between two requests."""
        self._spins += 1
        if self.shortcut is None or self.left or self._spins % TURNS == 0:
            return None
        receive = self.shortcut.receive
        for _ in range(TRIES):
            if data := receive():
                return data
        return None

    async def next(self) -> bytes:
        """What comes next, while nobody else has the wire; empty at the end of the stream."""
        while True:
            if self._is_back is not None:
                await self._is_back.wait()
            if self._handed_back:
                rest, self._handed_back = self._handed_back, b""
                return rest
            data: bytes | None = None
            with trio.CancelScope() as self._listening:
                try:
                    data = bytes(await self._stream.receive_some(READ_SIZE))
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    data = b""
            self._listening = None
            if data is not None:
                return data

    def lend(self) -> NonblockingIO | None:
        """The wire, for who reads and answers in the reader's place until `take_back`. None where the reader is busy
        with a request, where something is left to be sent, and where there is no shortcut."""
        if self._listening is None or self._is_back is not None or not self.clear:
            return None
        if self.shortcut is not None:
            self._is_back = trio.Event()
            self._listening.cancel()
        return self.shortcut

    def take_back(self, rest: bytes) -> None:
        """The reader goes on, with ``rest``, which was read and not answered."""
        self._handed_back = rest
        if self._is_back is not None:
            self._is_back.set()
            self._is_back = None
