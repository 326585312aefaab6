"""``dr6 replay`` of a trace: there and back by commands and keys, and one sentence for what is no trace."""

from __future__ import annotations

from pathlib import Path

import pytest
from prompt_toolkit.input import create_pipe_input

from frontend.cli.parser import main
from frontend.cli.walk_console import WalkConsole
from frontend.symbols import Symbols
from frontend.tui.trace_app import TraceScreen, make_trace_application, run_trace_screen
from gdbstub.trace.walk.walked import WalkedTrace
from tests.frontend.drawing import SizedOutput
from tests.gdbstub.trace.traces import write_all


@pytest.fixture
def console(tmp_path: Path) -> WalkConsole:
    write_all(tmp_path / "t.parquet")
    return WalkConsole(WalkedTrace(tmp_path / "t.parquet"), Symbols(), 80)


STORY = (
    ("goto 3", "#3 cpu0 ran, now at 0x1004  0x1000  nop"),
    ("si", "#4 cpu0 ran, now at 0x1005  0x1000  nop"),
    ("", "#5 cpu0 #DB at handler 0x100149  0x10041b  int1  [icebp/guest]"),
    ("reverse-stepi 2", "#3 cpu0 ran, now at 0x1004  0x1000  nop"),
    ("c", "#5 cpu0 #DB at handler 0x100149  0x10041b  int1  [icebp/guest]"),
    ("written 0x5007", "#4 cpu0 ran, now at 0x1005  0x1000  nop"),
    ("rsi", "#3 cpu0 ran, now at 0x1004  0x1000  nop"),
    ("accessed -f 0x4ff9/8", "#4 cpu0 ran, now at 0x1005  0x1000  nop"),
    ("changed -f made_up", "dr6: $made_up is no register of this row; it has rax."),
    ("search -b nop", "#3 cpu0 ran, now at 0x1004  0x1000  nop"),
    ("advance 0x1000", "#4 cpu0 ran, now at 0x1005  0x1000  nop"),
    ("print $rax + 1", "0x5  (5)"),
    ("print *0x1000", "dr6: A trace has no memory to read; written PLACE and accessed PLACE find who touched it."),
    ("print $rsp", "dr6: $rsp is neither a register of this target nor a variable that was set."),
    ("written 0x6000", "dr6: No row in front of #4 writes 1 byte at 0x6000."),
    ("written 0x6000/0", "dr6: The length is 1 byte at least."),
    ("goto last", "#8 cpu0 step, the guest is gone"),
    ("si", "The trace ends here: shutdown."),
    ("goto 99", "has no row 99; it has 0 to 8."),
    ("flurb", "dr6: flurb is no command of a trace; help lists them."),
    ("re", "dr6: re is ambiguous; it could be reverse-stepi, reverse-continue."),
)


@pytest.mark.parametrize("name", ["t.parquet", "t.jsonl", "t.jsonl.zst"])
def test_commands_go_there_and_back(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_all(tmp_path / name)
    sees_memory = name == "t.parquet"
    for at in range(1, len(STORY) + 1):
        line, expected = STORY[at - 1]
        if not sees_memory and line.startswith(("written", "accessed")):
            expected = "dr6: Nobody saw memory in this trace" if "/0" not in line else expected
        words = [word for said, _ in STORY[:at] for word in ("-ex", said)]
        main(["replay", str(tmp_path / name), "--batch", *words])
        captured = capsys.readouterr()
        text = captured.err if expected.startswith("dr6:") or "no row 99" in expected else captured.out
        if sees_memory or not any(said.startswith(("written", "accessed")) for said, _ in STORY[:at]):
            assert expected in text.splitlines()[-1]


def test_the_trace_says_whose_it_is_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_all(tmp_path / "t.parquet")
    lines = ("info", "events", "goto 5", "why", "show", "help", "quit 7")
    assert main(["replay", str(tmp_path / "t.parquet"), "--batch", *(w for line in lines for w in ("-ex", line))]) == 7
    said = capsys.readouterr().out
    for expected in (
        "tcp:127.0.0.1:1234, qemu-tcg 7.2.22",
        "rows 0 to 8; ended: shutdown, after 0.50 s",
        "gap at #5: a reason",
        "  #6 cpu? #DB seen in the log",
        "  icebp · guest · trap · certain",
        "frame  rip 0x10041c",
        "written [-f] PLACE[/LEN]",
    ):
        assert expected in said


def test_what_is_no_trace_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "one.parquet").write_bytes(b"PAR1" + bytes(100))
    write_all(tmp_path / "cut.parquet")
    for part in (tmp_path / "cut.parquet" / "rows").rglob("*.parquet"):
        part.write_bytes(part.read_bytes()[:-20])
    (tmp_path / "odd.jsonl").write_text('{"kind":"header"}\n')
    for name, expected in (
        ("empty", "is not a trace of dr6"),
        ("one.parquet", "is one Parquet file"),
        ("cut.parquet", "can't be read (it is damaged)"),
        ("odd.jsonl", "has schema None"),
        ("nothing", "cannot be read: No such file"),
    ):
        assert main(["replay", str(tmp_path / name), "--batch", "-ex", "si"]) in (1, 3)
        captured = capsys.readouterr()
        assert expected in captured.err
        assert "Traceback" not in captured.err
        assert len(captured.err.splitlines()) == 1


def test_keys_walk_and_the_prompt_takes_commands(console: WalkConsole) -> None:
    f7, shift_f7, f9, enter = "\x1b[18~", "\x1b[32~", "\x1b[20~", "\r"
    with create_pipe_input() as pipe:
        pipe.send_text(f7 + f7 + shift_f7 + f9 + "written 0x5000" + enter + "quit 3" + enter)
        assert run_trace_screen(console, ("goto first",), pipe, SizedOutput(80, 24)) == 3
    assert console.at == 4


def test_the_screen_shows_rows_the_row_and_what_a_line_says(console: WalkConsole) -> None:
    screen = TraceScreen(console)
    screen.take("goto 4")
    assert [here for here, _ in screen.rows(5)] == [False, False, True, False, False]
    assert screen.below()[0].startswith("#4 cpu0 ran")
    screen.take("written 0x9999")
    assert screen.message == "No row in front of #4 writes 1 byte at 0x9999."
    screen.take("help")
    assert screen.below()[0].startswith("stepi [N]")
    assert make_trace_application(screen, output=SizedOutput(80, 24)).layout is not None
