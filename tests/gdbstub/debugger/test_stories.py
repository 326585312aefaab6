"""The same stories on the fake stub and on a real QEMU, through `Debugger`: what is told of one holds for the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.options import DebuggerOptions
from gdbstub.debugger.record import StopRecord
from gdbstub.debugger.resuming import STEP_GRACE
from gdbstub.errors import GdbError, Refused
from gdbstub.explain.evidence import Known
from gdbstub.x86.breakpoints import BreakpointKind
from tests.fakes.stub import CODE, LOOP, FakeStub, connected
from tests.gdbstub.backends.qemu.test_monitor import golden
from tests.guests.build import build
from tests.guests.image import read_image
from transports import launch_qemu

Kind = Literal["fake", "qemu"]
SOFT, HARD = "software-breakpoint", "instruction-breakpoint"


class Guest:
    """A debugger on a guest that stands at ``code``, which is `LOOP`; RDI is ``data``, and both are writable."""

    def __init__(self, debugger: Debugger, code: int, data: int) -> None:
        self.debugger, self.code, self.data = debugger, code, data

    def told(self, record: StopRecord) -> tuple[str, str, int, tuple[str, ...]]:
        """(action, reply without padding, offset in the code, causes)."""
        reply = (
            record.stop.raw.replace("p01.01", "p1.1")
            .replace(f"{self.data:016x}", "DATA")
            .replace(f"{self.data:x}", "DATA")
        )
        causes = tuple(cause.cause for cause in record.explanation.causes)
        return record.action.value, reply, record.state.pc - self.code, causes


@asynccontextmanager
async def fake(*, reasons: bool = False) -> AsyncIterator[Guest]:
    stub = FakeStub(reasons=reasons)
    stub.monitor |= {"info kvm": golden("kvm"), "info version": golden("version")}
    stub.monitor |= {"info hotpluggable-cpus": "", "info registers": golden("registers-64")}
    async with connected(stub) as stream:
        debugger = Debugger(stream, "fake")
        await debugger.attach()
        yield Guest(debugger, debugger.records[0].state.pc, debugger.records[0].state.registers["rdi"])


@asynccontextmanager
async def qemu() -> AsyncIterator[Guest]:
    image = build("loop")
    symbols = read_image(image).symbols
    async with launch_qemu(image) as launched:
        debugger = Debugger(launched.endpoint.stream, "qemu")
        await debugger.attach()
        row = await debugger.add_breakpoint(BreakpointKind.EXECUTE, symbols["main_loop"], temporary=True)
        await debugger.resume()
        assert row.number not in debugger.breakpoints
        code, data = symbols["main_loop"], symbols["table"]
        await debugger.write_memory(code, LOOP)
        await debugger.write_memory(data, bytes(8))
        await debugger.set_register("rdi", data)
        await debugger.state()
        yield Guest(debugger, code, data)
        await debugger.kill()


GUESTS = {"fake": fake, "qemu": qemu}
on_both = pytest.mark.parametrize("kind", ["fake", pytest.param("qemu", marks=[pytest.mark.live, pytest.mark.slow])])
STEPPED = ("step", "T05thread:p1.1;")


@on_both
async def test_steps_go_round_the_loop(kind: Kind) -> None:
    async with GUESTS[kind]() as guest:
        told = [guest.told(await guest.debugger.step()) for _ in range(5)]
        assert told == [(*STEPPED, at, ("single-step",)) for at in (1, 2, 5, 0, 1)]
        assert (await guest.debugger.read_memory(guest.data, 1)) == b"\x01"


@on_both
async def test_a_run_of_steps_is_the_same_as_single_ones(kind: Kind) -> None:
    async with GUESTS[kind]() as guest:
        records: list[StopRecord] = []
        last = await guest.debugger.run_steps(9, records.append)
        assert [guest.told(record)[2] for record in records] == [1, 2, 5, 0, 1, 2, 5, 0, 1]
        assert last is records[-1]
        assert [record.number for record in records] == list(range(records[0].number, records[0].number + 9))


@on_both
@pytest.mark.parametrize("means", ["hw", "sw"])
async def test_a_continue_stops_at_a_breakpoint_each_round(kind: Kind, means: Literal["hw", "sw"]) -> None:
    async with GUESTS[kind]() as guest:
        row = await guest.debugger.add_breakpoint(BreakpointKind.EXECUTE, guest.code + 2, means=means)
        told = [guest.told(await guest.debugger.resume()) for _ in range(3)]
        assert told == [("continue", STEPPED[1], 2, (SOFT if means == "sw" else HARD,))] * 3
        assert row.hits == 3
        assert await guest.debugger.read_memory(guest.code, 7) == LOOP


@pytest.mark.parametrize(("means", "word", "cause"), [("hw", "hwbreak", HARD), ("sw", "swbreak", SOFT)])
async def test_a_breakpoint_that_the_stub_names_is_that_breakpoint(
    means: Literal["hw", "sw"], word: str, cause: str
) -> None:
    async with fake(reasons=True) as guest:
        await guest.debugger.add_breakpoint(BreakpointKind.EXECUTE, guest.code + 2, means=means)
        record = await guest.debugger.resume()
        assert guest.told(record) == ("continue", f"T05thread:p1.1;{word}:;", 2, (cause,))
        assert record.evidence.after.rip == Known(guest.code + 2, "registers")


@on_both
async def test_a_step_leaves_a_breakpoint_and_a_run_of_steps_ends_at_one(kind: Kind) -> None:
    async with GUESTS[kind]() as guest:
        await guest.debugger.add_breakpoint(BreakpointKind.EXECUTE, guest.code)
        assert guest.told(await guest.debugger.step())[2] == 1
        record = await guest.debugger.run_steps(50)
        assert guest.told(record)[2] == 0
        assert HARD in guest.told(record)[3] or SOFT in guest.told(record)[3]


@on_both
@pytest.mark.parametrize(("watch", "word"), [(BreakpointKind.WRITE, "watch"), (BreakpointKind.ACCESS, "awatch")])
async def test_a_watchpoint_stops_behind_the_store(kind: Kind, watch: BreakpointKind, word: str) -> None:
    async with GUESTS[kind]() as guest:
        await guest.debugger.add_breakpoint(watch, guest.data, 8)
        action, reply, offset, causes = guest.told(await guest.debugger.resume())
        assert (action, reply, offset) == ("continue", f"T05thread:p1.1;{word}:DATA;", 5)
        assert causes == ("data-write" if watch is BreakpointKind.WRITE else "data-access",)


@on_both
async def test_an_endless_loop_is_interrupted_and_goes_on(kind: Kind) -> None:
    async with GUESTS[kind]() as guest:
        debugger, records = guest.debugger, list[StopRecord]()

        async def run() -> None:
            records.append(await debugger.resume())

        for _ in range(2):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(run)
                await wait_all_tasks_blocked()
                assert debugger.running
                await debugger.interrupt()
            action, reply, offset, causes = guest.told(records[-1])
            assert (action, reply[:3], causes) == ("interrupt", "T02", ("interrupt-request",))
            assert offset in (0, 1, 2, 5)


@pytest.mark.live
async def test_an_interrupt_of_steps_is_not_for_the_guest_that_was_left() -> None:
    """A step has a moment to end by itself before 0x03 is sent; the guest may be left by then, and has to run."""
    async with launch_qemu(build("loop")) as launched:
        debugger = Debugger(launched.endpoint.stream, "qemu", DebuggerOptions(watch_leaving=2 * STEP_GRACE))
        await debugger.attach()
        async with trio.open_nursery() as nursery:

            def interrupt(record: StopRecord) -> None:
                nursery.start_soon(debugger.interrupt)

            await debugger.run_steps(None, interrupt)
            await debugger.detach()


@on_both
async def test_temporary_ignored_and_conditional_breakpoints(kind: Kind) -> None:
    async with GUESTS[kind]() as guest:
        debugger = guest.debugger

        async def third() -> bool:
            return (await debugger.read_memory(guest.data, 1)) == b"\x03"

        row = await debugger.add_breakpoint(BreakpointKind.EXECUTE, guest.code + 5)
        row.predicate = third
        await debugger.resume()
        assert await third()
        row.predicate, row.ignore = None, 4
        await debugger.resume()
        assert (await debugger.read_memory(guest.data, 1)) == b"\x08"
        assert row.hits == 6
        await debugger.delete_breakpoint(row.number)
        once = await debugger.add_breakpoint(BreakpointKind.EXECUTE, guest.code + 1, temporary=True)
        assert guest.told(await debugger.resume())[2] == 1
        assert once.number not in debugger.breakpoints
        with pytest.raises(GdbError, match="no breakpoint number"):
            await debugger.delete_breakpoint(once.number)


@on_both
async def test_registers_and_memory_are_written_and_read_again(kind: Kind) -> None:
    async with GUESTS[kind]() as guest:
        debugger = guest.debugger
        await debugger.set_register("rbx", 0x1122334455667788)
        await debugger.set_register("rip", guest.code + 2)
        state = await debugger.state()
        assert (state.registers["rbx"], state.pc) == (0x1122334455667788, guest.code + 2)
        assert guest.told(await debugger.step())[2] == 5
        await debugger.write_memory(guest.data, b"\xff\xff")
        assert await debugger.read_memory(guest.data, 3) == b"\xff\xff\0"
        with pytest.raises(Refused, match="0x700000000000"):
            await debugger.read_memory(0x7000_0000_0000, 8)
        with pytest.raises(GdbError, match="no register"):
            await debugger.set_register("xyz", 1)


@on_both
async def test_a_breakpoint_that_was_disabled_or_deleted_stops_nothing(kind: Kind) -> None:
    async with GUESTS[kind]() as guest:
        debugger = guest.debugger
        first = await debugger.add_breakpoint(BreakpointKind.EXECUTE, guest.code + 1)
        second = await debugger.add_breakpoint(BreakpointKind.EXECUTE, guest.code + 1)
        third = await debugger.add_breakpoint(BreakpointKind.EXECUTE, guest.code + 5)
        await debugger.delete_breakpoint(second.number)
        assert guest.told(await debugger.resume())[2] == 1  # the first one still stands
        await debugger.enable_breakpoint(first.number, False)
        assert guest.told(await debugger.resume())[2] == 5
        await debugger.enable_breakpoint(first.number, True)
        assert [guest.told(await debugger.resume())[2] for _ in range(2)] == [1, 5]
        assert (first.hits, third.hits) == (2, 2)


async def test_a_breakpoint_that_the_stub_keeps_is_named_once_the_guest_is_let_go() -> None:
    stub = FakeStub()
    async with connected(stub) as stream:
        debugger = Debugger(stream, "fake")
        await debugger.attach()
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, 0x1000)
        stub.answers[b"z0,1000,1"] = b"E22"
        with pytest.raises(GdbError, match=r"^The stub refused to remove a software breakpoint at 0x1000 \(error 22\)"):
            await debugger.detach()
        assert stub.log[-1][:1] == b"D"
        assert debugger.ended


@pytest.mark.parametrize("answer", [b"", b"x" * 16, b"00" * 4, b"xx" * 200, b"zz"])
async def test_registers_without_rip_are_one_sentence_and_the_guest_can_be_asked_again(answer: bytes) -> None:
    """Shorter than the description, all unavailable, or no hex at all."""
    stub = FakeStub()
    async with connected(stub) as stream:
        debugger = Debugger(stream, "fake")
        await debugger.attach()
        stub.answers[b"g"] = answer
        with pytest.raises(GdbError):
            await debugger.step()
        stub.answers.clear()
        assert (await debugger.step()).state.rip in range(CODE, CODE + len(LOOP))


@pytest.mark.parametrize("reply", [b"W00", b"X0f", b"N", b"W00;process:1", b"Fread,0,1000,4", b"O6869"])
async def test_a_guest_that_is_gone_before_anybody_attaches_is_one_sentence(reply: bytes) -> None:
    stub = FakeStub()
    stub.answers[b"?"] = reply
    async with connected(stub) as stream:
        debugger = Debugger(stream, "fake")
        with pytest.raises(GdbError):
            await debugger.attach()
        await debugger.detach()


async def test_a_description_whose_rip_no_x86_has_is_refused() -> None:
    stub = FakeStub()
    stub.description = stub.description.replace(b'name="rip" bitsize="64"', b'name="rip" bitsize="512"')
    async with connected(stub) as stream:
        with pytest.raises(GdbError, match="512 bits"):
            await Debugger(stream, "fake").attach()
