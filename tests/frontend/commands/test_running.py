"""Stepping and resuming stop where gdb would, and clean up after themselves."""

from __future__ import annotations

import pytest
import trio

from frontend.commands import CommandError
from gdbstub.errors import GdbError
from tests.frontend.terminal import Terminal

STEP = """#{n} cpu0 step at {at}: single-step over {text}
  single-step · debugger · trap · certain
    because: the fake says so"""


def rip(terminal: Terminal) -> int:
    return terminal.fake.registers["rip"]


def hidden(terminal: Terminal) -> list[int]:
    return [number for number, row in terminal.fake.rows.items() if row.hidden]


async def test_stepi_executes_one_instruction_and_an_empty_line_repeats_it(terminal: Terminal) -> None:
    assert await terminal.run("stepi") == STEP.format(n=0, at="0x1001 <start+1>", text="nop")
    assert await terminal.run("") == STEP.format(n=1, at="0x1004 <start+4>", text="inc rax")
    assert await terminal.run("si 2") == STEP.format(n=3, at="0x1015 <function+1>", text="push rbp")


async def test_stepi_n_ends_early_at_a_breakpoint(terminal: Terminal) -> None:
    await terminal.run("b *0x1004", "stepi 100")
    assert rip(terminal) == 0x1004


@pytest.mark.parametrize("line", ["nexti", "ni", "next", "n"])
async def test_nexti_steps_over_a_call_and_leaves_no_breakpoint(terminal: Terminal, line: str) -> None:
    await terminal.run("si 2", line)
    assert rip(terminal) == 0x1009
    assert terminal.fake.registers["rax"] == 2
    assert hidden(terminal) == []


async def test_nexti_stops_in_the_callee_at_a_breakpoint_of_the_user(terminal: Terminal) -> None:
    await terminal.run("break *0x1018", "si 2", "ni")
    assert rip(terminal) == 0x1018
    assert hidden(terminal) == []


async def test_nexti_does_not_stop_in_a_deeper_call_that_comes_back_to_the_same_address(loop: Terminal) -> None:
    """0: call 0 with RCX counting down is recursion: only the frame that we stepped from counts."""
    code = bytes.fromhex(
        "48ffc9"  # 1000 dec rcx
        "7505"  # 1003 jne 100a
        "c3"  # 1005 ret
        "90909090"  # 1006
        "e8f1ffffff"  # 100a call 1000
        "c3"  # 100f ret
    )
    loop.fake.memory[: len(code)] = code
    await loop.run("si 2")
    assert rip(loop) == 0x100A
    await loop.run("ni")
    assert rip(loop) == 0x100F
    assert loop.fake.registers["rsp"] == 0x9000
    assert loop.fake.registers["rcx"] == 0


async def test_nexti_steps_over_an_interrupt(terminal: Terminal) -> None:
    await terminal.run("si 2", "ni 3")
    assert rip(terminal) == 0x100C
    await terminal.run("ni")
    assert rip(terminal) == 0x100D


async def test_nexti_takes_a_rep_string_as_one(loop: Terminal) -> None:
    loop.fake.registers |= {"rip": 0x1008, "rcx": 4, "rax": 0x41}
    await loop.run("ni")
    assert rip(loop) == 0x100A
    assert loop.fake.memory[0x3000:0x3005] == b"AAAA\0"


async def test_an_interrupt_of_nexti_leaves_no_breakpoint(terminal: Terminal) -> None:
    """The callee loops for ever; the user interrupts."""
    terminal.fake.memory[0x14:0x16] = bytes.fromhex("ebfe")
    await terminal.run("si 2")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(terminal.run, "ni")
        while rip(terminal) != 0x1014:
            await trio.lowlevel.checkpoint()
        await terminal.session.interrupt()
    assert rip(terminal) == 0x1014
    assert "interrupted by the debugger" in terminal.lines[0]
    assert hidden(terminal) == []


async def test_an_interrupt_ends_stepi_n(terminal: Terminal) -> None:
    terminal.fake.memory[0:2] = bytes.fromhex("ebfe")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(terminal.run, "si 1000000")
        while not terminal.fake.records:
            await trio.lowlevel.checkpoint()
        await terminal.session.interrupt()
    assert 0 < len(terminal.fake.records) < 1_000_000


