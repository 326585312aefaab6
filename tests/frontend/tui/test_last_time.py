"""What is set in a guest is kept by target, offered at the next attach, and brought back by ``restore``."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from frontend.commands.again import lines_again
from frontend.commands.table import CommandError
from frontend.tui.last_time import LONGEST, MOST_LINES, MOST_TARGETS, LastTime, path_of, read, write
from tests.frontend.terminal import Terminal

TARGET = "tcp:127.0.0.1:1234"


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "dr6" / "targets"


def modes(folder: Path) -> list[int]:
    return [file.stat().st_mode & 0o777 for file in folder.iterdir()]


async def test_what_was_set_is_offered_and_restored_beside_what_is_there(folder: Path) -> None:
    first = Terminal()
    kept = LastTime(first.session)
    assert kept.begin() == ""
    for line in ("break *0x1004", "watch 0x2000/4", "disable 2", "display/x $rax", "catch db"):
        await first.run(line)
        kept.keep()
    assert modes(folder) == [0o600]

    second = Terminal()
    await second.run("break *0x1008", "catch db")
    again = LastTime(second.session)
    assert again.begin() == "1 breakpoint, 1 watchpoint, 1 display of last time: restore brings them back."
    again.keep()
    assert read(TARGET) == lines_again(first.session), "nothing was set that was not at first"
    await second.run("restore")
    assert set(lines_again(first.session)) < set(lines_again(second.session))
    assert [row.enabled for row in second.session.debugger.breakpoints.values()] == [True, True, True, False]
    again.keep()
    assert "break *0x1008" in read(TARGET)
    with pytest.raises(CommandError, match="nothing of last time"):
        await second.run("restore")


async def test_what_was_deleted_is_not_offered(folder: Path) -> None:
    terminal = Terminal()
    kept = LastTime(terminal.session)
    kept.begin()
    await terminal.run("break *0x1004")
    kept.keep()
    await terminal.run("delete")
    kept.keep()
    assert modes(folder) == []
    assert LastTime(Terminal().session).begin() == ""


async def test_lines_that_fail_are_said_and_the_others_are_set() -> None:
    write(TARGET, ("break nowhere", "break *0x1004"))
    terminal = Terminal()
    assert LastTime(terminal.session).begin() == "2 breakpoints of last time: restore brings them back."
    with pytest.raises(CommandError, match="1 of 2 lines of last time failed"):
        await terminal.run("restore")
    assert terminal.lines[0].startswith("break nowhere: No symbol")
    assert lines_again(terminal.session) == ("break *0x1004",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\0\xff",
        "[]",
        "[" * 100_000,
        '{"version": 1}',
        '{"version": 2, "target": "tcp:127.0.0.1:1234", "lines": ["break *1"]}',
        '{"version": 1, "target": "another", "lines": ["break *1"]}',
        '{"version": 1, "target": "tcp:127.0.0.1:1234", "lines": [1]}',
        '{"version": 1, "target": "tcp:127.0.0.1:1234", "lines": ["a\\nb"]}',
        '{"version": 1, "target": "tcp:127.0.0.1:1234", "lines": ["' + "x" * LONGEST + '"]}',
    ],
)
def test_a_damaged_file_is_none(folder: Path, text: str) -> None:
    folder.mkdir(parents=True)
    path_of(TARGET).write_text(text, encoding="latin-1")
    assert read(TARGET) == ()


def test_lines_and_targets_are_bounded(folder: Path) -> None:
    write(TARGET, ("break *1",) * (MOST_LINES + 1))
    assert len(read(TARGET)) == MOST_LINES
    os.utime(path_of(TARGET), (1, 1))
    for number in range(MOST_TARGETS):
        write(str(number), ("break *1",))
    assert len(list(folder.iterdir())) == MOST_TARGETS
    assert read(TARGET) == ()
    write("0", ("x" * LONGEST,))
    assert json.loads(path_of("0").read_text())["lines"] == ["break *1"], "what is too much is not written"


def test_a_folder_that_cannot_be_written_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null")
    write(TARGET, ("break *1",))
    assert read(TARGET) == ()
