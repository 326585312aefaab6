"""Making the guest go, stop for stop: steps and continues, and which stops the user wants to see."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gdbstub.debugger.arguments import check_count
from gdbstub.debugger.breakpoints import HitContext
from gdbstub.debugger.events import Resumed
from gdbstub.debugger.light_steps import Rest, Told
from gdbstub.debugger.logged_guest import LoggedGuest
from gdbstub.debugger.record import StopRecord, StopSummary
from gdbstub.debugger.snapshot import Snapshot, hits
from gdbstub.debugger.step_loop import StepLoop
from gdbstub.errors import CannotBreakIn, GdbError
from gdbstub.explain.evidence import Action
from gdbstub.x86.decode import LONGEST


def always(pc: int) -> bool:
    return True


def lines_of(registers: dict[str, int]) -> tuple[int, ...]:
    """Addresses that a debugger looks at in every stop: the instruction at RIP, and the top of the stack."""
    return registers["rip"], registers["rip"] + LONGEST - 1, registers.get("rsp", 0)


class Running(LoggedGuest):
    """A guest that is stepped and continued, and the stops that came of it."""

    @property
    def cpu(self) -> int:
        """The vCPU that is stepped and shown: the one that stopped last, or that the user chose."""
        return self._reader.cpu

    @property
    def records(self) -> Sequence[StopRecord]:
        """The stops so far, oldest first, the last `DebuggerOptions.history` of them."""
        return self._log

    @property
    def stops_kept(self) -> int:
        """How many stops are kept at most."""
        return self._log.kept.most

    def keep_stops(self, most: int) -> None:
        """Keep so many from now on; what is too much goes, plain steps first."""
        self._log.kept.most = most
        self._log.kept.shrink()

    @property
    def newest(self) -> StopSummary | None:
        """The last stop, in brief."""
        return self._log.newest

    @property
    def interrupted(self) -> bool:
        """Was the last run asked to stop?"""
        return self._runner.interrupted

    @property
    def halted(self) -> bool:
        """Did the last run of steps end in HLT, which waits for an interrupt that does not come?"""
        return self._runner.halted

    @property
    def unanswered(self) -> bool:
        """Was the guest asked to stop, and runs all the same?"""
        return self._runner.unanswered

    def number_from(self, number: int) -> None:
        """Give the next record this number; a trace counts its own rows."""
        self._log.number = number

    async def step(self) -> StopRecord:
        """One instruction of the selected vCPU, the others held. As `run_steps`."""
        return await self.run_steps(1)

    async def run_steps(
        self,
        count: int | None,
        sink: Callable[[StopRecord], None] = lambda record: None,
        *,
        go_on: Callable[[int], bool] = always,
        end_at_hits: bool = True,
        others: bool = False,
        interrupted: bool = False,
    ) -> StopRecord:
        """Step ``count`` times (None: for ever) and give every record to ``sink``; returns the last one. With
        ``others`` the other vCPUs run meanwhile.

        Ends early when the guest ends, at `interrupt` (after one step where it is ``interrupted`` already), when a step
        hangs, where ``go_on`` says no to a linear RIP, and (with ``end_at_hits``) at the user's breakpoints and caught
        vectors. Raises `GdbError` for a ``count`` below 1, `TransportError` where the stub is gone.
        """
        check_count(count)
        self._begin(stepping=True, interrupted=interrupted)

        async def ends(snapshot: Snapshot) -> bool:
            return await self._ends(snapshot) and end_at_hits  # counts it in any case

        return await self._loop(sink).run(count, go_on, ends, others=others)

    def _begin(
        self, *, stepping: bool, only: int | None = None, interrupted: bool = False, echoes: bool = False
    ) -> None:
        if not self._remote.greeted:
            raise GdbError("The stub was not attached to yet.")
        self._went_with_catches = self._went_with_catches or self.witness is not None or self._catcher.active
        self._runner.begin(stepping=stepping, only=only, interrupted=interrupted, echoes=echoes)
        self._publish(Resumed())

    def _loop(self, sink: Callable[[StopRecord], None]) -> StepLoop:
        reader, runner, catcher = self._reader, self._runner, self._catcher
        return StepLoop(self._remote, reader, runner, catcher, self.deferred, self._keep_witnessed, self._keep, sink)

    async def _ends(self, snapshot: Snapshot) -> bool:
        """Does a run of steps end here, at something of the user's?"""
        return bool(hits(self._table, snapshot)) and await self._wanted(snapshot, self._log.number - 1)

    async def resume(self, *, only: int | None = None, interrupted: bool = False, echoes: bool = False) -> StopRecord:
        """Run to the next stop that the user wants to see, or to a caught event. Publishes and returns it. ``only`` is
        the one vCPU that runs, the others held. ``interrupted``: it is stopped as soon as it goes. ``echoes``: a stub's
        second report of what a step hit is a stop. There is no deadline: `interrupt` ends it. A guest that ended is a
        record too (`StopRecord.ended`). Raises `TransportError` where the stub is gone."""
        runner = self._runner
        self._begin(stepping=False, only=only, interrupted=interrupted, echoes=echoes)
        while True:
            snapshot = await runner.run()
            snapshot = await self._keep_witnessed(snapshot)
            if self._came_by_itself(snapshot) and not runner.interrupted and not hits(self._table, snapshot):
                continue
            wanted = await self._wanted(snapshot, self._log.number)
            if wanted or runner.interrupted:  # who asked for a stop takes any: a busy breakpoint comes before 0x03
                asked = runner.interrupted and (runner.is_pause(snapshot.stop) or not wanted)
                went = Action.STEP if runner.stuck else Action.CONTINUE
                return self._keep(snapshot, Action.INTERRUPT if asked else went)

    async def run_back(self, *, step: bool, interrupted: bool = False) -> StopRecord:
        """Run backwards, on a stub that offers it: one instruction, or to the next stop that the user wants to see."""
        runner = self._runner
        self._begin(stepping=step, interrupted=interrupted)
        while True:
            snapshot = await runner.back(step=step)
            wanted = await self._wanted(snapshot, self._log.number)
            if step or wanted or runner.interrupted:
                asked = runner.interrupted and runner.is_pause(snapshot.stop)
                return self._keep(snapshot, Action.INTERRUPT if asked else Action.STEP if step else Action.CONTINUE)

    async def interrupt(self) -> None:
        """Make a running `resume` or `run_steps` return; may be called from another task. No-op when stopped. Where
        the guest can't be stopped, listeners are told."""
        try:
            await self._runner.interrupt()
        except CannotBreakIn as error:
            self.say(str(error))

    async def _wanted(self, snapshot: Snapshot, stop_number: int) -> bool:
        """Ask ignore counts and conditions of the breakpoints that were hit; a stop without any is wanted."""
        numbers = hits(self._table, snapshot)
        wanted = not numbers
        for number in numbers:
            row = self._table.get(number)
            if row is None or (row.predicate is not None and not await row.predicate()):
                continue
            if row.test is not None and not await row.test(await self._glance()):
                continue
            row.hits += 1
            if row.ignore > 0:
                row.ignore -= 1
                continue
            wanted, row.hit_at = True, stop_number
            if row.temporary:
                await self._table.remove(number)
        return wanted

    async def _glance(self) -> HitContext:
        return HitContext(await self._remote.read_registers(self.cpu, self.cpu), self._table.points.read_memory)

    # -- steps of which only the registers are read ------------------------------------------------------------

    async def step_lightly(self, told: Told, *, others: bool = False) -> None:
        """One step of which only the registers are read, and the lines that a debugger asks for next; ``told`` hears of
        it in between. Anything but a plain step is read and explained as ever. Listeners are not told of a plain
        one."""
        may = self._light.may_step
        self._runner.begin(stepping=True)
        stop = await self._runner.step(others=others)
        if not may or not await self._light.read(stop, told):
            await self.finish_step(Rest(stop), told)

    @property
    def may_step_at_once(self) -> bool:
        """May the next step be a plain one, and is nothing else wanted of the guest? Breakpoints that are marked are
        taken out first."""
        return self._remote.may_exchange and self._light.may_step and not self._table.removals_due

    def step_at_once(self, told: Told, *, others: bool = False) -> Rest | None:
        """As `step_lightly`, where `may_step_at_once`, and while no other task gets a turn. None where the step was a
        plain one; otherwise `finish_step` is to follow."""
        self._runner.begin(stepping=True)
        return self._light.step(told, others=others)

    async def finish_step(self, rest: Rest, told: Told) -> None:
        """What is left of a step that was no plain one, or takes its time."""
        stop = rest.stop or await self._runner.end_step(())
        if rest.stop is None and await self._light.read(stop, told):
            return
        snapshot = await self._runner.read_step(stop)
        snapshot = await self._keep_witnessed(snapshot)
        record = self._keep(snapshot, Action.INTERRUPT if self._runner.is_pause(snapshot.stop) else Action.STEP)
        await self._wanted(snapshot, record.number)
        told(record.brief)

    async def step_while(
        self, go_on: Callable[[int], bool], *, others: bool = False, interrupted: bool = False
    ) -> StopSummary:
        """Step until ``go_on`` says no, or as `run_steps` ends early; of plain steps no more is read than
        `step_lightly` reads. Listeners are not told of those."""
        self._runner.begin(stepping=True, interrupted=interrupted)
        return await self._loop(lambda record: None).run_lightly(self._light, go_on, self._ends, others=others)

    async def explain_newest(self) -> None:
        """Read what a step was content without, while the guest still stands there."""
        snapshot = self._log.take_unexplained()
        if snapshot is not None and not self.ended and not self._remote.running:
            self._log.complete(await self._reader.complete(snapshot))
