"""`dr6 explain`: arguments, files, text and JSON, and exit codes."""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from frontend.cli import explain as command
from tests.fakes import oopses


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser(prog="dr6 explain")
    command.add_arguments(parser)
    try:
        return command.run(parser.parse_args(arguments), arguments)
    except SystemExit as left:
        return int(left.code or 0)


def test_dr6_alone_says_what_its_bits_can_mean(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--dr6", "0xffff4ff0") == 0
    said = capsys.readouterr()
    assert said.out == (
        "possibly single-step\n"
        "\n"
        "single-step, owner unknown, trap, possible\n"
        "  because DR6.BS is set\n"
        "\n"
        "DR6 of the guest: 0xffff4ff0; set by this event or before it: BS\n"
        "\n"
        "Not known:\n"
        "  exception frame: not given\n"
        "  DR6 before the event: not given\n"
        "  DEBUGCTL before the event: not given\n"
        "\n"
        "Sources: SDM 3B 18.3.1.4\n"
    )
    assert said.err == ""


def test_more_registers_make_it_surer(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = "--dr6 0xffff4ff4 --before-dr6 0xffff0ff0 --dr7 0x420 --dr2 0x1002 --rip 0x1002 --rflags 0x102 --cs 8"
    further = "--code 0x1000:909090 --debugctl 0 --mode 64 --vendor intel --backend qemu-tcg --cr4 8 --json"
    assert run(*arguments.split(), *further.split()) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [(row["cause"], row["owner"], row["confidence"]) for row in answer["causes"]] == [
        ("single-step", "guest", "certain"),
        ("instruction-breakpoint", "guest", "certain"),
    ]


def test_a_32_bit_guest_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--dr6=0xffff0ff1", "--dr7=0x401", "--dr0=0x1000", "--rip=0x1000", "--mode=32") == 0
    assert "instruction-breakpoint (DR0), of the guest, fault, likely" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "one of the arguments --dr6 --evidence --oops --trace --cause --list-causes is required"),
        (("--dr6", "zz"), "'zz' is not a number like 0xffff4ff0"),
        (("--dr6", "-1"), "is not in the range of 64 bits"),
        (("--dr6", "0x10000000000000000"), "is not in the range of 64 bits"),
        (("--dr6", "1", "--mode", "48"), "invalid choice"),
        (("--dr6", "1", "--code", "90"), "is not ADDRESS:HEX"),
        (("--dr6", "1", "--code", "1:9"), "is not ADDRESS:HEX"),
        (("--dr6", "1", "--code", "x:90"), "is not a number"),
        (("--dr6", "1", "--evidence", "-"), "not allowed with"),
        (("--evidence", "-", "--before-dr6", "1"), "--before-dr6 goes with --dr6"),
        (("--oops", "-", "--evidence", "-"), "not allowed with"),
        (("--oops", "-", "--dr7", "1"), "--dr7 goes with --dr6"),
        (("--dr6", "1", "--rflags", "1"), "--rflags needs --rip"),
        (("--dr6", "1", "--rip", "1", "--cs", "1"), "--cs needs --rip and --rflags"),
    ],
)
def test_bad_usage_is_exit_code_2(arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.out == ""


EVIDENCE = '{"action":"step","reply":"T05","mode":64,"before":{"rip":"0x1","bytes":"90"},"after":{"rip":"0x2"}}'


def test_evidence_comes_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "stop.json"
    file.write_text(EVIDENCE)
    assert run("--evidence", str(file)) == 0
    assert capsys.readouterr().out.startswith("single-step by the debugger over `nop`\n")


def test_evidence_comes_from_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(EVIDENCE.encode())))
    assert run("--evidence", "-", "--json") == 0
    assert json.loads(capsys.readouterr().out)["causes"][0]["confidence"] == "certain"


