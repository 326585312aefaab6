"""Making the guest go, and waiting for it: steps, continues, and the stops in between that are for dr6 alone.

No stub continues from a breakpoint's address without reporting it again, so a continue begins with a step there.
While a guest runs with caught vectors it is stopped unseen: at LIDT instructions, when it writes a caught gate, and
from time to time to look at IDTR.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

import trio

from gdbstub.backends import Backend
from gdbstub.backends.interface import StopHooks
from gdbstub.debugger.boot_walk import BootWalk
from gdbstub.debugger.breakpoints import BreakpointTable
from gdbstub.debugger.deferred_requests import DeferredRequests
from gdbstub.debugger.interrupter import Interrupter
from gdbstub.debugger.physical_points import PhysicalBreakpoint
from gdbstub.debugger.snapshot import Snapshot, hits
from gdbstub.debugger.stop_reader import StopAtArrival, StopReader
from gdbstub.debugger.vector_catch import VectorCatch
from gdbstub.errors import CannotBreakIn, GdbError, TransportError
from gdbstub.protocol.stops import Stop, Stopped, Watch
from gdbstub.remote.target import RemoteTarget
from gdbstub.remote.wire import Token
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.decode import shape

Pace = Callable[[float], Awaitable[None]]

STEP_GRACE = 0.1
"""Seconds that a step under way may still take after an interrupt was asked for."""
STEP_SECONDS = 3.0
"""A step of HLT that takes longer waits for an interrupt: the guest is stopped, and the run of steps ends."""
LONGEST_STEP = 15.0
"""Any other step takes microseconds, and longer only on a machine that is busy with something else."""
HALTS = frozenset(("hlt", "mwait", "mwaitx"))
"""What waits for an interrupt: SDM vol. 2, HLT and MWAIT; APM vol. 3, MWAITX."""
FIRST_LOOK, LAST_LOOK = 0.02, 1.0
"""Seconds between looks at IDTR while a guest runs with caught vectors: doubled from look to look."""
MOST_IDLE_STEPS = 6
"""Steps from a breakpoint's address that may run nothing before a continue is tried all the same."""
ECHO_SECONDS = 1.0
PASSING_MILLISECONDS = 2.0
"""Where a condition just said no, how long the next stop is waited for with everything else held up."""
SIGINT = 2


