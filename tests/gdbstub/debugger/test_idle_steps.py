"""A step that ran nothing is done again, once, and both are one stop; what may have ended where it began is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise

import pytest
import trio
from trio.testing import MockClock

from gdbstub.backends import BACKENDS
from gdbstub.debugger.breakpoints import HitContext
from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.record import StopRecord
from gdbstub.debugger.snapshot import STEPPED_AGAIN
from gdbstub.trace.rows import row
from gdbstub.x86.breakpoints import BreakpointKind
from tests.fakes.at_once import ridden
from tests.fakes.served import STEP, qemu
from tests.fakes.stub import CODE, FakeStub, connected
from tests.guests.build import build
from tests.guests.image import read_image
from transports import launch_qemu

STEPPED = b"vCont;s:p1.1"


@asynccontextmanager
async def attached(stub: FakeStub) -> AsyncIterator[Debugger]:
    async with connected(stub) as stream:
        debugger = Debugger(stream, "fake")
        await debugger.attach()
        stub.log.clear()
        yield debugger


def stops(debugger: Debugger) -> list[tuple[int, int, int]]:
    """Of each stop but the first: its number, where it is in the code, how often it was done again."""
    return [(one.number, one.state.rip - CODE, one.retried) for one in list(debugger.records)[1:]]


async def test_a_step_that_ran_nothing_is_done_again_and_is_one_stop() -> None:
    stub = qemu()
    async with attached(stub) as debugger:
        stub.idle = 1
        record = await debugger.step()
        await debugger.step()
        assert stops(debugger) == [(1, 1, 1), (2, 2, 0)]
    assert record.notes == (STEPPED_AGAIN,)
    assert record.explanation.causes[0].cause == "single-step"
    assert row(record)["retried"] == 1
    assert stub.log.count(STEPPED) == 3


async def test_a_continue_behind_a_step_passes_the_second_report_of_what_the_step_hit() -> None:
    """TCG, where a step hit a watchpoint, be it the guest's own: a stop without a reason, at the same place."""
    stub = qemu()
    async with attached(stub) as debugger:
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, CODE + 5, means="hw")
        await debugger.step()
        stub.stops.append(b"T05thread:p01.01;")
        assert (await debugger.resume()).state.rip == CODE + 5
        assert (len(stub.stops), stops(debugger)) == (0, [(1, 1, 0), (2, 5, 0)])
        await debugger.step()
        stub.stops.append(b"T02thread:p01.01;")  # a pause from outside is a stop
        assert (await debugger.resume()).state.rip == CODE


async def test_a_client_hears_the_second_report_of_what_its_own_step_hit() -> None:
    """Stock gdb sees what it sees without dr6."""
    stub = qemu()
    async with attached(stub) as debugger:
        await debugger.step()
        stub.stops.append(b"T05thread:p01.01;")
        assert (await debugger.resume(echoes=True)).state.rip == CODE + 1


async def test_it_is_done_again_once() -> None:
    stub = qemu()
    async with attached(stub) as debugger:
        stub.idle = 3
        record = await debugger.step()
        assert (stub.idle, record.state.rip, record.retried) == (1, CODE, 1)
        assert record.explanation.causes[0].cause == "spurious"
        assert any("tcg-idle-step" in text for text in record.explanation.contradictions)


@pytest.mark.parametrize("at", range(8))
async def test_a_run_of_steps_has_it_anywhere(at: int) -> None:
    """In front, while the step behind is on its way, and at the end."""
    stub = qemu()
    async with attached(stub) as debugger:

        def sink(record: StopRecord) -> None:
            stub.idle += record.number == at

        stub.idle = at == 0
        await debugger.run_steps(8, sink)
        told = stops(debugger)
        assert [one[:2] for one in told] == [(n, (0, 1, 2, 5)[n % 4]) for n in range(1, 9)]
        assert sum(one[2] for one in told) == (at < 7)


async def test_a_step_that_is_read_lightly_has_it() -> None:
    stub = qemu()
    async with attached(stub) as debugger:
        told: list[int] = []
        for idle in (0, 1, 0, 1):
            stub.idle = idle
            await debugger.step_lightly(lambda brief: told.append(brief.rip - CODE))
        assert told == [1, 2, 5, 0]
        assert stops(debugger) == [(1, 1, 0), (2, 2, 1), (3, 5, 0), (4, 0, 1)]


async def test_a_client_that_steps_and_steps_has_it(autojump_clock: MockClock) -> None:
    async with ridden() as guest, trio.open_nursery() as nursery:
        took = guest.stub._request

        def idle_now_and_then(payload: bytes) -> None:
            if payload == STEPPED and guest.stub.log.count(STEPPED) in (1, 7, 11):
                guest.stub.idle = 1
            took(payload)

        guest.stub._request = idle_now_and_then  # type: ignore[method-assign]
        said, _ = await guest.play(*[STEP] * 12, nursery=nursery)
        nursery.cancel_scope.cancel()
    assert len([answer for answer in said if answer[:1] == b"T"]) == 12
    told = stops(guest.debugger)
    assert [one[:2] for one in told] == [(n, (0, 1, 2, 5)[n % 4]) for n in range(1, 13)]
    assert sum(one[2] for one in told) == 3


