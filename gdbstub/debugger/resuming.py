"""Letting the guest go, and having it stop: one resume, whatever it is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import trio

from gdbstub.backends import Backend
from gdbstub.backends.interface import StopHooks
from gdbstub.debugger.interrupter import Interrupter
from gdbstub.debugger.stop_reader import StopReader
from gdbstub.errors import GdbError
from gdbstub.protocol.stops import Stop, Stopped
from gdbstub.remote.link_stream import Token
from gdbstub.remote.target import RemoteTarget

STEP_GRACE = 0.1
"""Seconds that a step under way may still take after an interrupt was asked for."""
SIGINT = 2


class Resuming:
    """A guest that goes and stops; ``say`` takes messages for the user."""

    def __init__(
        self,
        remote: RemoteTarget,
        backend: Backend,
        reader: StopReader,
        hooks: StopHooks,
        say: Callable[[str], None],
    ) -> None:
        self._remote = remote
        self._backend = backend
        self._reader = reader
        self._hooks = hooks
        self._say = say
        self._interrupter = Interrupter(remote, hooks, say)
        self.interrupted = False
        """Was the last run asked to stop?"""
        self.halted = False
        """Did the last step wait in HLT until it was broken off?"""
        self.stuck = False
        """Did the last continue end at its own first step, which ran nothing?"""
        self._broken_at: int | None = None
        self._resuming: Token | None = None
        self._stepping = False
        self._only: int | None = None
        self._echoes = False
        self._alone: int | None = None
        """The one vCPU that was let go, where it was one."""

    def begin(
        self, *, stepping: bool, only: int | None = None, interrupted: bool = False, echoes: bool = False
    ) -> None:
        """A new run of the user's; where it continues, with vCPU ``only`` alone if one is named. ``interrupted``: it
        was asked to end before it began, and does so as soon as the guest goes. ``echoes``: who asked hears a stub's
        second report of what its own step hit, as without dr6."""
        self.interrupted, self.stuck, self.halted = interrupted, False, False
        self._broken_at = None
        self._stepping = stepping
        self._only = only
        self._echoes = echoes

    async def interrupt(self) -> None:
        """Make the run end; may be called from another task. No-op when stopped.

        A step is given a moment to end by itself, so that it is not broken off before its instruction has run.
        """
        self.interrupted = True
        token = self._resuming
        if self._stepping:
            await trio.sleep(STEP_GRACE)
        if token is not None and token == self._resuming and self._remote.running:
            await self._interrupter.break_in(tell=True)

    def give_up(self) -> None:
        """The guest is left to itself from now on: an interrupt that was asked of the last run is not for it."""
        self._resuming = None

    @property
    def unanswered(self) -> bool:
        """Was the guest asked to stop, and runs all the same?"""
        return self._interrupter.unanswered

    async def halt(self) -> Stop | None:
        """Stop a guest whose run was given up half-way (a cancelled task); None when it does not run. Raises `NoReply`
        where it does not stop."""
        if not self._remote.running or self._resuming is None:
            return None
        await self._interrupter.break_in()
        return await self._interrupter.stop(self._resuming)

    def is_pause(self, stop: Stop) -> bool:
        """Was the guest stopped by 0x03, or from outside (QEMU's run state ``paused``)? Some stubs give 0x03 the signal
        of a breakpoint, or none; there it is one where 0x03 was sent."""
        if not isinstance(stop, Stopped):
            return False
        asked = self._interrupter.asked and not stop.reasons
        return stop.signal == SIGINT or (asked and stop.signal in self._backend.dialect.pause_signals)

    async def _look_again(self) -> None:
        """Read what the user changed since the stop, so that "before" is true, and RIP is where the guest goes from."""
        if self._reader.stale:
            await self._reader.read_again(self._reader.cpu)

    async def _resume(self, step: int | None, *, others: bool = False, alone: int | None = None) -> None:
        """Go; where it is no step, with vCPU ``alone`` only, or else the one that this run is for."""
        await self._look_again()
        seen = self._reader.seen
        if changed := await self._hooks.before_resume(None if seen is None else seen.as_last):
            await self._reader.amend(changed)
        await self._remote.select(self._reader.cpu)
        self._interrupter.resumed()
        only = self._only if alone is None else alone
        self._alone = only if step is None else None if others else step
        self._resuming = self._remote.ask_resume(step=step, only=only, others=others)
        await self._remote.flush()

    def _of_who_ran(self, stop: Stop) -> Stop:
        """A pause belongs to the vCPU that was let go alone. QEMU 7.2 names the one that stopped last before, which gdb
        13 does not survive."""
        if self._alone is None or not isinstance(stop, Stopped) or not self.is_pause(stop):
            return stop
        if self._remote.cpu_of(stop.thread) in (self._alone, None):
            return stop
        return replace(stop, thread=self._remote.thread(self._alone))

    @property
    def _pending(self) -> Token:
        if self._resuming is None:
            raise GdbError("The guest was not resumed.")
        return self._resuming
