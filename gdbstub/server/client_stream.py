"""A client's bytes: what it says next, and what it is sent, at once as far as the stream takes it."""

from __future__ import annotations

from typing import Protocol

import trio
from trio.abc import Stream

from gdbstub.remote.nonblocking_io import NonblockingIO

READ_SIZE = 65536
THINKING_MILLISECONDS = 2.0
"""How long a client may take to ask for the next thing before everything else goes on; gdb takes a tenth of that."""
TURNS = 128
"""Requests answered without waiting before other tasks get a turn: some 30 steps of gdb's, or 10 ms."""
MOST_QUEUED = 4 << 20
"""Bytes that may wait for a client that does not read."""
MOST_HEARD = 1 << 20
"""Bytes of a client's that are taken while it is sent something: acks, mostly, without which it reads no further."""
PIECE = 1 << 16
SLOW_SECONDS = 30.0
"""How long a client may take for a piece; all that waits may take longer, over a slow line."""


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
        self._heard = b""
        self._receiving = self._ended = False

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
            try:
                for at in range(0, len(data), PIECE):
                    with trio.fail_after(SLOW_SECONDS):
                        await self._stream.send_all(data[at : at + PIECE])
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self._owner.gone()
            except trio.TooSlowError:
                self._owner.send_away(f"it read less than {PIECE >> 10} KiB in {SLOW_SECONDS:g} seconds")
            self._writing = False
            self._drained.set()
            if self.left:
                self._wake.set()
            else:
                self._owner.written()

    async def drain(self, most: int = 0) -> None:
        """Wait until no more than ``most`` bytes are left."""
        while len(self.left) > most or (self._writing and not most):
            self._drained = trio.Event()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._hear)
                await self._drained.wait()
                nursery.cancel_scope.cancel()

    async def _hear(self) -> None:
        """Take what the client says while it is sent something: one that acknowledges each packet waits, at some
        seventy on a Unix socket, until these are read."""
        while not self._receiving and not self._ended and len(self._heard) < MOST_HEARD:
            self._heard += await self._receive()

    async def aclose(self) -> None:
        await trio.aclose_forcefully(self._stream)

    # -- reading ------------------------------------------------------------------------------------------------

    def next_at_once(self) -> bytes | None:
        """What comes next, where it comes within the moment that a debugger takes between two requests."""
        if self.shortcut is None or self.left or self._heard or self._ended:
            return None
        return self.shortcut.receive() if self.shortcut.wait(THINKING_MILLISECONDS) else None

    async def next(self) -> bytes:
        """What comes next; empty at the end of the stream."""
        heard, self._heard = self._heard, b""
        return heard or (b"" if self._ended else await self._receive())

    async def _receive(self) -> bytes:
        self._receiving = True
        try:
            data = bytes(await self._stream.receive_some(READ_SIZE))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            data = b""
        finally:
            self._receiving = False
        self._ended = not data
        return data
