"""A Linux guest of which there is no file is asked for its own names, when one is asked for."""

from __future__ import annotations

import pytest

from frontend.commands.session import Session
from frontend.commands.table import CommandError
from frontend.symbols.names import Symbols
from gdbstub.errors import BadExpression
from tests.fakes.kallsyms import TEXT
from tests.fakes.linux_guest import SLIDE, LinuxGuest
from tests.frontend.terminal import Terminal


class LinuxTerminal(Terminal):
    def __init__(self, symbols: Symbols | None = None) -> None:
        super().__init__()
        self.guest = self.fake = LinuxGuest()
        self.session = Session(self.guest.as_debugger(), symbols or Symbols(), self.lines.append)


async def test_a_name_is_found_in_the_guest_itself() -> None:
    terminal = LinuxTerminal()
    assert f"{TEXT + 16 * 4:#x} <sys_read_6>" in await terminal.run("p sys_read_6")
    (said,) = terminal.guest.said
    assert said.startswith(f"Linux has 9005 names of its own ([kernel.kallsyms]), {SLIDE:#x} above linked; ")
    assert said.endswith("need its vmlinux (--symbols FILE).")
    assert "sys_read_6" in await terminal.run("info symbol sys_read_6+3")
    assert terminal.guest.said == [said]


async def test_a_breakpoint_finds_it_too_and_per_cpu_variables_say_so() -> None:
    terminal = LinuxTerminal()
    await terminal.run("break sys_read_100")
    (row,) = terminal.fake.rows.values()
    assert row.address == TEXT + 16 * 51
    said = await terminal.run("info address current_task")
    assert said == 'Symbol "current_task" is a per-CPU variable at offset 0x28.'
    assert await terminal.run("info symbol 0x28") == "No symbol matches 0x28."


async def test_nothing_is_read_where_no_name_is_asked_for() -> None:
    terminal = LinuxTerminal()
    await terminal.run("p $rip", "x/2i $rip", "info registers rip")
    assert terminal.guest.said == []


async def test_what_is_no_linux_is_said_once_and_not_searched_again() -> None:
    terminal = LinuxTerminal()
    terminal.guest.pages[TEXT] = b"\xcc" * 0x4_0000
    for _ in range(2):
        with pytest.raises(BadExpression, match="No symbol 'nosuch' is known"):
            await terminal.run("p nosuch")
    why = terminal.session.debug_info.why_not()
    assert why.endswith("There is no table of Linux's symbols (kallsyms) in the guest's memory.")


async def test_a_recording_asks_its_guest_for_nothing() -> None:
    terminal = LinuxTerminal()
    terminal.session.without_debug_info()
    with pytest.raises(BadExpression):
        await terminal.run("p sys_read_6")


async def test_lx_symbols_says_why_there_are_none() -> None:
    terminal = LinuxTerminal()
    terminal.guest.pages[TEXT] = b"\xcc" * 0x4_0000
    with pytest.raises(CommandError, match=r"no table of Linux's symbols \(kallsyms\)"):
        await terminal.run("lx-symbols")
    terminal = LinuxTerminal()
    terminal.guest.pages = {}
    with pytest.raises(CommandError, match="its IDT leads to no Linux"):
        await terminal.run("lx-symbols")


async def test_a_screen_says_once_that_there_are_names_to_be_had() -> None:
    terminal = LinuxTerminal()
    assert "lx-symbols" not in await terminal.run("info registers rip")
    terminal.session.show_stop = lambda record: None
    assert "lx-symbols" in await terminal.run("info registers rip")
    assert "lx-symbols" not in await terminal.run("info registers rip")
