"""Commands that reach this machine: shell, save breakpoints, a script of dr6's own, the init file."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from frontend.cli.init_file import startup
from frontend.commands import CommandError
from tests.frontend.terminal import Terminal


async def test_shell_shows_what_a_command_prints_and_how_it_failed(terminal: Terminal) -> None:
    assert await terminal.run("shell echo one; printf 'two\\033[31m' >&2") == "one\ntwo\\x1b[31m"
    assert await terminal.run("!echo three") == "three"
    with pytest.raises(CommandError, match="The command ended with 7"):
        await terminal.run("shell exit 7")


async def test_a_shell_command_that_prints_without_end_is_ended(terminal: Terminal) -> None:
    with trio.fail_after(60), pytest.raises(CommandError, match="it printed more than 1 MiB"):
        await terminal.run("! yes")


async def test_an_interrupt_ends_a_shell_command_and_what_it_started(terminal: Terminal, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    told: list[str] = []

    async def typed() -> None:
        with pytest.raises(CommandError) as caught:
            await terminal.run(f"shell sleep 1000 & touch {ready}; wait")
        told.append(str(caught.value))

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(typed)
            while not ready.exists():
                await trio.lowlevel.checkpoint()
            await terminal.session.interrupt()
    assert told == ["The command was ended: interrupted."]


async def test_a_replay_runs_no_shell_command(terminal: Terminal) -> None:
    terminal.session.may_use_files = False
    with pytest.raises(CommandError, match="is left alone"):
        await terminal.run("shell touch here")
    with pytest.raises(CommandError, match="is left alone"):
        await terminal.run("save breakpoints here")


LISTED = (
    "break function if $rax > 1",
    "tbreak hw:*0x1001",
    "watch counter/4",
    "awatch 0x5000/8",
    "catch pf",
    "ignore 1 2",
    "commands 1",
    "silent",
    "if 1",
    "print $rax",
    "end",
    "end",
    "disable 3",
)


async def test_saved_breakpoints_come_back_as_they_were(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "saved"
    await terminal.run(*LISTED)
    before = await terminal.run("info breakpoints")
    assert await terminal.run(f"save breakpoints {path}") == f"5 breakpoints in {path}; source reads it."
    terminal.session.ask = False
    await terminal.run("delete", f"source {path}")
    after = await terminal.run("info breakpoints")
    assert [line[8:] for line in after.splitlines()] == [line[8:] for line in before.splitlines()]


async def test_nothing_to_save_and_nowhere_to_save_it_are_said(terminal: Terminal, tmp_path: Path) -> None:
    for line, says in (("save", "save takes"), ("save breakpoints x", "There is nothing to save")):
        with pytest.raises(CommandError, match=says):
            await terminal.run(line)
    await terminal.run("break")
    with pytest.raises(CommandError, match=r"Cannot write .*: Is a directory\."):
        await terminal.run(f"save b {tmp_path}")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("dd 0x4000", "0x4000 <counter>:"),
        ("ba w2 counter", "Watchpoint 1 at 0x4000 <counter>, 2 bytes"),
        ("ba e1 function", "Breakpoint 1 at 0x1014 <function> (hardware)"),
        ("u 0x1001", "   0x1001 <start+1>:\tinc rax\n"),
        ("bl", "No breakpoints or watchpoints."),
    ],
)
async def test_words_of_windbg_work_where_they_are_asked_for(terminal: Terminal, line: str, says: str) -> None:
    await terminal.run("source dr6:windbg")
    assert (await terminal.run(line)).startswith(says)


async def test_a_script_of_dr6s_own_is_a_name_and_no_path(terminal: Terminal) -> None:
    with pytest.raises(CommandError, match=r"Cannot read commands from .*nothing\.dr6: No such file"):
        await terminal.run("source dr6:../../nothing")


def test_the_init_file_is_where_xdg_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert startup() == ()
    (tmp_path / "dr6").mkdir()
    (tmp_path / "dr6/init").write_text("echo hello\n")
    assert startup() == (f"source {tmp_path}/dr6/init",)
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".config/dr6").mkdir(parents=True)
    (tmp_path / ".config/dr6/init").write_text("")
    assert startup() == (f"source {tmp_path}/.config/dr6/init",)
