"""A recording is data: what it asks for touches no file of the machine that replays it."""

from __future__ import annotations

import json
import lzma
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from frontend.cli.parser import main
from frontend.commands import COMMANDS, Quit
from frontend.demo_guest import DEMO_IMAGE
from frontend.symbols.names import Symbol, Symbols
from gdbstub.errors import GdbError
from tests.frontend.programs import CALLER, caller_symbols
from tests.frontend.terminal import Terminal
from tests.labs.recordings import GOLDEN, PACKED

STORY = GOLDEN / "qemu-tcg-7.2" / f"steps{PACKED}"
_opened: list[str] = []
_listening = False


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if _listening and event == "open":
        _opened.append(str(arguments[0]))


sys.addaudithook(_hear)


@contextmanager
def files_opened() -> Iterator[list[str]]:
    """Every path that is opened in the block (an audit hook stays for ever, so there is one)."""
    global _listening
    _opened.clear()
    _listening = True
    try:
        yield _opened
    finally:
        _listening = False


def recording(tmp_path: Path, *notes: tuple[str, str], command: list[str] | None = None) -> Path:
    """A golden recording with more notes behind its header, perhaps of another command line."""
    head, _, rest = lzma.decompress(STORY.read_bytes()).partition(b"\n")
    fields = json.loads(head)
    if command is not None:
        fields["command"] = command
    file = tmp_path / "story.rec"
    lines = [json.dumps(fields), *(json.dumps({kind: text}) for kind, text in notes)]
    file.write_bytes("\n".join(lines).encode() + b"\n" + rest)
    return file


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    file = tmp_path / "victim"
    file.write_text("precious\n")
    return file


def test_what_is_asked_behind_the_recorded_loss_of_the_guest_is_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = recording(tmp_path)
    with file.open("a") as story:
        story.write(json.dumps({"command": "stepi"}) + "\n")
    assert main(["replay", str(file), "--batch"]) == 3
    without = capsys.readouterr()
    assert main(["replay", str(file), "--batch", "-ex", "why 1"]) == 3
    asked = capsys.readouterr()
    assert asked.err == without.err
    assert asked.out.startswith(f"{without.out}#1 cpu0 continue at ")


@pytest.mark.parametrize("words", ["{} 3", "{}"])
async def test_no_command_opens_the_file_that_its_arguments_name_in_a_session_without_files(
    victim: Path, words: str
) -> None:
    for row in COMMANDS:
        terminal = Terminal()
        terminal.session.may_use_files = False
        with files_opened() as opened, suppress(GdbError, Quit):
            await terminal.run(f"{row.name} {words.format(victim)}")
        assert str(victim) not in opened, row.name


async def test_the_commands_that_name_files_are_those_that_have_a_row_for_a_session_without_them(victim: Path) -> None:
    opening = set()
    for row in COMMANDS:
        for words in (f"{victim} 3", f"{victim}", f"breakpoints {victim}"):
            terminal = Terminal()
            await terminal.run("break")
            with files_opened() as opened, suppress(GdbError, Quit):
                await terminal.run(f"{row.name} {words}")
            terminal.session.close()
            if str(victim) in opened:
                opening.add(row.name)
    opening |= {"shell", "directory"}  # what the one runs may open anything; the other says where `list` opens
    assert opening == {row.name for row in COMMANDS if row.without_files is not None}


LINES = (
    "record {}",
    "trace {} 1",
    "symbol-file {}",
    "source {}",
    "rec {}",
    "set logging {}",
    "shell echo x >{}",
    "!rm {}",
)


@pytest.mark.parametrize("line", [*LINES, "save breakpoints {}"])
def test_a_recorded_command_leaves_a_file_of_this_machine_as_it_is(
    tmp_path: Path, victim: Path, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = recording(tmp_path, ("command", line.format(victim)))
    with files_opened() as opened:
        main(["replay", "--batch", str(file)])
    assert str(victim) not in opened
    assert victim.read_text() == "precious\n"
    assert "Traceback" not in capsys.readouterr().err


def test_what_the_recorded_command_line_names_is_neither_read_nor_run(tmp_path: Path, victim: Path) -> None:
    command = ["attach", "unix:x", "--symbols", str(victim), "--record", str(victim), "-x", str(victim), "--batch"]
    file = recording(tmp_path, command=command)
    with files_opened() as opened:
        assert main(["replay", "--batch", str(file), "--symbols", str(DEMO_IMAGE)]) == 0
    assert str(victim) not in opened


def test_the_user_may_let_a_recording_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = recording(tmp_path, ("command", f"record {tmp_path / 'stops.jsonl'}")), tmp_path / "stops.jsonl"
    assert main(["replay", "--batch", str(file), "--allow-files", "--symbols", str(DEMO_IMAGE)]) == 0
    rows = [json.loads(line)["kind"] for line in out.read_text().splitlines()]
    assert (rows[0], rows[-1]) == ("header", "end")
    assert len(rows) > 2


@pytest.mark.parametrize(
    "command", [["--version"], ["attach", "--help"], ["attach", "--no\x1b[2Jsuch"], ["\x1b]2;x\x07"]]
)
def test_a_recorded_command_line_that_is_none_is_one_sentence(
    tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", "--batch", str(recording(tmp_path, command=command))]) == 3
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert said.err.rstrip("\n").isprintable()


@pytest.mark.parametrize("note", [("lidt", "zz"), ("lidt-sure", "0x1 -"), ("symbol", "main"), ("dom0", "[1]")])
def test_a_note_that_cannot_be_read_is_one_sentence(
    tmp_path: Path, note: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", "--batch", str(recording(tmp_path, note)), "--symbols", str(DEMO_IMAGE)]) == 3
    assert capsys.readouterr().err.count("\n") == 1


async def test_the_symbols_that_a_session_used_are_enough_to_say_the_same_again(tmp_path: Path) -> None:
    lines = ("x/4i $pc", "break function", "info symbol 0x1003", "p &function", "info symbol 0x10", "bt")
    whole = caller_symbols(tmp_path)
    notes: list[str] = []
    whole.on_use = lambda symbol: notes.append(symbol.note)
    first = await Terminal(CALLER, whole).run(*lines)

    kept = Symbols()
    kept.learn([Symbol.of_note(note) for note in notes])
    assert notes
    assert len(notes) == len(set(notes))
    assert await Terminal(CALLER, kept).run(*lines) == first
