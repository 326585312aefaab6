"""The user's breakpoints and the packets that stand for them; what a stub can't do is refused before it is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from trio.testing import MockClock

from gdbstub.backends import BACKENDS
from gdbstub.debugger.breakpoints import BreakpointTable
from gdbstub.debugger.physical_points import PhysicalPoints
from gdbstub.errors import GdbError, NoReply, Refused
from gdbstub.remote.capabilities import Capabilities
from gdbstub.remote.handshake import greet
from gdbstub.remote.target import RemoteTarget
from gdbstub.x86.breakpoints import BreakpointKind
from tests.fakes.stub import CODE, DATA, FakeStub, connected

TCG, KVM = BACKENDS["qemu-tcg"].capabilities, BACKENDS["qemu-kvm"].capabilities


@asynccontextmanager
async def table(stub: FakeStub, capabilities: Capabilities) -> AsyncIterator[BreakpointTable]:
    async with connected(stub) as stream:
        remote = RemoteTarget(stream)
        await greet(remote, "stub")
        stub.log.clear()
        yield BreakpointTable(PhysicalPoints(remote, capabilities))


def points(stub: FakeStub) -> list[bytes]:
    return [request for request in stub.log if request[:1] in b"Zz"]


async def test_two_rows_at_one_place_share_a_packet_until_the_last_one_goes() -> None:
    stub = FakeStub()
    async with table(stub, TCG) as rows:
        first = await rows.add(BreakpointKind.EXECUTE, CODE, means="hw")
        second = await rows.add(BreakpointKind.EXECUTE, CODE, means="hw")
        other = await rows.add(BreakpointKind.EXECUTE, CODE, means="sw")
        assert points(stub) == [b"Z1,1000,1", b"Z0,1000,1"]
        await rows.remove(first.number)
        await rows.enable(other.number, False)
        assert stub.points == [(1, CODE, 1)]
        assert rows.points.marks == {CODE}
        await rows.remove(second.number)
        assert stub.points == []
        assert rows.points.marks == set()
        assert (other.armed_as, rows.points.armed) == (None, ())


async def test_of_a_program_that_is_replaced_nothing_is_in_the_target_and_nothing_is_taken_out() -> None:
    """The stub has forgotten all by itself: a ``z`` would take out what is the new program's."""
    stub = FakeStub()
    async with table(stub, TCG) as rows:
        user = await rows.add(BreakpointKind.EXECUTE, CODE, means="hw")
        client = await rows.add(BreakpointKind.WRITE, DATA, 8, owner=2)
        stub.log.clear()
        assert rows.program_replaced() == (user,)
        assert (user.enabled, client.removal_pending, rows.points.marks) == (False, True, frozenset())
        await rows.remove(client.number)
        assert points(stub) == []
        await rows.enable(user.number, True)
        assert points(stub) == [b"Z1,1000,1"]


async def test_numbers_are_never_given_twice_and_hidden_rows_are_not_listed() -> None:
    async with table(FakeStub(), TCG) as rows:
        first = await rows.add(BreakpointKind.EXECUTE, CODE)
        hidden = await rows.add(BreakpointKind.WRITE, DATA, 8, hidden=True)
        await rows.remove(first.number)
        second = await rows.add(BreakpointKind.EXECUTE, CODE)
        assert (first.number, second.number) == (1, 2)
        assert list(rows.listed) == [2]
        assert rows.get(hidden.number) is hidden
        with pytest.raises(GdbError, match="no breakpoint number 1"):
            await rows.remove(1)
        with pytest.raises(GdbError, match="no breakpoint number 9"):
            await rows.enable(9, True)


async def test_a_fifth_debug_register_is_refused_without_a_word_to_the_stub() -> None:
    stub = FakeStub(patches=True, slots=4)
    async with table(stub, KVM) as rows:
        for at in range(3):
            await rows.add(BreakpointKind.EXECUTE, CODE + at, means="hw")
        await rows.add(BreakpointKind.WRITE, DATA, 8)
        shared = await rows.add(BreakpointKind.EXECUTE, CODE, means="hw")  # no register more
        stub.log.clear()
        with pytest.raises(Refused, match=r"^All 4 debug registers are in use; delete"):
            await rows.add(BreakpointKind.ACCESS, DATA + 8, 8)
        assert points(stub) == []
        assert len(rows.listed) == 5
        await rows.remove(shared.number)
        await rows.remove(1)
        assert (await rows.add(BreakpointKind.ACCESS, DATA + 8, 8)).armed_as == "Z4"