async def test_a_continue_leaves_a_breakpoint_all_the_same() -> None:
    stub = qemu()
    async with attached(stub) as debugger:
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, CODE)
        stub.idle = 1
        record = await debugger.resume()
        assert (record.state.rip, stub.pages[0x4000][0]) == (CODE, 1)
        assert len(debugger.records) == 2


async def test_a_condition_is_asked_once_for_each_time_round() -> None:
    stub = qemu()
    asked: list[int] = []

    async def third(context: HitContext) -> bool:
        asked.append((await context.read_memory(0x4000, 1))[0])
        stub.idle = 1
        return asked[-1] == 3

    async with attached(stub) as debugger:
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, CODE + 5, test=third)
        await debugger.resume()
    assert asked[:3] == [1, 2, 3]
    assert set(asked[3:]) <= {3}  # the stop is counted by asking again


@pytest.mark.parametrize(
    ("code", "why"),
    [("ebfe", "a jump to itself"), ("f4", "HLT"), ("ffe0", "a jump that may go anywhere"), ("06", "no instruction")],
)
async def test_what_may_have_ended_where_it_began_is_not_done_again(code: str, why: str) -> None:
    stub = qemu()
    stub.place(CODE, bytes.fromhex(code))
    async with attached(stub) as debugger:
        stub.idle = 1
        record = await debugger.step()
        await debugger.explain_newest()
        assert (record.state.rip, record.retried, record.notes) == (CODE, 0, ())
    assert stub.log.count(STEPPED) == 1, why


async def test_a_step_that_dr6_tells_of_is_not_done_again() -> None:
    stub = qemu()
    async with attached(stub) as debugger:
        stub.idle = 1
        stub.monitor["info registers"] = stub.monitor["info registers"].replace(
            "DR6=00000000ffff0ff0", "DR6=00000000ffff4ff0"
        )
        assert (await debugger.step()).retried == 0
    assert stub.log.count(STEPPED) == 1


async def test_other_stubs_are_believed() -> None:
    stub = FakeStub()
    async with attached(stub) as debugger:
        stub.idle = 1
        assert (await debugger.step()).retried == 0
        assert "retried" not in row(debugger.records[-1])


@pytest.mark.parametrize("light", [False, True])
async def test_steps_that_run_cost_nothing_more(light: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = []
    for idles in (True, False):
        monkeypatch.setitem(BACKENDS, "qemu-tcg", replace(BACKENDS["qemu-tcg"], idle_steps=idles))
        stub = qemu()
        async with attached(stub) as debugger:
            if light:
                for _ in range(9):
                    await debugger.step_lightly(lambda brief: None)
            else:
                await debugger.run_steps(9)
            logs.append(list(stub.log))
    assert logs[0] == logs[1]


def _store(address: int, value: int) -> bytes:
    return b"\xc7\x05" + address.to_bytes(4, "little") + value.to_bytes(4, "little")


TICKING = b"".join(
    (
        _store(0xFEE000F0, 0x1FF),  # APIC on
        _store(0xFEE003E0, 0xB),  # divide by 1
        _store(0xFEE00320, 0x20020),  # periodic
        _store(0xFEE00380, 100_000),  # every 100 µs of the guest's time
        bytes.fromhex("90 40 90 ebfb"),  # nop; inc eax; nop; jmp to the first
    )
)
"""32-bit code without interrupts, whose local APIC has something to look at every now and then."""
BEHIND = {40: (41,), 41: (42,), 42: (43,), 43: (40,)}
MOST_STEPS = 20_000


@pytest.mark.live
@pytest.mark.slow
async def test_a_qemu_whose_apic_ticks_has_them() -> None:
    image = build("loop")
    start = read_image(image).symbols["start"]
    records: list[StopRecord] = []
    async with launch_qemu(image) as launched:
        debugger = Debugger(launched.endpoint.stream, "qemu")
        await debugger.attach()
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, start, temporary=True, means="hw")
        await debugger.resume()
        await debugger.write_memory(start, TICKING)
        await debugger.run_steps(4)

        def found() -> bool:
            return any(one.retried and one.state.rip != last.state.rip for last, one in pairwise(records))

        while not found() and len(records) < MOST_STEPS:
            await debugger.run_steps(200, records.append)
        await debugger.kill()
    assert found(), f"none of {len(records)} steps ran nothing"
    for before, one in pairwise(records):
        at, now = before.state.rip - start, one.state.rip - start
        # one that ran nothing twice is shown as what it is
        assert now in BEHIND[at] or (now == at and one.retried and one.explanation.causes[0].cause == "spurious")
