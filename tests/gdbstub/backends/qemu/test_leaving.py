"""A guest of QEMU's that is left is listened to, and where it does not run on dr6 says what it found."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from gdbstub.debugger.debugger import Debugger, DebuggerOptions
from gdbstub.errors import GdbError
from gdbstub.protocol import Stopped, ThreadId, Watch, format_stop
from gdbstub.x86.breakpoints import BreakpointKind
from tests.fakes.served import qemu
from tests.fakes.stub import CODE, FakeStub, connected

STRAY = format_stop(Stopped(5, ThreadId(1, 1), (Watch("write", 0x4000),)))
PAUSED = format_stop(Stopped(2, ThreadId(1, 1), ()))


async def left(stub: FakeStub, seconds: float | None = 0.05) -> list[bytes]:
    """What is said to the stub once its guest is left."""
    async with connected(stub) as stream:
        debugger = Debugger(stream, "fake", DebuggerOptions(watch_leaving=seconds))
        await debugger.attach()
        stub.log.clear()
        await debugger.detach()
    return [request for request in stub.log if not request.startswith(b"qRcmd")]


async def test_it_is_let_go_by_a_continue_and_no_stop_is_heard(autojump_clock: MockClock) -> None:
    stub = qemu()
    assert await left(stub) == [b"vCont;c"]
    assert stub.running


async def test_what_stops_it_once_more_is_passed_by(autojump_clock: MockClock) -> None:
    stub = qemu()
    stub.stops.append(STRAY)
    assert await left(stub) == [b"vCont;c", b"vCont;c"]
    assert stub.running


async def test_one_that_always_stops_may_stand(autojump_clock: MockClock) -> None:
    stub = qemu()
    stub.stops.extend([STRAY] * 3)
    with pytest.raises(GdbError, match="may stand: let go, it stopped again 3 times"):
        await left(stub)
    assert stub.log[-1] == b"D;1"


async def test_one_that_somebody_else_stopped_stands(autojump_clock: MockClock) -> None:
    stub = qemu()
    stub.stops.append(PAUSED)
    with pytest.raises(GdbError, match="an interrupt stopped it at once: it stands"):
        await left(stub)


@pytest.mark.parametrize("state", ["shutdown", "internal-error"])
async def test_one_that_needs_a_reset_is_said_to_need_it(state: str, autojump_clock: MockClock) -> None:
    stub = qemu()
    stub.monitor["info status"] = f"VM status: paused ({state})\n"
    with pytest.raises(GdbError, match=f"does not run on: QEMU says 'paused .{state}.'"):
        await left(stub)


async def test_where_a_breakpoint_stays_the_stub_is_detached_which_takes_it_out(autojump_clock: MockClock) -> None:
    stub = qemu()
    async with connected(stub) as stream:
        debugger = Debugger(stream, "fake", DebuggerOptions(watch_leaving=0.05))
        await debugger.attach()
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, CODE + 2)
        await debugger.step()
        stub.answers |= {b"z1,1002,1": b"E22", b"z0,1002,1": b"E22"}
        with pytest.raises(GdbError, match="refused to remove"):
            await debugger.detach()
    assert stub.log[-1] == b"D;1"


async def test_unwatched_it_is_detached(autojump_clock: MockClock) -> None:
    assert await left(qemu(), None) == [b"D;1"]
