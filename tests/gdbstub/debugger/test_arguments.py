"""What no guest can have is refused in one sentence, before a packet is sent; and the block of a debugger is tidy."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio

from gdbstub import BreakpointKind, Debugger, GdbError, Refused, TransportError
from gdbstub.debugger import debugger as module
from tests.fakes.stub import CODE, FakeStub, connected


@asynccontextmanager
async def guest() -> AsyncIterator[tuple[FakeStub, Debugger]]:
    stub = FakeStub()
    async with connected(stub) as stream:
        yield stub, Debugger(stream, "fake")


SENTENCES: dict[str, Callable[[Debugger], Awaitable[object]]] = {
    "A breakpoint of kind execute needs an address.": lambda d: d.add_breakpoint(BreakpointKind.EXECUTE),
    "A breakpoint of kind write needs an address.": lambda d: d.add_breakpoint(BreakpointKind.WRITE),
    "The remote protocol has no breakpoints on I/O ports.": lambda d: d.add_breakpoint(BreakpointKind.IO, 0x80),
    "A software breakpoint is one of kind execute, with means 'sw'.": lambda d: d.add_breakpoint(
        BreakpointKind.SOFTWARE, CODE
    ),
    "To catch an exception takes a vector from 0 to 255, not None.": lambda d: d.add_breakpoint(BreakpointKind.CATCH),
    "To catch an exception takes a vector from 0 to 255, not 256.": lambda d: d.add_breakpoint(
        BreakpointKind.CATCH, vector=256
    ),
    "The address -0x1 has more than 64 bits, or is negative.": lambda d: d.add_breakpoint(BreakpointKind.EXECUTE, -1),
    "The address 0x10000000000000000 has more than 64 bits, or is negative.": lambda d: d.add_breakpoint(
        BreakpointKind.ACCESS, 1 << 64
    ),
    "A watchpoint is 1 byte long or more, not 0.": lambda d: d.add_breakpoint(BreakpointKind.READ, CODE, 0),
    "There is no kind of breakpoint that is called 'dance'.": lambda d: d.add_breakpoint(
        "dance",  # type: ignore[arg-type]  # that is what is tested
        CODE,
    ),
    "No memory has 1 bytes at -0x1: addresses go from 0 to 2^64 - 1.": lambda d: d.read_memory(-1, 1),
    "No memory has -1 bytes at 0x0: addresses go from 0 to 2^64 - 1.": lambda d: d.read_memory(0, -1),
    "No memory has 2 bytes at 0x10000000000000000: addresses go from 0 to 2^64 - 1.": lambda d: d.write_memory(
        1 << 64, b"ab"
    ),
    "The number of steps is 1 or more, not 0.": lambda d: d.run_steps(0),
    "The value -0x1 does not fit into rax, which has 64 bits.": lambda d: d.set_register("rax", -1),
    "The value 0x100000000 does not fit into rflags, which has 32 bits.": lambda d: d.set_register("rflags", 1 << 32),
    "This stub has no register nobody.": lambda d: d.set_register("nobody", 0),
}


@pytest.mark.parametrize(("sentence", "asked"), SENTENCES.items(), ids=SENTENCES)
async def test_what_no_guest_can_have_is_a_sentence_and_no_packet(
    sentence: str, asked: Callable[[Debugger], Awaitable[object]]
) -> None:
    async with guest() as (stub, debugger):
        await debugger.attach()
        before = len(stub.log)
        with pytest.raises(GdbError, match=f"^{re.escape(sentence)}$"):
            await asked(debugger)
        assert not [request for request in stub.log[before:] if request[:1] not in (b"H",)]
        assert not debugger.breakpoints
        assert (await debugger.step()).state.pc > CODE


async def test_a_kind_may_be_given_by_its_word() -> None:
    async with guest() as (_, debugger):
        await debugger.attach()
        row = await debugger.add_breakpoint("execute", CODE)  # type: ignore[arg-type]  # as untyped code may
        assert row.kind is BreakpointKind.EXECUTE


async def test_a_debugger_that_was_not_attached_says_so() -> None:
    async with guest() as (_, debugger):
        with pytest.raises(GdbError, match="The stub was not attached to yet"):
            await debugger.step()


async def test_the_block_attaches_and_lets_the_guest_run_on() -> None:
    async with guest() as (stub, debugger):
        async with debugger as same:
            assert same is debugger
            await debugger.add_breakpoint(BreakpointKind.EXECUTE, CODE)
            assert len(debugger.records) == 1
        assert debugger.ended
        assert stub.log[-1][:1] == b"D"
        assert any(request.startswith(b"z0") for request in stub.log)
        with pytest.raises(TransportError, match=r"^The session is over: the connection to the stub was closed from"):
            await debugger.read_memory(CODE, 1)


async def test_a_block_that_has_left_the_guest_stopped_does_not_let_it_go() -> None:
    async with guest() as (stub, debugger):
        async with debugger:
            await debugger.detach(resume=False)
        assert not [request for request in stub.log if request[:1] in (b"D", b"k")]


async def test_what_leaves_a_block_is_what_went_wrong_in_it_and_the_guest_is_let_go() -> None:
    async with guest() as (stub, debugger):
        with pytest.raises(KeyError):
            async with debugger:
                raise KeyError("mine")
        assert stub.log[-1][:1] == b"D"


async def test_what_goes_wrong_in_leaving_is_a_note_beside_what_went_wrong_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def detach() -> None:
        raise Refused("z0", "01", "It is not given back.")

    async with guest() as (_, debugger):
        await debugger.attach()
        monkeypatch.setattr(debugger, "attach", trio.lowlevel.checkpoint)
        monkeypatch.setattr(debugger, "detach", detach)
        with pytest.raises(KeyError) as wrong:
            async with debugger:
                raise KeyError("mine")
        assert wrong.value.__notes__ == ["It is not given back."]
        with pytest.raises(Refused, match="It is not given back"):
            async with debugger:
                pass


async def test_a_stub_that_is_none_ends_the_block_before_it_begins(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(theirs.send_all, b"HTTP/1.1 400 Bad Request\r\n")
        with pytest.raises(TransportError, match="nobody is no GDB stub"):
            async with Debugger(ours, "nobody"):
                pytest.fail("it began")
    assert module.LEAVE_SECONDS < 10
