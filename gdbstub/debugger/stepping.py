"""Single-steps: our breakpoint at RIP out of the way, what ran nothing done again, what hangs broken off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from gdbstub.backends import Backend
from gdbstub.backends.interface import StopHooks
from gdbstub.debugger.exception_frame import DEBUG
from gdbstub.debugger.idle_steps import IdleSteps
from gdbstub.debugger.meeting_breakpoints import MeetingBreakpoints
from gdbstub.debugger.physical_points import PhysicalBreakpoint, PhysicalPoints
from gdbstub.debugger.resuming import STEP_GRACE, Resuming
from gdbstub.debugger.returns_with_rf import ReturnsWithRf
from gdbstub.debugger.snapshot import Snapshot
from gdbstub.debugger.stop_reader import StopAtArrival, StopReader
from gdbstub.errors import CannotBreakIn, GdbError
from gdbstub.protocol.stops import Stop, Stopped, Watch
from gdbstub.remote.link_stream import Token
from gdbstub.remote.target import RemoteTarget
from gdbstub.x86.decode import shape

STEP_SECONDS = 3.0
"""A step of HLT that takes longer waits for an interrupt: the guest is stopped, and the run of steps ends."""
LONGEST_STEP = 15.0
"""Any other step takes microseconds, and longer only on a machine that is busy with something else."""
HALTS = frozenset(("hlt", "mwait", "mwaitx"))
"""What waits for an interrupt: SDM vol. 2, HLT and MWAIT; APM vol. 3, MWAITX."""
ECHO_SECONDS = 1.0


class Stepping(Resuming):
    """A guest that is stepped."""

    def __init__(
        self,
        remote: RemoteTarget,
        backend: Backend,
        reader: StopReader,
        points: PhysicalPoints,
        hooks: StopHooks,
        say: Callable[[str], None],
    ) -> None:
        super().__init__(remote, backend, reader, hooks, say)
        self._points = points
        self.meeting = MeetingBreakpoints(
            points, self._tell_of_meeting, enabled=backend.explains.breakpoints_meet is not None
        )
        self.returns = ReturnsWithRf(points, self.meeting, say, enabled=backend.explains.breaks_behind_step is not None)
        self.on_aside: Callable[[int], bool] = lambda address: False
        """Hears where a breakpoint went out since one of the guest's lies there; has it said so?"""
        self.idle = IdleSteps(reader, enabled=backend.idle_steps)
        self._stepped = 0
        self._others = False
        self._patience = 0.0

    async def _resume(self, step: int | None, *, others: bool = False, alone: int | None = None) -> None:
        await self._look_again()
        if (seen := self._reader.seen) is not None:
            await self.meeting.part(seen.state)
        await super()._resume(step, others=others, alone=alone)

    def _tell_of_meeting(self, address: int) -> None:
        if not self.on_aside(address):
            self._say(
                f"A breakpoint of the guest's own lies at {address:#x}, where one of dr6's does. This emulator can't "
                "have both, so dr6's is out of the guest for as long as the guest's is there."
            )

    async def take_echo(self) -> None:
        """After a step that hit a watchpoint, or took the #DB of one of the guest's own, TCG stops once more, without
        progress, and would do so behind our back when the guest is let go. Breakpoints are out."""
        last, seen = self._remote.last_stop, self._reader.seen
        if not self._backend.repeats_watches or not self._remote.stepped or not isinstance(last, Stopped):
            return
        took_db = seen is not None and seen.taken is not None and seen.taken.vector == DEBUG
        if took_db or any(isinstance(reason, Watch) for reason in last.reasons):
            cpu = self._remote.cpu_of(last.thread)
            self._resuming = self._remote.ask_resume(step=self._reader.cpu if cpu is None else cpu)
            self._interrupter.resumed()
            with trio.move_on_after(ECHO_SECONDS):
                await self._remote.stop(self._resuming)
                return
            await self.halt()

    async def step(self, *, others: bool = False) -> Stop:
        """One step, with our breakpoint at RIP out of the way where the stub would only report it again; with
        ``others`` the other vCPUs run meanwhile."""
        return await self.end_step(await self.begin_step(others=others))

    async def begin_step(self, *, others: bool = False) -> tuple[PhysicalBreakpoint, ...]:
        """Let the step go; what was lifted for it, for `end_step`."""
        self._stepped, self._others = self._reader.cpu, others
        await self._look_again()
        seen = self._reader.seen
        lifted: tuple[PhysicalBreakpoint, ...] = ()
        around = seen is not None and await self.returns.watch(seen)
        if seen is not None and (around or not self._backend.steps_off_breakpoints):
            lifted = await self._points.lift(seen.state.pc)
        cpu = self._reader.cpu
        await self._resume(None if around else cpu, others=others, alone=None if others else cpu)
        return lifted

    async def end_step(self, lifted: tuple[PhysicalBreakpoint, ...]) -> Stop:
        """The stop of the step that `begin_step` let go."""
        stop = await self.await_step()
        while await self._hooks.made_no_progress(stop):
            await self._resume(self._reader.cpu)
            stop = await self.await_step()
        stop = await self.returns.end(stop)
        if lifted and isinstance(stop, Stopped):
            await self._points.put_back(lifted)
        return stop

    def went_ahead(self, token: Token) -> None:
        """The step loop has sent the next step already; `await_step` waits for it."""
        self._interrupter.resumed()
        self._resuming, self._stepped, self._others = token, self._reader.cpu, False
        self._points.all_in()

    def steps(self, cpu: int, *, others: bool) -> None:
        """A step of ``cpu`` leaves past here; `read_step` may have to do it again."""
        self._stepped, self._others = cpu, others

    async def read_step(self, stop: Stop) -> Snapshot:
        """Everything of the stop behind a step."""
        if not isinstance(stop, Stopped):
            return await self._reader.read(stop)
        stop, arrival = await self.again_if_idle(stop, await self._reader.read_registers(stop))
        return await (self._reader.read(stop) if arrival is None else self._reader.read_rest(arrival, stepped=True))

    async def again_if_idle(self, stop: Stopped, arrival: StopAtArrival) -> tuple[Stop, StopAtArrival | None]:
        """The stop behind a step, and its registers (None where the guest is gone). A step that ran nothing, for
        reasons of the stub's own, is done again, once; what that takes to know is read where no register changed."""
        if self.interrupted or arrival.asked.cpu != self._stepped or not self.idle.seems_idle(arrival):
            return stop, arrival
        arrival = await self._reader.read_on(arrival)
        if not await self.idle.ran_nothing(arrival):
            return stop, arrival
        again = await self.step(others=self._others)
        if not isinstance(again, Stopped):
            return again, None
        return again, (await self._reader.read_registers(again))._replace(retried=1)

    async def await_step(self, look: Callable[[], Awaitable[None]] | None = None) -> Stop:
        """The stop behind the step that is under way; one that hangs is broken off. ``look`` reads where it began, if
        nobody has yet."""
        return self._of_who_ran(await self._step_ended(look))

    async def _step_ended(self, look: Callable[[], Awaitable[None]] | None) -> Stop:
        token = self._pending
        if self.interrupted:  # before it began
            with trio.move_on_after(STEP_GRACE):
                return await self._remote.stop(token)
            await self._interrupter.break_in(tell=True)
            return await self._remote.stop(token)
        with trio.move_on_after(STEP_SECONDS):
            return await self._remote.stop(token, self._patience)
        if look is not None:
            await look()
        seen = self._reader.seen
        self.halted = seen is not None and _waits_for_interrupt(seen)
        if not self.halted:
            with trio.move_on_after(LONGEST_STEP - STEP_SECONDS):
                return await self._remote.stop(token)
        hangs = (
            f"The step did not end within {STEP_SECONDS:g} seconds: HLT waits for an interrupt"
            if self.halted
            else f"The step did not end within {LONGEST_STEP:g} seconds, though there is no HLT"
        )
        try:
            await self._interrupter.break_in()
        except CannotBreakIn as error:
            self._say(f"{hangs}; it goes on. {error}")
            return await self._remote.stop(token)
        stop = await self._interrupter.stop(token)
        self._say(f"{hangs}; it was broken off.")
        return stop

    def goes_on(self, pc: int) -> bool:
        """May a run of steps go on behind a pause, at the linear RIP ``pc``? Where a step took too long once, and it is
        not HLT that waits; raises `GdbError` where it did so twice."""
        if self.halted or self.interrupted or not self._interrupter.broke_off:
            return False
        if self._broken_at == pc:
            raise GdbError(f"The instruction at {pc:#x} can't be stepped: twice its step did not end.")
        self._broken_at = pc
        return True


def _waits_for_interrupt(seen: Snapshot) -> bool:
    known = shape(seen.code, seen.state.mode)
    return bool(seen.state.halted) or (known is not None and known.mnemonic in HALTS)
