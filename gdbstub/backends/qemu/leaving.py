"""QEMU's stub let go, and looked at.

After ``D`` its stub says nothing more, and a connection anew would stop the guest. So dr6 leaves by a continue: while
it still listens, every stop of the guest is told of, and QEMU lets a guest run on whose client closes the connection.
What this can't see is a stop that comes later than `OpenOptions.watch_leaving`; one that TCG owes comes before the
first instruction. Where a breakpoint could not be taken out ``D`` is said all the same, since it takes out what is
there.
"""

from __future__ import annotations

import re

import trio

from gdbstub.backends.interface import StopHooks
from gdbstub.errors import GdbError, Refused
from gdbstub.protocol.stops import Stop, Stopped
from gdbstub.remote.target import RemoteTarget

MOST_TRIES = 3
SIGINT = 2
_STATUS = re.compile(r"VM status: ([^\n]{1,80})")
_NEEDS_RESET = ("shutdown", "internal-error")
"""In these QEMU starts no vCPU, whatever it is told: runstate_needs_reset, system/runstate.c."""


class QemuHooks(StopHooks):
    """``watched``: for how long the guest is listened to once it was let go; None: ``D`` is said, and nothing heard of
    it any more."""

    def __init__(self, remote: RemoteTarget, watched: float | None) -> None:
        super().__init__(remote)
        self._watched = watched

    async def leave(self, *, resume: bool) -> None:
        """As `StopHooks.leave`; raises `GdbError`, with what was found, where the guest does not run on."""
        if not resume:
            return
        if self._watched is None or self._remote.inserted:
            await self._remote.detach()
            return
        status = await self._status()
        if any(f"({word})" in status for word in _NEEDS_RESET):
            await self._remote.detach()
            raise GdbError(f"The guest does not run on: QEMU says {status!r}, which only a reset of the machine ends.")
        stop: Stop | None = None
        for _ in range(MOST_TRIES):
            stop = await self._go(self._watched)
            if not isinstance(stop, Stopped):
                return
            if stop.signal == SIGINT:
                raise GdbError("The guest was let go, and an interrupt stopped it at once: it stands.")
        await self._remote.detach()
        again = f"let go, it stopped again {MOST_TRIES} times at once, with no breakpoint of dr6's in it"
        raise GdbError(f"The guest may stand: {again}.")

    async def _go(self, seconds: float) -> Stop | None:
        """The stop that the guest came to so soon; None where it runs."""
        going = self._remote.ask_resume()
        await self._remote.flush()
        with trio.move_on_after(seconds):
            return await self._remote.stop(going)
        return None

    async def _status(self) -> str:
        try:
            found = _STATUS.search(await self._remote.monitor("info status"))
        except Refused:
            return ""
        return found[1].strip() if found else ""
