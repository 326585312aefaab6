"""Continues, and the stops in between that are for dr6 alone.

No stub continues from a breakpoint's address without reporting it again, so a continue begins with a step there.
While a guest runs with caught vectors it is stopped unseen: at LIDT instructions, when it writes a caught gate, and
from time to time to look at IDTR.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeGuard

from gdbstub.backends import Backend
from gdbstub.backends.interface import StopHooks
from gdbstub.debugger.boot_walk import BootWalk
from gdbstub.debugger.breakpoints import BreakpointTable
from gdbstub.debugger.deferred_requests import DeferredRequests
from gdbstub.debugger.idt_looks import IdtLooks, Pace
from gdbstub.debugger.own_stops import OwnStops
from gdbstub.debugger.passing_by import PassingBy
from gdbstub.debugger.snapshot import Snapshot, hits
from gdbstub.debugger.stepping import Stepping
from gdbstub.debugger.stop_reader import StopReader
from gdbstub.debugger.vector_catch import VectorCatch
from gdbstub.errors import TransportError
from gdbstub.protocol.stops import Stop, Stopped, Watch
from gdbstub.remote.target import RemoteTarget
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.decode import shape
from gdbstub.x86.registers import IF

FOR_GOOD = (
    "The guest waits in HLT with IF clear: nothing but an NMI, an SMI, a #MC, INIT or a reset lets it go on. An "
    "interrupt (Ctrl-C) stops it."
)
HALTED = (
    "The vCPU stands in HLT with IF clear: a maskable interrupt does not wake it, only an NMI, an SMI, a #MC, INIT or "
    "a reset."
)
MOST_IDLE_STEPS = 6
"""Steps from a breakpoint's address that may run nothing before a continue is tried all the same."""
PASSING_MILLISECONDS = 2.0
"""Where a condition just said no, how long the next stop is waited for with everything else held up."""


