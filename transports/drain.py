"""Output that must not pile up: read at once, kept within a bound, given to whoever asks.

A guest's serial port, or a program's stderr, blocks its writer when nobody reads. A `Drain` always reads.
"""

from __future__ import annotations

import trio

CHUNK = 65536
HEAD = 4096


class Drain(trio.abc.ReceiveStream):
    """``source`` as a stream that holds at most ``limit`` unread bytes; older ones are dropped and counted.

    Must be made inside trio: a system task does the reading, so the maker needs no nursery. `head` is the
    first bytes that ever came, whether read or not.
    """

    def __init__(self, source: trio.abc.ReceiveStream, limit: int = 1 << 20) -> None:
        self._source = source
        self._limit = limit
        self._unread = bytearray()
        self._more = trio.Event()
        self._closed = False
        self.head = b""
        self.dropped = 0
        self.ended = trio.Event()
        trio.lowlevel.spawn_system_task(self._read)

    async def _read(self) -> None:
        try:
            while data := await self._source.receive_some(CHUNK):
                self._keep(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the writer was killed, or we are being closed: either way this is the end
        finally:
            self.ended.set()
            self._more.set()
            await trio.aclose_forcefully(self._source)

    def _keep(self, data: bytes | bytearray) -> None:
        if len(self.head) < HEAD:
            self.head += data[: HEAD - len(self.head)]
        self._unread += data
        excess = len(self._unread) - self._limit
        if excess > 0:
            del self._unread[:excess]
            self.dropped += excess
        self._more.set()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """The next bytes as soon as there are any; ``b""`` when the writer is gone and all was read."""
        if max_bytes is not None and max_bytes < 1:
            raise ValueError("max_bytes must be at least 1")
        await trio.lowlevel.checkpoint()
        while True:
            if self._closed:
                raise trio.ClosedResourceError("this stream was closed")
            if self._unread or self.ended.is_set():
                break
            self._more = trio.Event()
            await self._more.wait()
        data = bytes(self._unread[:max_bytes])
        del self._unread[:max_bytes]
        return data

    async def aclose(self) -> None:
        self._closed = True
        self._more.set()
        await self._source.aclose()