async def test_continue_runs_to_the_next_breakpoint(terminal: Terminal) -> None:
    text = await terminal.run("b function", "c")
    assert text.startswith("Breakpoint 1 at 0x1014 <function>\n#0 cpu0 continue at 0x1014 <function>: ")


async def test_continue_n_passes_the_breakpoint_here(terminal: Terminal) -> None:
    await terminal.run("b *0x1009", "c")
    assert await terminal.run("c 3") != ""
    assert terminal.lines[0] == "Breakpoint 1 is passed 2 times before it stops again."
    assert terminal.fake.rows[1].hits == 4
    await terminal.run("si")
    with pytest.raises(CommandError, match="continue N needs to stand at a breakpoint"):
        await terminal.run("c 3")


async def test_continue_to_the_end_says_that_the_guest_is_gone(loop: Terminal) -> None:
    assert (await loop.run("c")).startswith("#0 continue, the guest is gone: the guest shut down")
    with pytest.raises(CommandError, match="stepi needs a guest, and the guest is gone"):
        await loop.run("si")


async def test_finish_says_where_the_return_address_comes_from(terminal: Terminal) -> None:
    await terminal.run("b function", "c")
    assert (await terminal.run("finish")).splitlines()[0] == ("Run till 0x1009 <start+9> (from the top of the stack)")
    assert rip(terminal) == 0x1009
    await terminal.run("c", "si 2")
    assert (await terminal.run("fin")).splitlines()[0] == "Run till 0x1009 <start+9> (by the frame pointer)"
    assert rip(terminal) == 0x1009


async def test_finish_leaves_a_caught_handler_by_its_frame(terminal: Terminal) -> None:
    await terminal.run("catch db", "c")
    assert (await terminal.run("finish")).splitlines()[0] == (
        "Run till 0x100d <start+13> (from the exception frame; a handler may change it)"
    )
    assert rip(terminal) == 0x100D


async def test_finish_refuses_to_guess(terminal: Terminal) -> None:
    await terminal.run("si")
    with pytest.raises(GdbError, match="use advance ADDRESS"):
        await terminal.run("finish")


async def test_until_leaves_a_loop_and_stepi_does_not(loop: Terminal) -> None:
    await loop.run("si 2", "until")
    assert rip(loop) == 0x1008
    assert loop.fake.registers["rcx"] == 0
    assert loop.fake.registers["rax"] == 3


async def test_until_a_location_and_advance_run_there(terminal: Terminal) -> None:
    await terminal.run("until function")
    assert rip(terminal) == 0x1014
    await terminal.run("advance *0x100c")
    assert rip(terminal) == 0x100C
    assert hidden(terminal) == []


async def test_jump_continues_elsewhere(terminal: Terminal) -> None:
    text = await terminal.run("b *0x101c", "jump *0x1018")
    assert "Continuing at 0x1018 <function+4>." in text
    assert rip(terminal) == 0x101C
    assert terminal.fake.registers["rax"] == 1


async def test_a_running_guest_refuses_what_needs_a_stopped_one(terminal: Terminal) -> None:
    terminal.fake.running = True
    with pytest.raises(CommandError, match="stepi needs a stopped guest, and the guest is running; interrupt it first"):
        await terminal.run("si")
    with pytest.raises(CommandError, match="info registers needs a stopped guest"):
        await terminal.run("info r")
    with pytest.raises(CommandError, match="set needs a stopped guest"):
        await terminal.run("set $rax = 1")
    assert await terminal.run("info breakpoints") == "No breakpoints or watchpoints."


async def test_interrupt_of_a_stopped_guest_says_so(terminal: Terminal) -> None:
    assert await terminal.run("interrupt") == "The guest is stopped already."


@pytest.mark.parametrize("line", ["si 0", "ni -1", "c 0"])
async def test_a_count_below_one_is_refused(terminal: Terminal, line: str) -> None:
    with pytest.raises(CommandError, match="has to be at least 1"):
        await terminal.run(line)