class RunControl(Stepping):
    """Resumes and waits. ``pace`` waits until the next look is due; ``say`` takes messages for the user."""

    def __init__(
        self,
        remote: RemoteTarget,
        backend: Backend,
        reader: StopReader,
        table: BreakpointTable,
        catch: VectorCatch,
        hooks: StopHooks,
        pace: Pace,
        say: Callable[[str], None],
        deferred: DeferredRequests,
        walk: BootWalk,
    ) -> None:
        super().__init__(remote, backend, reader, table.points, hooks, say)
        self._table = table
        self._catch = catch
        self.on_aside = catch.lost_handler
        self._deferred = deferred
        self._walk = walk
        self._looks = IdtLooks(remote, self._interrupter, pace)
        self._own = OwnStops(table, catch)
        self._passing = PassingBy(reader, table, self.idle, idles=backend.idle_steps)

    def look_soon(self) -> None:
        """A vector was caught anew: the first look at IDTR is soon."""
        self._looks.look_soon()

    async def run(self) -> Snapshot:
        """Continue to the next stop that is not dr6's own affair."""
        stand = said = False
        while True:
            seen = self._reader.seen
            if not said and seen is not None and len(self._remote.threads) < 2 and sleeps_for_good(seen):
                self._say(FOR_GOOD)
                said = True
            if seen is not None and self._walk.is_due(seen) and not self._reader.stale:
                snapshot = await self._walk.walk(self, seen)
                if snapshot is not None:
                    return snapshot
            stepped = None if stand else await self._step_off()
            snapshot, ours = stepped or await self._continue()
            # a look of ours that found the guest in front of a breakpoint: a continue from there reports it
            if self._deferred.waiting and isinstance(snapshot.stop, Stopped):
                await self._deferred.serve()
            stand = ours and self.is_pause(snapshot.stop) and not self.interrupted and bool(hits(self._table, snapshot))
            if stand:
                self._reader.forget_event()
            if stand or (ours and not self.interrupted and not hits(self._table, snapshot)):
                continue
            if not stepped and not self.is_pause(snapshot.stop) and self._own.is_echo(snapshot):
                continue
            if self._walk.is_due(snapshot) and not hits(self._table, snapshot):
                continue
            if self._own.is_lidt(snapshot):
                snapshot = await self.read_step(await self.step())
                if isinstance(snapshot.stop, Stopped):
                    continue
            if not said and self.is_pause(snapshot.stop) and snapshot.state.halted and sleeps_for_good(snapshot):
                self._say(HALTED)  # who interrupts a guest that does nothing wants to know why
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
        await self._remote.select(self._reader.cpu)
        self._interrupter.resumed()
        self._alone = None
        self._resuming = self._remote.ask_backwards(step=step)
        await self._remote.flush()
        if self.interrupted:
            await self._interrupter.break_in(tell=True)
        stop = await self._remote.stop(self._resuming)
        self._reader.forget_before()
        return await self._reader.read(stop)

    async def _step_off(self) -> tuple[Snapshot, bool] | None:
        """Before a continue: one step from a breakpoint's address. Returns the stop only if it is one by itself."""
        for _ in range(MOST_IDLE_STEPS):
            await self._look_again()
            seen = self._reader.seen
            if seen is None or seen.state.pc not in self._points.marks:
                return None
            snapshot = await self.read_step(await self.step())
            ours = self._own.is_gate_watch(snapshot.stop)
            if not isinstance(snapshot.stop, Stopped):
                return snapshot, ours
            if isinstance(snapshot.stop.reason, Watch) and self._backend.repeats_watches:
                self._own.echo = snapshot.state.registers
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
        seen = self._reader.seen
        if seen is not None and self._remote.stepped and self._backend.repeats_watches and not self._echoes:
            self._own.echo = seen.state.registers
        stop: Stop | None = None
        while stop is None or await self._hooks.made_no_progress(stop):
            await self._resume(None)
            if self.interrupted:  # asked for while the guest stood still for an affair of ours
                await self._interrupter.break_in(tell=True)
            stop = await self._await_run()
        while self._may_pass(stop) and await self._passing.says_no(stop):
            stop = await self._pass_by()
        wrote_gate = self._own.is_gate_watch(stop)
        snapshot = await self._reader.read(stop)
        gone = not isinstance(stop, Stopped)  # it may end while we look
        if not gone and (wrote_gate or (self._looks.looked and self._catch.active)):
            await self._catch.refresh(snapshot.state, by_chance=self._looks.looked and not wrote_gate)
        ours = wrote_gate or (self._looks.looked and self.is_pause(stop)) or self._own.is_stray(stop, snapshot)
        return snapshot, ours

    async def _await_run(self) -> Stop:
        """The stop; meanwhile the guest may be stopped for a look at its IDT."""
        token = self._pending
        self._looks.looked = False
        self._deferred.pause = self._looks.pause
        try:
            if self._deferred.waiting:
                await self._looks.pause()
            stop = await (
                self._looks.stop_or_look(token) if self._catch.active else self._remote.stop(token, self._patience)
            )
            return self._of_who_ran(stop)
        finally:
            self._deferred.pause = None

    def _may_pass(self, stop: Stop) -> TypeGuard[Stopped]:
        """Can it be that the guest only came by breakpoints with conditions?"""
        if self.interrupted or not isinstance(stop, Stopped) or stop.reasons or self.is_pause(stop):
            return False
        return self._table.has_tests and not self._deferred.waiting

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


def sleeps_for_good(seen: Snapshot) -> bool:
    """Does the guest stand at an HLT, or in one, that no interrupt ends? SDM vol. 2A, HLT."""
    state = seen.state
    if not isinstance(seen.stop, Stopped) or state.registers.get("rflags", IF) & IF:
        return False
    what = shape(seen.code, state.mode)
    return bool(state.halted) or (state.cpl == 0 and what is not None and what.mnemonic == "hlt")


def _is_same(snapshot: Snapshot, seen: Snapshot) -> bool:
    """Did nothing run? TCG reports the handler of an event that is pending twice."""
    return snapshot.state.registers == seen.state.registers and snapshot.state.debug == seen.state.debug
