"""Stopping a guest that runs, and how long a stub may take for it: what ignores 0x03 must not hold anybody for ever."""

from __future__ import annotations

from collections.abc import Callable

import trio

from gdbstub.backends.interface import StopHooks
from gdbstub.errors import NoReply
from gdbstub.protocol.stops import Stop
from gdbstub.remote.link_stream import Token
from gdbstub.remote.target import RemoteTarget

ANSWER_SECONDS = 5.0
"""QEMU stops its vCPUs within milliseconds; on a loaded machine, or from a dom0 behind ssh, it may take a second."""
SILENT = f"The stub does not answer to an interrupt within {ANSWER_SECONDS:g} seconds"
HOW_TO_LEAVE = f"{SILENT}; a second Ctrl-C gives up, and leaves the guest as it is."


class Interrupter:
    """``say`` takes the sentence for the user, once for each interrupt that stays unanswered."""

    def __init__(self, remote: RemoteTarget, hooks: StopHooks, say: Callable[[str], None]) -> None:
        self._remote = remote
        self._hooks = hooks
        self._say = say
        self._asked_at: float | None = None
        self._watching = False
        self.broke_off = False
        """Was the last run ended by dr6 itself, which had waited long enough?"""

    @property
    def asked(self) -> bool:
        """Was the guest asked to stop since it was let go?"""
        return self._asked_at is not None

    @property
    def unanswered(self) -> bool:
        """Was the guest asked to stop, and runs all the same?"""
        return self._asked_at is not None and self._remote.running

    async def break_in(self, *, tell: bool = False) -> None:
        """Ask the guest to stop. With ``tell`` it is said where it does not."""
        await self._remote.interrupt()
        self._hooks.on_interrupt()
        self._asked_at = self._asked_at or trio.current_time()
        if tell and not self._watching:
            self._watching = True
            trio.lowlevel.spawn_system_task(self._watch)

    def resumed(self) -> None:
        """The guest was let go: nothing was asked of it yet."""
        self._asked_at, self.broke_off = None, False

    async def stop(self, token: Token) -> Stop:
        """How the guest stopped after a `break_in`. Raises `NoReply` where it does not."""
        with trio.move_on_after(ANSWER_SECONDS):
            stop = await self._remote.stop(token)
            self.broke_off = True
            return stop
        raise NoReply(f"{SILENT}: the guest runs on, and nothing more can be asked of it.")

    async def _watch(self) -> None:
        """A task of its own, since who asked for the interrupt has to hear the next one."""
        try:
            asked = self._asked_at
            await trio.sleep(ANSWER_SECONDS)
            if self.unanswered and self._asked_at == asked and self._remote.lost is None:
                self._say(HOW_TO_LEAVE)
        finally:
            self._watching = False
