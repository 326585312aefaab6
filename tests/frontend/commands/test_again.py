"""What was set in one session is set again in another by the lines that say so."""

from __future__ import annotations

from pathlib import Path

from frontend.commands.again import count_words, lines_again
from tests.frontend.programs import CALLER, caller_symbols
from tests.frontend.terminal import Terminal

SET = (
    "break function",
    "hbreak *0x1001 if $rax == 1",
    "tbreak sw:*0x1004",
    "watch counter",
    "awatch 0x4000/2",
    "catch db",
    "ignore $bpnum 3",
    "disable $bpnum",
    "commands",
    "silent",
    "print $rip",
    "end",
    "display/x $rax",
    "display/2i $pc",
)


async def test_all_of_it_comes_back_and_a_symbol_stays_one(tmp_path: Path) -> None:
    first, second = (Terminal(CALLER, caller_symbols(tmp_path)) for _ in range(2))
    await first.run(*SET)
    lines = lines_again(first.session)

    assert lines[0] == "break function"
    assert "watch counter/4" in lines
    assert "hbreak *0x1001 if $rax == 1" in lines
    await second.run(*lines)
    assert lines_again(second.session) == lines
    listed = [await terminal.run("info breakpoints") for terminal in (first, second)]
    assert listed[0] == listed[1]
    assert count_words(lines) == "3 breakpoints, 2 watchpoints, 1 catchpoint, 2 displays"


async def test_where_nothing_was_set_nothing_is_offered() -> None:
    assert lines_again(Terminal().session) == ()
    assert count_words(()) == ""
