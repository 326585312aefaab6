"""memory, undo, panes: bytes that are looked at, and writes that are taken back."""

from __future__ import annotations

import pytest

from frontend.commands.memory_view import BYTES, read_area
from frontend.commands.table import CommandError
from gdbstub.errors import GdbError
from tests.frontend.terminal import Terminal


async def test_memory_prints_bytes_and_characters_where_there_is_no_screen(terminal: Terminal) -> None:
    await terminal.run("set {u32}0x2000 = 0x1b696867", "set $rdi = 0x2000")
    first, *_ = (await terminal.run("memory $rdi")).splitlines()
    assert first == f"00002000  67 68 69 1b {'00 ' * 12} ghi.{'.' * 12}"
    assert (await terminal.run("memory")).splitlines()[0] == first, "the expression is remembered"


async def test_memory_of_nothing_and_of_what_cannot_be_read_is_one_sentence(terminal: Terminal) -> None:
    with pytest.raises(CommandError, match="memory needs an address"):
        await terminal.run("memory")
    with pytest.raises(GdbError, match="Cannot access memory at address 0x0"):
        await terminal.run("memory 0")
    assert terminal.session.panes.memory == ""


async def test_an_area_ends_where_memory_does_and_says_why_there_is_none(terminal: Terminal) -> None:
    area = await read_area(terminal.session, "0x9ff0")
    assert (area.address, len(area.data), area.why) == (0x9FF0, 0x10, "")
    assert len((await read_area(terminal.session, "$pc")).data) == BYTES
    assert (await read_area(terminal.session, "nowhere")).why.startswith("No symbol 'nowhere'")


async def test_a_screen_brings_the_pane_instead(terminal: Terminal) -> None:
    shown: list[str] = []
    terminal.session.panes.show = shown.append
    assert await terminal.run("memory 0x2000") == ""
    assert (shown, terminal.session.panes.memory) == (["memory"], "0x2000")


async def test_undo_takes_writes_back_one_after_the_other(terminal: Terminal) -> None:
    await terminal.fake.attach()
    terminal.session.reads_overwritten = True
    await terminal.run("set {u16}0x2000 = 0x1234", "set {u8}0x2001 = 0xff", "set $al = 7")
    assert await terminal.run("undo") == "$rax = 0x0"
    assert await terminal.run("undo") == "0x2001: ff → 12"
    assert await terminal.run("undo") == "0x2000: 34 12 → 00 00"
    assert terminal.fake.memory[0x1000:0x1002] == b"\0\0"
    with pytest.raises(CommandError, match="nothing to undo"):
        await terminal.run("undo")


async def test_what_has_changed_since_is_left_alone(terminal: Terminal) -> None:
    await terminal.fake.attach()
    terminal.session.reads_overwritten = True
    await terminal.run("set {u8}0x2000 = 1", "set $rax = 5")
    await terminal.run("stepi")
    with pytest.raises(CommandError, match="the guest has gone on"):
        await terminal.run("undo")
    terminal.fake.memory[0x1000] = 9
    with pytest.raises(CommandError, match="holds 09 by now, not what set wrote"):
        await terminal.run("undo")
    assert terminal.fake.memory[0x1000] == 9
    with pytest.raises(CommandError, match="nothing to undo"):
        await terminal.run("undo")


async def test_without_a_screen_memory_is_written_unread_and_undo_says_so(terminal: Terminal) -> None:
    await terminal.fake.attach()
    await terminal.run("set $rax = 5", "set {u8}0x2000 = 1")
    with pytest.raises(CommandError, match=r"0x2000 can't be taken back: .*without a screen"):
        await terminal.run("undo")
    assert terminal.fake.memory[0x1000] == 1
    assert await terminal.run("undo") == "$rax = 0x0", "what was set before that is the next one"


async def test_panes_names_those_that_read_and_leaves_the_empty_line_what_it_was(terminal: Terminal) -> None:
    await terminal.run("x/1xb 0x1000", "panes watch stack")
    assert terminal.session.panes.seen == ("watch", "stack")
    assert (await terminal.run("")).startswith("0x1001")
    with pytest.raises(CommandError, match="code is none of the panes that read: memory, watch"):
        await terminal.run("panes code")
    await terminal.run("panes")
    assert not terminal.session.panes.seen
