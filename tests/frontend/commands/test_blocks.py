"""Lines that belong together: if, while, define, document, and a breakpoint's commands with such in them."""

from __future__ import annotations

import pytest
import trio

from frontend.commands import CommandError
from tests.frontend.terminal import Terminal

COUNT = ("set $n = 0", "while $n < 3", "echo round\\n", "set $n = $n + 1", "end", "print $n")


async def test_a_while_runs_until_its_condition_is_0(terminal: Terminal) -> None:
    assert await terminal.run(*COUNT) == "round\nround\nround\n$1 = 3"


@pytest.mark.parametrize(("value", "says"), [(1, "one"), (2, "two"), (3, "many\nmany")])
async def test_an_if_takes_one_half_also_inside_another(terminal: Terminal, value: int, says: str) -> None:
    lines = ("if $v == 1", "echo one", "else", "if $v == 2", "echo two", "else", "echo many", "echo many", "end", "end")
    assert await terminal.run(f"set $v = {value}", *lines) == says


async def test_a_loop_is_left_and_gone_on_with_from_inside_an_if(terminal: Terminal) -> None:
    said = await terminal.run(
        "set $n = 0",
        "while 1",
        "set $n = $n + 1",
        "if $n == 2",
        "loop_continue",
        "end",
        "while 1",
        "loop_break",
        "end",
        "print $n",
        "if $n > 2",
        "loop_break",
        "end",
        "end",
        "echo behind",
    )
    assert said == "$1 = 1\n$2 = 3\nbehind"


async def test_a_loop_of_steps_goes_on_over_the_stops(loop: Terminal) -> None:
    said = await loop.run("while $rcx > 1", "stepi", "end", "print $rcx")
    assert said.endswith("$1 = 1")


async def test_an_endless_loop_ends_at_an_interrupt(terminal: Terminal) -> None:
    async def typed() -> None:
        await terminal.run("while 1", "if 1", "echo on", "end", "end")

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(typed)
            while len(terminal.lines) < 5:
                await trio.lowlevel.checkpoint()
            await terminal.session.interrupt()
    assert await terminal.run("echo typed") == "typed"


async def test_an_error_inside_a_block_ends_it(terminal: Terminal) -> None:
    with pytest.raises(CommandError, match="nonsense is no command"):
        await terminal.run("while 1", "if 1", "nonsense", "end", "end")
    assert await terminal.run("echo typed") == "typed"


async def test_a_command_of_ones_own_takes_words(terminal: Terminal) -> None:
    await terminal.run("define twice", "echo $arg0 $arg1 of $argc: $arg*\\n", "echo $arg0\\n", "end")
    assert await terminal.run("twice a 'b c'") == "a 'b c' of 2: a 'b c'\na"
    with pytest.raises(CommandError, match=r"twice wants more behind it: there is no \$arg1"):
        await terminal.run("twice a")


async def test_document_says_what_help_says(terminal: Terminal) -> None:
    await terminal.run(
        "define mine", "if 1", "echo yes", "end", "end", "document mine", "Says yes.", "# and more", "end"
    )
    assert await terminal.run("help mine", "mine") == "Says yes.\n# and more\nyes"
    with pytest.raises(CommandError, match="There is no command of yours called other"):
        await terminal.run("document other")


async def test_a_command_that_calls_itself_twice_is_told_off(terminal: Terminal) -> None:
    await terminal.run("define more", "more", *["more"] * 900, "end")
    with pytest.raises(CommandError, match="100,000 lines wait to be run"):
        await terminal.run("more")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("end", "end belongs to a block"),
        ("else", "else belongs between"),
        ("loop_break", "There is no while"),
        ("while", "while needs a condition"),
        ("define", "define needs a name"),
        ("define hook-stop", "dr6 runs no hooks"),
    ],
)
async def test_what_stands_where_it_means_nothing_is_told_off(terminal: Terminal, line: str, says: str) -> None:
    with pytest.raises(CommandError, match=says):
        await terminal.run(line)


async def test_the_commands_of_a_breakpoint_may_have_blocks(terminal: Terminal) -> None:
    await terminal.run("break function", "commands", "silent", "if $rip == function", "echo here", "end", "end")
    assert await terminal.run("continue") == "here"


async def test_a_dprintf_prints_and_goes_on(loop: Terminal) -> None:
    said = await loop.run('dprintf 0x1003,"left %d\\n",$rcx', "continue")
    assert said.splitlines()[:4] == ["Breakpoint 1 at 0x1003", "left 3", "left 2", "left 1"]


async def test_a_dprintf_without_a_format_is_told_off(terminal: Terminal) -> None:
    with pytest.raises(CommandError, match="dprintf needs a place"):
        await terminal.run("dprintf function")
