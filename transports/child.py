"""A program's stdio as a stream: ``|COMMAND``, as in gdb's ``target remote | COMMAND``."""

from __future__ import annotations

import math
import socket
from collections.abc import Sequence

import trio

from transports.errors import PeerDied
from transports.process import Process, spawn

PATIENCE_SECONDS = 1.0
"""For a program that ends by itself when its stdin ends, as ssh and nc do: our last packet is still on its
way.
"""


class ProgramStream(trio.abc.HalfCloseableStream):
    """A socket whose other end is held by a program that we started; knows how that program died.

    A program that ends badly before it said a byte is `PeerDied`, not a quiet end of the stream.
    """

    def __init__(self, process: Process, stream: trio.SocketStream) -> None:
        self._process = process
        self._stream = stream
        self._heard = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        try:
            await self._stream.send_all(data)
        except trio.BrokenResourceError as error:
            await self._raise_death(error)
            raise

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        try:
            data = await self._stream.receive_some(max_bytes)
        except trio.BrokenResourceError as error:
            await self._raise_death(error)
            raise
        if data:
            self._heard = True
        elif not self._heard:
            await self._raise_death(None)
        return data

    async def _raise_death(self, error: trio.BrokenResourceError | None) -> None:
        if words := await self._process.exit_reason():
            raise PeerDied(words) from error

    async def aclose(self) -> None:
        """Close the stream. The program is not stopped here: whoever started it does that."""
        await self._stream.aclose()


class CommandStream(ProgramStream):
    """A command's stdio; closing the stream stops the command."""

    async def aclose(self) -> None:
        forced = trio.current_effective_deadline() == -math.inf
        try:
            await super().aclose()
        finally:
            await self._process.stop(patience=0.0 if forced else PATIENCE_SECONDS)


def open_command(line: str) -> tuple[CommandStream, Process]:
    """Run ``line`` with ``/bin/sh``; must be called inside trio."""
    return open_program("The command", ["/bin/sh", "-c", line])


def open_program(name: str, argv: Sequence[str]) -> tuple[CommandStream, Process]:
    """Run ``argv``; ``name`` is what sentences call it. Must be called inside trio."""
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            process = spawn(name, argv, stdin=theirs.fileno(), stdout=theirs.fileno())
    except BaseException:
        ours.close()
        raise
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
    return CommandStream(process, stream), process
