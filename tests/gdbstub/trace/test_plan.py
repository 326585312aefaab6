"""A trace ends for one reason, which it names, and keeps every row until then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.events import Output
from gdbstub.debugger.interrupter import ANSWER_SECONDS, HOW_TO_LEAVE
from gdbstub.debugger.record import StopRecord
from gdbstub.debugger.stepping import LONGEST_STEP
from gdbstub.errors import GdbError, NoReply, TransportError
from gdbstub.explain.evidence import Action
from gdbstub.protocol import Break
from gdbstub.trace.plan import Plan, Tracer
from gdbstub.x86.breakpoints import BreakpointKind
from tests.fakes.stub import CODE, DATA, FakeStub, connected
from tests.gdbstub.backends.qemu.test_monitor import golden


class Traced:
    """A debugger on a fake guest, and the rows that its traces gave."""

    def __init__(self, debugger: Debugger, stub: FakeStub) -> None:
        self.debugger, self.stub = debugger, stub
        self.rows: list[StopRecord] = []

    def tracer(self, plan: Plan) -> Tracer:
        return Tracer(self.debugger, plan, self.rows.append)

    def offsets(self) -> list[int]:
        return [row.state.pc - CODE for row in self.rows]


@asynccontextmanager
async def traced(stub: FakeStub | None = None) -> AsyncIterator[Traced]:
    stub = stub or FakeStub()
    stub.monitor |= {"info kvm": golden("kvm"), "info version": golden("version")}
    stub.monitor |= {"info hotpluggable-cpus": "", "info registers": golden("registers-64")}
    async with connected(stub) as stream:
        debugger = Debugger(stream, "fake")
        await debugger.attach()
        yield Traced(debugger, stub)


async def test_so_many_steps_are_so_many_rows() -> None:
    async with traced() as trace:
        assert await trace.tracer(Plan(True, 7)).run() == "steps"
        assert trace.offsets() == [1, 2, 5, 0, 1, 2, 5]


async def test_no_step_is_no_row() -> None:
    async with traced() as trace:
        trace.stub.log.clear()
        assert await trace.tracer(Plan(True, 0)).run() == "steps"
        assert (trace.rows, trace.stub.log) == ([], [])


async def test_a_trace_of_steps_ends_behind_the_step_that_reached_until() -> None:
    async with traced() as trace:
        assert await trace.tracer(Plan(True, 100, until=frozenset({CODE + 5, CODE + 0x500}))).run() == "until"
        assert trace.offsets() == [1, 2, 5]
        assert await trace.tracer(Plan(True, 1, until=frozenset({CODE}))).run() == "until"


async def test_breakpoints_do_not_end_a_trace_of_steps() -> None:
    async with traced() as trace:
        row = await trace.debugger.add_breakpoint(BreakpointKind.EXECUTE, CODE + 2)
        assert await trace.tracer(Plan(True, 6)).run() == "steps"
        assert trace.offsets() == [1, 2, 5, 0, 1, 2]
        assert row.hits == 2


async def test_a_free_run_has_a_row_for_each_stop_and_ends_at_until() -> None:
    async with traced() as trace:
        await trace.debugger.add_breakpoint(BreakpointKind.WRITE, DATA, 8)
        assert await trace.tracer(Plan(False, 3)).run() == "steps"
        assert trace.offsets() == [5, 5, 5]
        assert await trace.tracer(Plan(False, None, until=frozenset({CODE + 1}))).run() == "until"
        assert trace.offsets()[-1] == 1


@pytest.mark.parametrize("stepping", [True, False])
async def test_a_guest_that_shuts_down_ends_it_with_a_row(stepping: bool) -> None:
    async with traced() as trace:
        trace.stub.stops.append(b"W00")
        assert await trace.tracer(Plan(stepping)).run() == "shutdown"
        assert [row.ended for row in trace.rows] == [True]
        assert trace.rows[-1].explanation.causes[0].cause == "shutdown"


async def test_seconds_end_a_guest_that_runs_on(autojump_clock: MockClock) -> None:
    async with traced() as trace:
        began = trio.current_time()
        assert await trace.tracer(Plan(False, seconds=5.0)).run() == "seconds"
        assert 5.0 <= trio.current_time() - began < 6.0
        assert trace.rows == []
        assert not trace.debugger.running


async def test_ctrl_c_ends_a_guest_that_runs_on() -> None:
    async with traced() as trace:
        tracer, reasons = trace.tracer(Plan(False, seconds=1000.0)), list[str]()

        async def run() -> None:
            reasons.append(await tracer.run())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            await wait_all_tasks_blocked()
            await tracer.interrupt()
        assert (reasons, trace.rows) == (["interrupt"], [])


async def test_ctrl_c_between_two_steps_keeps_them_all() -> None:
    async with traced() as trace:

        def keep(row: StopRecord) -> None:
            trace.rows.append(row)
            if len(trace.rows) == 5:
                trio.lowlevel.spawn_system_task(tracer.interrupt)

        tracer = Tracer(trace.debugger, Plan(True), keep)
        assert await tracer.run() == "interrupt"
        assert len(trace.rows) >= 5
        assert trace.offsets()[:5] == [1, 2, 5, 0, 1]


async def test_a_stub_that_goes_away_is_an_error_and_the_rows_stay() -> None:
    async with traced() as trace:
        trace.stub.mute.add(b"vCont;s:p1.1")
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def run() -> None:
                with pytest.raises(TransportError):
                    await trace.tracer(Plan(True, 3)).run()

            await wait_all_tasks_blocked()
            await trace.debugger.stream.aclose()


class Sick(FakeStub):
    """A guest whose steps number ``hang`` do not end until 0x03 comes, and a stub that is ``deaf`` to that."""

    def __init__(self, hang: tuple[int, ...] = (), *, deaf: bool = False) -> None:
        super().__init__()
        self.hang, self.deaf, self.steps = hang, deaf, 0

    def _run(self, *, step: bool) -> bytes | None:
        self.steps += step
        return None if step and self.steps in self.hang else super()._run(step=step)

    def _take(self, event: object) -> None:
        if not (self.deaf and isinstance(event, Break)):
            super()._take(event)


async def test_a_step_that_takes_long_is_broken_off_and_the_trace_goes_on(autojump_clock: MockClock) -> None:
    async with traced(Sick((3,))) as trace:
        began = trio.current_time()
        assert await trace.tracer(Plan(True, 6)).run() == "steps"
        assert trace.offsets() == [1, 2, 2, 5, 0, 1]
        assert [row.action for row in trace.rows if row.action is Action.INTERRUPT] == [Action.INTERRUPT]
        assert trio.current_time() - began < 2 * LONGEST_STEP


async def test_a_step_that_never_ends_is_an_error_and_not_a_halt(autojump_clock: MockClock) -> None:
    async with traced(Sick(tuple(range(3, 100)))) as trace:
        with pytest.raises(GdbError, match="can't be stepped"):
            await trace.tracer(Plan(True, 6)).run()
        assert trace.offsets() == [1, 2, 2, 2]


@pytest.mark.parametrize("code", ["90f4", "f4", "0f01c9"])
async def test_hlt_that_waits_for_an_interrupt_ends_a_trace(code: str, autojump_clock: MockClock) -> None:
    stub = Sick((2,) if code == "90f4" else (1,))
    stub.place(CODE, bytes.fromhex(code))
    async with traced(stub) as trace:
        began = trio.current_time()
        assert await trace.tracer(Plan(True, 6)).run() == "halted"
        assert trio.current_time() - began < LONGEST_STEP


async def test_a_guest_that_somebody_else_stops_is_not_halted() -> None:
    async with traced() as trace:
        trace.stub.stops.append(b"T02thread:p01.01;")
        with pytest.raises(GdbError, match="Somebody else stopped the guest at 0x1000"):
            await trace.tracer(Plan(True, 6)).run()


@pytest.mark.parametrize("plan", [Plan(False, seconds=3.0), Plan(True, 9, seconds=3.0), Plan(True, 9)])
async def test_a_stub_that_ignores_an_interrupt_does_not_hold_a_trace(plan: Plan, autojump_clock: MockClock) -> None:
    async with traced(Sick((1,), deaf=True)) as trace:
        said: list[str] = []
        trace.debugger.listen(lambda notice: said.append(notice.text) if isinstance(notice, Output) else None)
        began = trio.current_time()
        with pytest.raises(NoReply, match="does not answer to an interrupt"):
            await trace.tracer(plan).run()
        assert trio.current_time() - began < LONGEST_STEP + 2 * ANSWER_SECONDS
        assert trace.debugger.unanswered
        assert plan.seconds is None or said == [HOW_TO_LEAVE]


async def test_an_interrupt_before_the_guest_goes_ends_the_trace_as_soon_as_it_does() -> None:
    for stepping in (True, False):
        async with traced() as trace:
            tracer = trace.tracer(Plan(stepping, None, until=frozenset([0x9000])))
            await tracer.interrupt()
            with trio.fail_after(10):
                assert await tracer.run() == "interrupt"
