"""Making the guest go, stop for stop: steps and continues, and which stops the user wants to see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from gdbstub.backends.qemu.exception_log import LoggedException
from gdbstub.debugger.arguments import check_count
from gdbstub.debugger.attach import Attachment
from gdbstub.debugger.breakpoints import HitContext
from gdbstub.debugger.events import Resumed
from gdbstub.debugger.interrupt_table import CR0_PE
from gdbstub.debugger.light_steps import Rest, Told
from gdbstub.debugger.logged_event import UNKNOWN_CPU
from gdbstub.debugger.record import StopRecord, StopSummary
from gdbstub.debugger.snapshot import Snapshot, hits
from gdbstub.debugger.step_loop import StepLoop
from gdbstub.errors import CannotBreakIn, GdbError
from gdbstub.explain.evidence import Action, CodeBytes
from gdbstub.protocol.stops import Stopped
from gdbstub.x86.decode import LONGEST
from gdbstub.x86.exceptions import vector


def always(pc: int) -> bool:
    return True


def ignore(news: object) -> None:
    """Who wants it hears of it as a listener."""


def lines_of(registers: dict[str, int]) -> tuple[int, ...]:
    """Addresses that a debugger looks at in every stop: the instruction at RIP, and the top of the stack."""
    return registers["rip"], registers["rip"] + LONGEST - 1, registers.get("rsp", 0)


class Running(Attachment):
    """A guest that is stepped and continued, and the stops that came of it."""

    _log_alone_from_real_mode = False
    on_gap: Callable[[str], None] = staticmethod(ignore)
    """Hears where events may have been missed, in a sentence; it is said to listeners, too."""
    on_witnessed: Callable[[StopRecord], None] = staticmethod(ignore)
    """Hears of the records of exceptions that only a log showed; listeners do, too."""

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

    def _begin(self, *, stepping: bool, only: int | None = None, interrupted: bool = False) -> None:
        if not self._remote.greeted:
            raise GdbError("The stub was not attached to yet.")
        self._runner.begin(stepping=stepping, only=only, interrupted=interrupted)
        self._publish(Resumed())

    def _loop(self, sink: Callable[[StopRecord], None]) -> StepLoop:
        return StepLoop(self._remote, self._reader, self._runner, self._catcher, self.deferred, self._keep, sink)

    async def _ends(self, snapshot: Snapshot) -> bool:
        """Does a run of steps end here, at something of the user's?"""
        return bool(hits(self._table, snapshot)) and await self._wanted(snapshot, self._log.number - 1)

    async def resume(self, *, only: int | None = None, interrupted: bool = False) -> StopRecord:
        """Run to the next stop that the user wants to see, or to a caught event. Publishes and returns it. ``only`` is
        the one vCPU that runs, the others held. ``interrupted``: it is stopped as soon as it goes. There is no
        deadline: `interrupt` ends it. A guest that ended is a record too (`StopRecord.ended`). Raises `TransportError`
        where the stub is gone."""
        runner = self._runner
        self._begin(stepping=False, only=only, interrupted=interrupted)
        while True:
            snapshot = await runner.run()
            await self._keep_witnessed(snapshot)
            self._say_gaps(self._catcher.take_gaps())
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

    def _say_gaps(self, gaps: Iterable[str]) -> None:
        """Not where a witness has seen what the breakpoints missed."""
        for why in gaps:
            if self.witness is None:
                self.say(why)
                self.on_gap(why)

    def say_unseen(self) -> None:
        """At the end: what was to be caught, and can't have been."""
        for number in self._catcher.never_found:
            name = vector(number).name
            self._say_gaps([f"{name} never had a handler that dr6 found; if the guest took one, it is missing."])
        if self._log_alone_from_real_mode:
            why = "QEMU's log has no line for exceptions of real mode, through which this guest went."
            self.say(why)
            self.on_gap(why)

    async def _keep_witnessed(self, snapshot: Snapshot) -> None:
        """What the guest got since the last stop that no breakpoint at a handler saw, in front of this stop."""
        if self.witness is None:
            return
        passed = self.witness.passed_by(snapshot.event, {number: at for at, number in self._catcher.handlers.items()})
        if not isinstance(snapshot.stop, Stopped):
            passed += self.witness.never_begun()
        for logged in passed:
            window = await self._code_of(logged, snapshot)
            self.on_witnessed(self._log.keep_logged(logged, self._only_cpu, window))

    async def _code_of(self, logged: LoggedException, snapshot: Snapshot) -> CodeBytes | None:
        """The code around a logged RIP: the guest's, if it stands still in the same address space; else its image's."""
        same = snapshot.state.registers.get("cr3") == logged.shown.cr3
        if same and isinstance(snapshot.stop, Stopped):
            return next(iter(await self._catcher.code_around(logged.pc)), None)
        return self._options.image_code(logged.pc)

    @property
    def _only_cpu(self) -> int:
        """The vCPU of a log that names none."""
        return 0 if len(self.capabilities.cpus) == 1 else UNKNOWN_CPU

    async def watch_log(self, vectors: Iterable[int]) -> str:
        """As `call_witness`, with each exception kept, explained and given to ``on_witnessed`` as it comes: nobody
        stops the guest for it."""
        why = await self.call_witness(vectors)
        if not why and self.witness is not None:
            state = await self._reader.state(self.cpu)
            self._log_alone_from_real_mode = not state.registers.get("cr0", 1) & CR0_PE
            self.witness.on_exception = lambda logged: self.on_witnessed(
                self._log.keep_logged(logged, self._only_cpu, self._options.image_code(logged.pc))
            )
        return why

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
        return self._remote.may_exchange and self._light.may_step and not self._table.removals_pending

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
