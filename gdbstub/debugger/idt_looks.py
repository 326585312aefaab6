"""Stops of a running guest that are for dr6 alone: from time to time a look at IDTR, and what others wait for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import trio

from gdbstub.debugger.interrupter import Interrupter
from gdbstub.errors import GdbError, TransportError
from gdbstub.protocol.stops import Stop
from gdbstub.remote.link_stream import Token
from gdbstub.remote.target import RemoteTarget

Pace = Callable[[float], Awaitable[None]]

FIRST_LOOK, LAST_LOOK = 0.02, 1.0
"""Seconds between looks at IDTR while a guest runs with caught vectors: doubled from look to look."""


class IdtLooks:
    """``pace`` waits until the next look is due."""

    def __init__(self, remote: RemoteTarget, interrupter: Interrupter, pace: Pace) -> None:
        self._remote = remote
        self._interrupter = interrupter
        self._pace = pace
        self._seconds = FIRST_LOOK
        self.looked = False
        """Was the guest stopped so since it was let go?"""

    def look_soon(self) -> None:
        """The next look is the first of a new run of them."""
        self._seconds = FIRST_LOOK

    async def pause(self) -> None:
        """Stop for an affair of ours; may be called from another task."""
        self.looked = True
        with suppress(TransportError):  # who waits for the stop learns of it, too
            await self._interrupter.break_in(tell=True)

    async def stop_or_look(self, token: Token) -> Stop:
        """The stop behind the resume ``token``, or that for a look."""
        failure: GdbError | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._look)
            try:
                stop = await self._remote.stop(token)
            except GdbError as error:  # carried out of the nursery as it is, not in a group
                failure = error
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return stop

    async def _look(self) -> None:
        await self._pace(self._seconds)
        self._seconds = min(2 * self._seconds, LAST_LOOK)
        await self.pause()
