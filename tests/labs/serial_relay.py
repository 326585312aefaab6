"""A serial line of Bochs as a Unix socket that one client after the other may use.

Bochs waits for its one client before it starts, and ends a line with it. It also writes each byte of a line by itself
and leaves Nagle's algorithm on, so a byte waits until the one before is acknowledged, which a Linux puts off by 40 ms
unless told otherwise (TCP_QUICKACK, tcp(7)) after each read.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import trio

from tests.labs.paths import short_path

CHUNK = 1 << 16


async def receive_promptly(line: trio.SocketStream) -> bytes:
    """What comes next from Bochs, acknowledged at once; empty at the end."""
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    try:
        return bytes(await line.receive_some(CHUNK))
    except trio.BrokenResourceError:
        return b""


class Relay:
    """Between a line and whoever is connected. What the line says while nobody is, is dropped."""

    def __init__(self, line: trio.SocketStream) -> None:
        self._line = line
        self._client: trio.SocketStream | None = None
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def carry_out(self) -> None:
        """From the line to the client, until the line ends."""
        while data := await receive_promptly(self._line):
            if self._client is not None:
                with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                    await self._client.send_all(data)
        if self._client is not None:
            await trio.aclose_forcefully(self._client)

    async def carry_in(self, listener: trio.SocketListener) -> None:
        """From each client of ``listener`` to the line."""
        while True:
            async with await listener.accept() as client:
                self._client = client
                with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                    async for data in client:
                        await self._line.send_all(data)
                self._client = None


@contextlib.asynccontextmanager
async def relayed(line: trio.SocketStream, path: Path) -> AsyncIterator[None]:
    """Clients of a Unix socket at ``path`` may talk to ``line`` for the length of the block."""
    await trio.Path(path).unlink(missing_ok=True)
    relay = Relay(line)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(short_path(path))
        listening.listen()
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
        async with listener, trio.open_nursery() as nursery:
            nursery.start_soon(relay.carry_out)
            nursery.start_soon(relay.carry_in, listener)
            yield
            nursery.cancel_scope.cancel()
