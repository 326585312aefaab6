"""A gdbsx's stream that ends with its domain: gdbsx itself waits for ever for one that was destroyed while it ran."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import trio

from transports.errors import HelperFailed

FIRST_LOOK, LAST_LOOK = 4.0, 30.0
"""Seconds of silence until dom0 is asked; doubled from look to look. Each is a process there."""


class WatchedStream(trio.abc.Stream):
    """``inner``, at its end once ``fate`` says what became of the domain (empty while it is there)."""

    def __init__(self, inner: trio.abc.Stream, fate: Callable[[], Awaitable[str]]) -> None:
        self._inner = inner
        self._fate = fate

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data: bytes | bytearray | None = None
        with trio.move_on_after(FIRST_LOOK):
            data = await self._inner.receive_some(max_bytes)
        if data is not None:
            return data
        return await self._receive_and_look(max_bytes)

    async def _receive_and_look(self, max_bytes: int | None) -> bytes | bytearray:
        data: bytes | bytearray = b""
        failure: Exception | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._look, nursery.cancel_scope)
            try:
                data = await self._inner.receive_some(max_bytes)
            except Exception as error:  # carried out of the nursery as it is, not in a group
                failure = error
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return data

    async def _look(self, waiting: trio.CancelScope) -> None:
        """Give up waiting once the domain is gone."""
        seconds = FIRST_LOOK
        while True:
            with suppress(HelperFailed):  # another time, perhaps
                if await self._fate():
                    waiting.cancel()
                    return
            await trio.sleep(seconds)
            seconds = min(2 * seconds, LAST_LOOK)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._inner.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._inner.aclose()
