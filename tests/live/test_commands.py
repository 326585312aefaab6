"""The commands on guests under a real QEMU: what they print is what the guest is."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from frontend.commands import execute
from frontend.commands.session import Session
from frontend.symbols.names import Symbols
from gdbstub.debugger.debugger import Debugger, DebuggerOptions
from gdbstub.trace import TraceReader
from tests.guests.build import GuestName, build
from transports import launch_qemu

pytestmark = [pytest.mark.live, pytest.mark.slow]


class Live:
    """A session on a QEMU; ``await run(line, …)`` gives what the lines print."""

    def __init__(self, session: Session, lines: list[str]) -> None:
        self.session = session
        self.lines = lines

    async def run(self, *lines: str) -> str:
        self.lines.clear()
        for line in lines:
            await execute(self.session, line)
        return "\n".join(self.lines)

    def mode(self) -> int:
        return self.session.record.state.mode

    async def number(self, expression: str) -> int:
        return (await self.session.evaluate(expression)).address


@asynccontextmanager
async def on_guest(name: GuestName, *, smp: int = 1) -> AsyncIterator[Live]:
    image = build(name)
    symbols = Symbols()
    symbols.add(image)
    lines: list[str] = []
    async with launch_qemu(image, smp=smp) as qemu:
        debugger = Debugger(qemu.endpoint.stream, "qemu", DebuggerOptions(lidt_hints=symbols.lidt_places().candidates))
        await debugger.attach()
        session = Session(debugger, symbols, lines.append)
        yield Live(session, lines)
        session.close()
        await debugger.kill()


async def test_a_breakpoint_is_reached_and_the_state_is_the_guests() -> None:
    async with on_guest("loop") as live:
        text = await live.run("hbreak main_loop", "c")
        assert " <main_loop>" in text
        rip = await live.number("$rip")
        assert rip == live.session.symbols.lookup("main_loop")
        monitor = await live.run("monitor info registers")
        for name, shown in (("rax", "RAX"), ("rsp", "RSP"), ("rip", "RIP"), ("cr3", "CR3")):
            match = re.search(rf"{shown}=([0-9a-f]+)", monitor)
            assert match is not None
            assert await live.number(f"${name}") == int(match[1], 16)


async def test_nexti_finish_and_until_on_real_code() -> None:
    async with on_guest("loop") as live:
        await live.run("hb main_loop", "c", "ni 3")
        behind = await live.number("$rip")
        assert "call" in await live.run("x/i main_loop + 10")
        await live.run("d", "hb next_random", "c")
        assert await live.number("$rip") == live.session.symbols.lookup("next_random")
        assert (await live.run("finish")).startswith("Run till ")
        assert await live.number("$rip") == behind
        await live.run("d", "tb inner_loop", "c", "until", "until", "until")
        assert await live.number("$rcx") == 2
        await live.run("until")
        assert await live.number("$rcx") == 0
        assert await live.run("info breakpoints") == "No breakpoints or watchpoints."


async def test_memory_registers_and_conditions_are_read_and_written() -> None:
    async with on_guest("loop") as live:
        await live.run("hb main_loop if *(u64*)rounds == 5", "c")
        assert await live.number("*(u64*)rounds") == 5
        await live.run("set {u64}rounds = 1000", "set $rbx = 0x1122334455667788", "set $bl = 0xff")
        assert await live.run("p *(u64*)rounds", "p/x $rbx", "p/x $bx") == (
            "$1 = 1000\n$2 = 0x11223344556677ff\n$3 = 0x77ff"
        )
        await live.run("set {u64}rounds = 4", "c")
        assert await live.number("*(u64*)rounds") == 5


async def test_ignore_counts_and_commands_of_breakpoints() -> None:
    async with on_guest("loop") as live:
        await live.run("hb main_loop", "ignore 1 3", "commands 1", "silent", 'printf "%d\\n", *(u64*)rounds', "end")
        assert await live.run("c") == "3"
        await live.run("watch rounds/8", "c")
        assert await live.number("*(u64*)rounds") == 4


async def test_translate_agrees_with_qemu_in_every_paging_mode() -> None:
    async with on_guest("loop") as live:
        assert "paging is off" in await live.run("translate 0x1000")
        await live.run("hb main_loop", "c")
        text = await live.run("translate $rsp")
        assert "4-level paging" in text
        assert text.endswith("QEMU's gva2gpa agrees.")
        assert "not canonical" in await live.run("translate 0x0000800000000000")
        unmapped = await live.run("translate 0x0000700000000000")
        assert "is not present" in unmapped
        assert "contradiction" not in unmapped


async def test_sixteen_bit_code_is_shown_at_its_linear_address() -> None:
    async with on_guest("modes") as live:
        await live.run("hb real_function", "c")
        address = live.session.symbols.lookup("real_function")
        assert await live.number("$pc") == address
        assert await live.number("$cs") == 0x800
        assert await live.number("$rip") == (address or 0) - 0x8000
        assert await live.session.location("0x800:0x10") == 0x8010
        assert await live.run("x/2i $pc") == (
            f"=> {address:#x} <real_function>:\tinc bx\n   {(address or 0) + 1:#x} <real_function+1>:\tret"
        )
        text = await live.run("finish")
        assert "(from the top of the stack)" in text
        assert re.search(r" <real_loop\+\d+>", text)


async def test_thirty_two_bit_and_sixty_four_bit_code_follow() -> None:
    async with on_guest("modes") as live:
        await live.run("hb protected_loop", "c")
        assert live.mode() == 32
        assert "ebx" in await live.run("x/i $pc")
        await live.run("d", "hb long_loop", "c")
        assert live.mode() == 64
        assert "rbx" in await live.run("x/i $pc")


async def test_a_trace_of_steps_is_complete_and_its_rows_follow_each_other(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    async with on_guest("loop") as live:
        await live.run("hb main_loop", "c", "d")
        assert (await live.run(f"trace {path} 300")).endswith(f"300 rows in {path}.")
        last = await live.number("$rip")
    with TraceReader(path) as trace:
        rows = list(trace)
        assert trace.end is not None
        assert trace.end["stops"] == 300
    assert rows[-1]["pc"] == f"{last:#x}"
    causes = [row["causes"][0]["cause"] for row in rows]
    assert set(causes) <= {"single-step", "spurious"}  # now and then TCG reports a step that ran nothing
    assert causes.count("single-step") >= 298


async def test_continue_is_interrupted_and_the_guest_stands_still() -> None:
    async with on_guest("loop") as live:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(live.run, "continue")
            await trio.testing.wait_all_tasks_blocked()
            assert live.session.debugger.running
            await live.session.interrupt()
        assert "interrupt" in live.lines[0]
        assert await live.run("interrupt") == "The guest is stopped already."


async def test_an_interrupt_while_a_condition_is_asked_is_not_lost() -> None:
    """The guest stands still just then, so no 0x03 can be sent; it must not run on for ever afterwards."""
    async with on_guest("loop") as live:
        debugger = live.session.debugger
        await live.run("hb main_loop")
        (row,) = debugger.breakpoints.values()

        async def not_yet() -> bool:
            await debugger.interrupt()
            return False

        row.predicate = not_yet
        with trio.fail_after(60):
            record = await debugger.resume()
        assert record.action.value == "interrupt"
        assert record.state.pc == row.address  # where it stood when that was asked


async def test_each_cpu_can_be_chosen() -> None:
    async with on_guest("smp", smp=2) as live:
        assert len((await live.run("info threads")).splitlines()) == 3
        assert (await live.run("thread 2")).startswith("[Current thread is 2 (CPU#1), at ")
        assert live.session.debugger.cpu == 1