@pytest.mark.parametrize(("address", "length"), [(DATA, 3), (DATA, 16), (DATA + 1, 2), (DATA + 4, 8), (DATA, 0)])
async def test_what_no_debug_register_can_watch_is_refused_in_words(address: int, length: int) -> None:
    stub = FakeStub()
    async with table(stub, KVM) as rows:
        with pytest.raises(Refused, match=rf"1, 2, 4, 8 bytes .* {length} at {address:#x} is neither"):
            await rows.add(BreakpointKind.WRITE, address, length)
        with pytest.raises(Refused, match=r"no read-only watchpoints .* use awatch"):
            await rows.add(BreakpointKind.READ, DATA, 8)
        assert points(stub) == []
        assert rows.listed == {}


async def test_tcg_takes_any_length_and_reads() -> None:
    stub = FakeStub()
    async with table(stub, TCG) as rows:
        assert (await rows.add(BreakpointKind.READ, DATA + 1, 3)).armed_as == "Z3"
        assert stub.points == [(3, DATA + 1, 3)]


async def test_where_no_int3_can_be_written_a_debug_register_is_taken_unless_the_user_said_otherwise() -> None:
    stub = FakeStub(patches=True, slots=4)
    async with table(stub, replace(KVM, software_patches_memory=False)) as rows:
        row = await rows.add(BreakpointKind.EXECUTE, 0x9000)
        assert (row.means, row.armed_as) == ("hw", "Z1")
        with pytest.raises(Refused, match="refused to set a software breakpoint at 0x9000"):
            await rows.add(BreakpointKind.EXECUTE, 0x9000, means="sw")
        assert list(rows.listed) == [row.number]


async def test_a_moved_row_leaves_nothing_at_its_old_place() -> None:
    stub = FakeStub()
    async with table(stub, TCG) as rows:
        row = await rows.add(BreakpointKind.CATCH, None, vector=1, means="hw")
        assert (row.armed_as, stub.points) == (None, [])
        await rows.move(row, CODE)
        await rows.move(row, CODE)
        await rows.move(row, CODE + 2)
        assert points(stub) == [b"Z1,1000,1", b"z1,1000,1", b"Z1,1002,1"]
        await rows.move(row, None)
        assert (stub.points, row.armed_as) == ([], None)


async def test_clear_takes_everything_out_and_keeps_the_rows() -> None:
    stub = FakeStub()
    async with table(stub, TCG) as rows:
        await rows.add(BreakpointKind.EXECUTE, CODE)
        await rows.add(BreakpointKind.WRITE, DATA, 8)
        await rows.add(BreakpointKind.WRITE, DATA, 8, hidden=True)
        await rows.clear()
        assert stub.points == []
        assert len(list(rows)) == 3


async def test_a_breakpoint_whose_setting_was_not_answered_keeps_its_number_and_is_cleared(
    autojump_clock: MockClock,
) -> None:
    """It may be in the target all the same, so no other may take its row."""
    stub = FakeStub()
    async with table(stub, TCG) as rows:
        stub.mute.add(b"Z0,1000,1")
        with pytest.raises(NoReply):
            await rows.add(BreakpointKind.EXECUTE, CODE)
        stub.points.append((0, CODE, 1))
        second = await rows.add(BreakpointKind.EXECUTE, CODE + 2)
        assert (list(rows.listed), second.number) == ([1, 2], 2)
        assert await rows.clear() == ()
        assert stub.points == []


async def test_clear_names_what_the_stub_does_not_give_back_and_takes_out_the_others() -> None:
    stub = FakeStub()
    async with table(stub, TCG) as rows:
        await rows.add(BreakpointKind.EXECUTE, CODE)
        await rows.add(BreakpointKind.EXECUTE, CODE + 2)
        stub.answers[b"z0,1000,1"] = b"E22"
        assert await rows.clear() == ("The stub refused to remove a software breakpoint at 0x1000 (error 22).",)
        assert stub.points == [(0, CODE, 1)]


async def test_clear_is_silent_about_what_was_lifted_when_a_step_was_given_up() -> None:
    stub = FakeStub()
    async with table(stub, TCG) as rows:
        await rows.add(BreakpointKind.EXECUTE, CODE)
        await rows.points.lift(CODE)
        assert await rows.clear() == ()