def test_the_text_keeps_to_80_columns_and_tells_what_the_guest_saw(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = "--dr6 0xffff4ff6 --dr7 0xd0040a --dr1 0x5000 --rip 0x1003 --rflags 0x102 --code 0x1000:488903"
    assert run(*arguments.split()) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "Frame of the guest: RIP 0x1003, RFLAGS 0x102 (TF 1, RF 0)" in lines


def test_without_cs_no_privilege_level_is_made_up(capsys: pytest.CaptureFixture[str]) -> None:
    """A bus lock at CPL 0 would be a contradiction."""
    registers = "--dr6 0xffff07f0 --before-dr6 0xffff0ff0 --rip 0x1004 --rflags 2"
    lock = (*registers.split(), "--code", "0x1000:f00fc103", "--mode", "64")
    assert run(*lock) == 0
    said = capsys.readouterr().out
    assert "Contradictions" not in said
    assert "exception frame: not whole without --cs" in said
    assert run(*lock, "--cs", "0x33") == 0
    assert "bus-lock, of the guest, trap, likely" in capsys.readouterr().out
    assert run(*lock, "--cs", "0x33", "--debugctl", "4") == 0
    assert "bus-lock, of the guest, trap, certain" in capsys.readouterr().out
    assert run(*lock, "--cs", "8") == 0
    assert "Contradictions" in capsys.readouterr().out


def test_control_characters_of_the_evidence_never_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "stop.json"
    file.write_text('{"action": "step", "reply": "W\\u001b["}')
    assert run("--evidence", str(file)) == 0
    assert 'stop reply: "W\\x1b[" is none' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is not JSON (line 1, column 1)"),
        (b"{\n  ]", "is not JSON (line 2, column 3)"),
        (b"\xff\xfe\x00", "is not JSON (not text"),
        (b"[" * 100_000, "is not JSON (nested too deeply)"),
        (b'{"mode": ' + b"9" * 5000 + b"}", "is not JSON (not text, or a number too long)"),
        (b"[]", "is no evidence: The evidence has to be an object, not a list."),
        (b'{"after": {"dr6": NaN}}', "not a fraction (nan)"),
        (b" " * ((16 << 20) + 1), "larger than 16 MiB"),
    ],
)
def test_a_file_that_is_no_evidence_is_exit_code_1(
    data: bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bad.json"
    file.write_bytes(data)
    assert run("--evidence", str(file)) == 1
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_a_file_that_is_not_there_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--evidence", str(tmp_path / "none")) == 1
    assert "No such file or directory" in capsys.readouterr().err
    assert run("--evidence", str(tmp_path)) == 1
    assert "Is a directory" in capsys.readouterr().err


def test_importing_the_command_loads_nothing_heavy() -> None:
    code = (
        "import sys, frontend.cli.explain; print([m for m in ('capstone', 'trio', 'gdbstub.x86') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_oops_comes_from_a_file_with_the_address_of_its_rip(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "dmesg"
    file.write_text(oopses.GENERAL_PROTECTION)
    assert run("--oops", str(file), "--rip", "0xffffffff8100205e", "--vendor", "intel", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["summary"].startswith("#GP general protection at `mov rax, qword ptr [rbx]` (0xffffffff8100205e)")
    assert answer["causes"][0]["confidence"] == "likely"


def test_an_oops_comes_from_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(oopses.DRS.encode())))
    assert run("--oops", "-") == 0
    said = capsys.readouterr().out
    assert said.startswith("possibly DR0 write watch hit")
    assert "DR6 of the guest: 0xffff0ff1; set by this event or before it: B0" in said


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"hello \x1b[2J\x00\xff", "is no oops of Linux's: no line like 'RIP: 0010:\u2026'"),
        (b"RIP: 0010:0x10\n" * (1 << 17), "is larger than 1 MiB"),
    ],
)
def test_what_is_no_oops_is_one_sentence(
    data: bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "text"
    file.write_bytes(data)
    assert run("--oops", str(file)) == 1
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert words in said.err


def test_a_missing_oops_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--oops", str(tmp_path / "none")) == 1
    assert "name the text of an oops or -" in capsys.readouterr().err


def test_what_an_oops_says_is_cleaned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "text"
    file.write_text("RIP: 0010:evil\x1b[2J\u202e+0x1/0x2\n")
    assert run("--oops", str(file)) == 0
    said = capsys.readouterr().out
    assert "evil" in said
    assert "\x1b" not in said
    assert "\u202e" not in said
