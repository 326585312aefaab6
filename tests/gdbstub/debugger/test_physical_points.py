"""What stands in the target: one packet for all that want it, out for a step, and never seen in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gdbstub.backends import BACKENDS
from gdbstub.debugger.physical_points import PhysicalBreakpoint, PhysicalPoints
from gdbstub.errors import Refused
from gdbstub.remote.capabilities import Capabilities
from gdbstub.remote.handshake import greet
from gdbstub.remote.target import RemoteTarget
from gdbstub.x86.breakpoints import ArmedBreakpoint, BreakpointKind
from tests.fakes.stub import CODE, DATA, LOOP, FakeStub, connected

TCG, KVM = BACKENDS["qemu-tcg"].capabilities, BACKENDS["qemu-kvm"].capabilities
INT3 = PhysicalBreakpoint(BreakpointKind.SOFTWARE, CODE, 1)
HARDWARE = PhysicalBreakpoint(BreakpointKind.EXECUTE, CODE, 1)
BESIDE = PhysicalBreakpoint(BreakpointKind.EXECUTE, CODE + 1, 1)
WATCH = PhysicalBreakpoint(BreakpointKind.WRITE, DATA, 4)


@asynccontextmanager
async def target(
    stub: FakeStub, capabilities: Capabilities, *inside: PhysicalBreakpoint
) -> AsyncIterator[PhysicalPoints]:
    async with connected(stub) as stream:
        remote = RemoteTarget(stream)
        await greet(remote, "stub")
        points = PhysicalPoints(remote, capabilities)
        for point in inside:
            await points.prepare(point)
            await points.insert(point)
        stub.log.clear()
        yield points


@pytest.mark.parametrize("kind", list(BreakpointKind)[:5])
def test_a_point_is_named_by_its_packet(kind: BreakpointKind) -> None:
    assert PhysicalBreakpoint(kind, CODE, 1).packet == f"Z{kind.packet}"


async def test_the_first_of_several_costs_a_packet_and_so_does_the_last() -> None:
    stub = FakeStub()
    async with target(stub, TCG) as points:
        await points.insert(WATCH)
        await points.insert(WATCH)
        await points.remove(WATCH)
        assert stub.points == [(2, DATA, 4)]
        await points.remove(WATCH)
        assert stub.log == [b"Z2,4000,4", b"z2,4000,4"]


async def test_what_the_stub_refuses_is_not_there() -> None:
    stub = FakeStub()
    stub.answers[b"Z2,4000,4"] = b"E22"
    async with target(stub, TCG) as points:
        with pytest.raises(Refused):
            await points.insert(WATCH)
        assert (points.armed, points.is_sure(WATCH), points.watches(DATA)) == ((), False, False)


async def test_a_watch_for_reads_alone_is_armed_for_accesses() -> None:
    async with target(FakeStub(), TCG, PhysicalBreakpoint(BreakpointKind.READ, DATA, 8)) as points:
        assert points.armed == (ArmedBreakpoint("debugger", BreakpointKind.ACCESS, DATA, 8),)


async def test_memory_is_shown_as_the_guest_has_it_while_an_int3_stands_there() -> None:
    stub = FakeStub(patches=True)
    async with target(stub, KVM, PhysicalBreakpoint(BreakpointKind.SOFTWARE, CODE + 2, 1)) as points:
        assert stub.peek(CODE, 7) == LOOP[:2] + b"\xcc" + LOOP[3:]
        assert await points.read_memory(CODE, 7) == LOOP
        assert await points.read_memory(CODE + 3, 4) == LOOP[3:]
        assert points.unpatched(CODE + 2, b"\xcc") == LOOP[2:3]
        await points.remove(PhysicalBreakpoint(BreakpointKind.SOFTWARE, CODE + 2, 1))
        assert points.unpatched(CODE + 2, b"\xcc") == b"\xcc"
        assert stub.peek(CODE, 7) == LOOP


async def test_what_is_written_over_an_int3_is_the_guests_own_byte() -> None:
    stub = FakeStub(patches=True)
    async with target(stub, KVM, INT3) as points:
        await points.write_memory(CODE, b"\xf4\xf4")
        assert (stub.peek(CODE, 2), await points.read_memory(CODE, 2)) == (b"\xcc\xf4", b"\xf4\xf4")


async def test_a_lifted_breakpoint_is_out_of_the_stub_and_comes_back_as_it_was() -> None:
    stub = FakeStub(patches=True, slots=4)
    async with target(stub, KVM, HARDWARE, INT3, BESIDE) as points:
        lifted = await points.lift(CODE)
        assert stub.points == [(1, CODE + 1, 1)]
        assert [armed.address for armed in points.armed] == [CODE + 1]
        await points.put_back(lifted)
        points.all_in()
        assert sorted(stub.points) == [(0, CODE, 1), (1, CODE, 1), (1, CODE + 1, 1)]
        assert len(points.armed) == 3
        assert await points.lift(CODE + 5) == ()


async def test_a_slot_that_becomes_free_is_taken_by_the_last_one() -> None:
    """As KVM's stub does it: the order of its list is the order of the debug registers."""
    async with target(FakeStub(patches=True, slots=4), KVM, HARDWARE, BESIDE, WATCH) as points:
        await points.remove(HARDWARE)
        assert {armed.address: armed.slot for armed in points.armed} == {CODE + 1: 1, DATA: 0}


async def test_a_watchpoint_covers_its_bytes_and_nothing_else() -> None:
    """TCG may report the address of a watchpoint that is gone; it is told from ours by this."""
    async with target(FakeStub(), TCG, WATCH) as points:
        assert [points.watches(DATA + at) for at in (-1, 0, 3, 4)] == [False, True, True, False]
        await points.remove(WATCH)
        assert not points.watches(DATA)


async def test_what_is_aside_is_neither_in_the_target_nor_a_mark_and_comes_back() -> None:
    stub = FakeStub()
    async with target(stub, TCG, HARDWARE, BESIDE) as points:
        assert await points.set_aside(frozenset((CODE,))) == (CODE,)
        assert await points.set_aside(frozenset((CODE,))) == ()
        assert ([*points.marks], [row.address for row in points.armed]) == ([CODE + 1], [CODE + 1])
        assert await points.lift(CODE) == ()
        await points.insert(HARDWARE)
        await points.remove(HARDWARE)
        assert await points.set_aside(frozenset()) == ()
        assert points.marks == {CODE, CODE + 1}
        await points.set_aside(frozenset((CODE,)))
        await points.remove(HARDWARE)
        await points.set_aside(frozenset())
        assert points.marks == {CODE + 1}
    assert stub.log == [b"z1,1000,1", b"Z1,1000,1", b"z1,1000,1"]