class RunControl:
    """Resumes and waits. ``pace`` waits until the next look is due; ``say`` takes messages for the user."""

    def __init__(
        self,
        remote: RemoteTarget,
        backend: Backend,
        observer: StopReader,
        table: BreakpointTable,
        catcher: VectorCatch,
        hooks: StopHooks,
        pace: Pace,
        say: Callable[[str], None],
        deferred: DeferredRequests,
        walk: BootWalk,
    ) -> None:
        self._remote = remote
        self._backend = backend
        self._observer = observer
        self._table = table
        self._points = table.points
        self._catcher = catcher
        self._hooks = hooks
        self._pace = pace
        self._say = say
        self._deferred = deferred
        self._walk = walk
        self._interrupter = Interrupter(remote, hooks, say)
        self.halted = False
        """Did the last step wait in HLT until it was broken off?"""
        self._broken_at: int | None = None
        self._resuming: Token | None = None
        self._stepping = False
        self._look_seconds = FIRST_LOOK
        self._looked = False
        self._echo: dict[str, int] | None = None
        self.interrupted = False
        """Was the last run asked to stop?"""
        self._only: int | None = None
        self._stepped = 0
        self._others = False
        self._alone: int | None = None
        """The one vCPU that was let go, where it was one."""
        self._patience = 0.0
        self._passed: bytes | None = None
        self.stuck = False
        """Did the last continue end at its own first step, which ran nothing?"""

    def begin(self, *, stepping: bool, only: int | None = None, interrupted: bool = False) -> None:
        """A new run of the user's; where it continues, with vCPU ``only`` alone if one is named. ``interrupted``: it
        was asked to end before it began, and does so as soon as the guest goes."""
        self.interrupted, self.stuck, self.halted = interrupted, False, False
        self._broken_at = None
        self._stepping = stepping
        self._only = only

    def look_soon(self) -> None:
        """A vector was caught anew: the first look at IDTR is soon."""
        self._look_seconds = FIRST_LOOK

    async def interrupt(self) -> None:
        """Make the run end; may be called from another task. No-op when stopped.

        A step is given a moment to end by itself, so that it is not broken off before its instruction has run.
        """
        self.interrupted = True
        token = self._resuming
        if self._stepping:
            await trio.sleep(STEP_GRACE)
        if token == self._resuming and self._remote.running:
            await self._interrupter.break_in(tell=True)

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

    async def take_echo(self) -> None:
        """After a step that hit a watchpoint TCG stops once more, without progress, and would do so behind our back
        when the guest is let go. Breakpoints are out."""
        last = self._remote.last_stop
        if not self._backend.repeats_watches or not self._remote.stepped or not isinstance(last, Stopped):
            return
        if any(isinstance(reason, Watch) for reason in last.reasons):
            cpu = self._remote.cpu_of(last.thread)
            self._resuming = self._remote.ask_resume(step=self._observer.cpu if cpu is None else cpu)
            self._interrupter.resumed()
            with trio.move_on_after(ECHO_SECONDS):
                await self._remote.stop(self._resuming)
                return
            await self.halt()

    # -- steps ------------------------------------------------------------------------------------------------

    async def step(self, *, others: bool = False) -> Stop:
        """One step, with our breakpoint at RIP out of the way where the stub would only report it again; with
        ``others`` the other vCPUs run meanwhile."""
        return await self.end_step(await self.begin_step(others=others))

    async def begin_step(self, *, others: bool = False) -> tuple[PhysicalBreakpoint, ...]:
        """Let the step go; what was lifted for it, for `end_step`."""
        self._stepped, self._others = self._observer.cpu, others
        await self._look_again()
        seen = self._observer.seen
        lifted: tuple[PhysicalBreakpoint, ...] = ()
        if not self._backend.steps_off_breakpoints and seen is not None:
            lifted = await self._points.lift(seen.state.pc)
        await self._resume(self._observer.cpu, others=others)
        return lifted

    async def end_step(self, lifted: tuple[PhysicalBreakpoint, ...]) -> Stop:
        """The stop of the step that `begin_step` let go."""
        stop = await self.await_step()
        while await self._hooks.made_no_progress(stop):
            await self._resume(self._observer.cpu)
            stop = await self.await_step()
        if lifted and isinstance(stop, Stopped):
            await self._points.put_back(lifted)
        return stop

    def went_ahead(self, token: Token) -> None:
        """The observer has sent the next step already; `await_step` waits for it."""
        self._interrupter.resumed()
        self._resuming, self._stepped, self._others = token, self._observer.cpu, False
        self._points.all_in()

    def steps(self, cpu: int, *, others: bool) -> None:
        """A step of ``cpu`` leaves past here; `see_step` may have to do it again."""
        self._stepped, self._others = cpu, others

    async def see_step(self, stop: Stop) -> Snapshot:
        """Everything of the stop behind a step."""
        if not isinstance(stop, Stopped):
            return await self._observer.see(stop)
        stop, arrival = await self.again_if_idle(stop, await self._observer.arrive(stop))
        return await (self._observer.see(stop) if arrival is None else self._observer.look(arrival))

    async def again_if_idle(self, stop: Stopped, arrival: StopAtArrival) -> tuple[Stop, StopAtArrival | None]:
        """The stop behind a step, and its registers (None where the guest is gone). A step that ran nothing, for
        reasons of the stub's own, is done again, once; what that takes to know is read where no register changed."""
        if self.interrupted or arrival.asked.cpu != self._stepped or not self._observer.seems_idle(arrival):
            return stop, arrival
        arrival = await self._observer.read_on(arrival)
        if not await self._observer.ran_nothing(arrival):
            return stop, arrival
        again = await self.step(others=self._others)
        if not isinstance(again, Stopped):
            return again, None
        return again, (await self._observer.arrive(again))._replace(retried=1)

    async def await_step(self, look: Callable[[], Awaitable[None]] | None = None) -> Stop:
        """The stop behind the step that is under way; one that hangs is broken off. ``look`` reads where it began, if
        nobody has yet."""
        return self._of_who_ran(await self._step_ended(look))

    def _of_who_ran(self, stop: Stop) -> Stop:
        """A pause belongs to the vCPU that was let go alone. QEMU 7.2 names the one that stopped last before, which gdb
        13 does not survive."""
        if self._alone is None or not isinstance(stop, Stopped) or not self.is_pause(stop):
            return stop
        if self._remote.cpu_of(stop.thread) in (self._alone, None):
            return stop
        return replace(stop, thread=self._remote.thread(self._alone))

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
        seen = self._observer.seen
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

    # -- continues --------------------------------------------------------------------------------------------

    async def run(self) -> Snapshot:
        """Continue to the next stop that is not dr6's own affair."""
        stand = False
        while True:
            seen = self._observer.seen
            if seen is not None and self._walk.is_due(seen) and not self._observer.stale:
                snapshot = await self._walk.walk(self, seen)
                if snapshot is not None:
                    return snapshot
            stepped = None if stand else await self._step_off()
            snapshot, ours = stepped or await self._continue()
            # a look of ours that found the guest in front of a breakpoint: a continue from there reports it
            if self._deferred.waiting and isinstance(snapshot.stop, Stopped):
                await self._deferred.serve()
            stand = ours and self.is_pause(snapshot.stop) and not self.interrupted and bool(hits(self._table, snapshot))
            if stand or (ours and not self.interrupted and not hits(self._table, snapshot)):
                continue
            if not stepped and self._is_echo(snapshot):
                continue
            if self._walk.is_due(snapshot) and not hits(self._table, snapshot):
                continue
            if self._is_lidt(snapshot):
                snapshot = await self.see_step(await self.step())
                if isinstance(snapshot.stop, Stopped):
                    continue
            return snapshot

    async def run_to(self, address: int) -> Stop:
        """Continue to ``address``, or to whatever stops the guest before."""
        row = await self._table.add(BreakpointKind.EXECUTE, address, means="hw", hidden=True)
        try:
            await self._resume(None)
            return await self._remote.stop(self._pending)
        finally:
            with suppress(TransportError):
                await self._table.remove(row.number)

    async def back(self, *, step: bool) -> Snapshot:
        """Run backwards to the next stop. Of what came before it nothing is known."""
        await self._look_again()
        self._points.all_in()
        await self._remote.select(self._observer.cpu)
        self._interrupter.resumed()
        self._alone = None
        self._resuming = self._remote.ask_backwards(step=step)
        await self._remote.flush()
        if self.interrupted:
            await self._interrupter.break_in(tell=True)
        stop = await self._remote.stop(self._resuming)
        self._observer.forget_before()
        return await self._observer.see(stop)

    async def _look_again(self) -> None:
        """Read what the user changed since the stop, so that "before" is true, and RIP is where the guest goes from."""
        if self._observer.stale:
            await self._observer.read_again(self._observer.cpu)

    async def _resume(self, step: int | None, *, others: bool = False) -> None:
        """Go."""
        await self._look_again()
        seen = self._observer.seen
        if changed := await self._hooks.before_resume(None if seen is None else seen.as_last):
            await self._observer.amend(changed)
        await self._remote.select(self._observer.cpu)
        self._interrupter.resumed()
        self._alone = self._only if step is None else None if others else step
        self._resuming = self._remote.ask_resume(step=step, only=self._only, others=others)
        await self._remote.flush()

    async def _step_off(self) -> tuple[Snapshot, bool] | None:
        """Before a continue: one step from a breakpoint's address. Returns the stop only if it is one by itself."""
        for _ in range(MOST_IDLE_STEPS):
            await self._look_again()
            seen = self._observer.seen
            if seen is None or seen.state.pc not in self._points.marks:
                return None
            snapshot = await self.see_step(await self.step())
            ours = self._is_gate_watch(snapshot.stop)
            if not isinstance(snapshot.stop, Stopped):
                return snapshot, ours
            if isinstance(snapshot.stop.reason, Watch) and self._backend.repeats_watches:
                self._echo = snapshot.state.registers
            if snapshot.stop.reasons or (snapshot.state.pc in self._points.marks and not _is_same(snapshot, seen)):
                return snapshot, ours
        if self._backend.steps_off_breakpoints or not self._points.lifted:
            return None
        self._say(
            f"The continue could not leave {snapshot.state.pc:#x}: with the breakpoint there out of the way, a step "
            "runs nothing. Delete it to let the guest go on."
        )
        self.stuck = True  # something else faults here, and a continue would only hit ours again
        return snapshot, False

    async def _continue(self) -> tuple[Snapshot, bool]:
        """Continue; the stop, and whether it was for a purpose of ours."""
        self._points.all_in()
        stop: Stop | None = None
        while stop is None or await self._hooks.made_no_progress(stop):
            await self._resume(None)
            if self.interrupted:  # asked for while the guest stood still for an affair of ours
                await self._interrupter.break_in(tell=True)
            stop = await self._await_run()
        while await self._passes(stop):
            stop = await self._pass_by()
        wrote_gate = self._is_gate_watch(stop)
        snapshot = await self._observer.see(stop)
        if wrote_gate or (self._looked and self._catcher.active):
            await self._catcher.refresh(snapshot.state, by_chance=self._looked and not wrote_gate)
        return snapshot, wrote_gate or (self._looked and self.is_pause(stop)) or self._is_stray(stop, snapshot)

    async def _await_run(self) -> Stop:
        """The stop; meanwhile the guest may be stopped for a look at its IDT."""
        token = self._pending
        self._looked = False
        self._deferred.pause = self._pause
        try:
            if self._deferred.waiting:
                await self._pause()
            stop = await (
                self._stop_or_look(token) if self._catcher.active else self._remote.stop(token, self._patience)
            )
            return self._of_who_ran(stop)
        finally:
            self._deferred.pause = None

    async def _stop_or_look(self, token: Token) -> Stop:
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

    async def _pause(self) -> None:
        """Stop for an affair of ours; may be called from another task."""
        self._looked = True
        with suppress(TransportError):  # who waits for the stop learns of it, too
            await self._interrupter.break_in(tell=True)

    async def _look(self) -> None:
        await self._pace(self._look_seconds)
        self._look_seconds = min(2 * self._look_seconds, LAST_LOOK)
        await self._pause()

    @property
    def _pending(self) -> Token:
        if self._resuming is None:
            raise GdbError("The guest was not resumed.")
        return self._resuming

    # -- conditions that are asked before a stop is read -----------------------------------------------------

    async def _passes(self, stop: Stop) -> bool:
        """Did the guest only come by breakpoints whose tests say no? Then nothing but the registers is read."""
        if self.interrupted or not isinstance(stop, Stopped) or stop.reasons or self.is_pause(stop):
            return False
        if not self._table.has_tests or self._deferred.waiting:
            return False
        glance, pc = await self._observer.glance(stop, self._table.test_reads)
        rows = self._table.execution_at(pc)
        if not rows or any(row.test is None for row in rows):
            return False
        passed, self._passed = self._passed, None
        if passed == glance.registers and await self._observer.moves_on(pc):
            return True  # the step from here ran nothing: nobody is asked twice
        self._passed = glance.registers if self._backend.idle_steps else None
        for row in rows:
            if row.test is not None and not row.removal_pending and await row.test(glance):
                return False
        return True

    async def _pass_by(self) -> Stop:
        """From such a place to the next stop."""
        self._patience = PASSING_MILLISECONDS
        try:
            stop = await self.step()
            if not isinstance(stop, Stopped) or stop.reasons or self.interrupted:
                return stop
            self._points.all_in()
            await self._resume(None)
            return await self._await_run()
        finally:
            self._patience = 0.0

    # -- whose stop it is ---------------------------------------------------------------------------------------

    def is_pause(self, stop: Stop) -> bool:
        """Was the guest stopped by 0x03, or from outside (QEMU's run state ``paused``)? Some stubs give 0x03 the signal
        of a breakpoint, or none; there it is one where 0x03 was sent."""
        if not isinstance(stop, Stopped):
            return False
        asked = self._interrupter.asked and not stop.reasons
        return stop.signal == SIGINT or (asked and stop.signal in self._backend.dialect.pause_signals)

    def _is_gate_watch(self, stop: Stop) -> bool:
        return (
            isinstance(stop, Stopped)
            and isinstance(stop.reason, Watch)
            and self._catcher.is_gate_watch(stop.reason.address)
        )

    def _is_stray(self, stop: Stop, snapshot: Snapshot) -> bool:
        """Was a watchpoint reported that is none, and nothing else?"""
        if not isinstance(stop, Stopped) or not isinstance(snapshot.stop, Stopped) or snapshot.stop.reasons:
            return False
        return bool(stop.reasons) and snapshot.state.pc not in self._points.marks

    def _is_echo(self, snapshot: Snapshot) -> bool:
        """Is this TCG's second report, without progress, of a watchpoint that a step of ours hit?"""
        echo, self._echo = self._echo, None
        plain = isinstance(snapshot.stop, Stopped) and not snapshot.stop.reasons
        return plain and echo is not None and echo == snapshot.state.registers

    def _is_lidt(self, snapshot: Snapshot) -> bool:
        """Did the guest stop at a LIDT that it must not run unseen, and at nothing else?"""
        plain = isinstance(snapshot.stop, Stopped) and not snapshot.stop.reasons
        return plain and self._catcher.is_passed_by(snapshot.state.pc) and not hits(self._table, snapshot)


def _waits_for_interrupt(seen: Snapshot) -> bool:
    known = shape(seen.code, seen.state.mode)
    return bool(seen.state.halted) or (known is not None and known.mnemonic in HALTS)


def _is_same(snapshot: Snapshot, seen: Snapshot) -> bool:
    """Did nothing run? TCG reports the handler of an event that is pending twice."""
    return snapshot.state.registers == seen.state.registers and snapshot.state.debug == seen.state.debug
