"""`dr6 show`, `dr6 diff` and `dr6 explain --trace` on traces of every format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from frontend.cli.parser import main
from gdbstub.trace import Row, end_line, header_line, row
from tests.fakes.records import step_record
from tests.gdbstub.trace.traces import BACKEND, STARTED, write_all


@pytest.fixture(params=["t.jsonl", "t.jsonl.zst", "t.parquet"])
def trace(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    path = tmp_path / str(request.param)
    write_all(path)
    return str(path)


def edited(path: Path, *changes: tuple[int, str, object]) -> str:
    """The trace of `write_all` with other values at the top of some rows."""
    write_all(path)
    lines = path.read_text().splitlines()
    for number, key, value in changes:
        row = json.loads(lines[number + 1])
        lines[number + 1] = json.dumps(row | {key: value})
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_show_has_all_of_a_row_and_marks_what_changed(trace: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", trace, "5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "#5 cpu0 #DB at handler 0x100149  0x10041b  int1  [icebp/guest]"
    assert "  contradiction: DR6.B0 is set but DR7 does not enable slot 0" in lines
    assert "frame  rip 0x10041c  cs 0x8  rflags 0x10002  rsp 0x200000  ss 0x10" in lines
    assert any(line.startswith("*rax") for line in lines)
    assert " dr6  0xffff0ff0" in lines


def test_show_leaves_out_what_an_event_has_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The DR6 of an exit that a guest's event is not, and the names of flags where none is set."""
    unknown: dict[str, object] = {"value": None, "provenance": "unknown"}
    path = edited(tmp_path / "t.jsonl", (5, "exit_dr6", unknown), (5, "regs", {"rip": "0x1000", "rflags": "0x2"}))
    assert main(["show", path, "5"]) == 0
    shown = capsys.readouterr().out
    assert ("DR6 of the exit" in shown, "rflags:" in shown, "rflags " in shown) == (False, False, True)
    path = edited(tmp_path / "s.jsonl", (4, "exit_dr6", unknown), (4, "regs", {"rip": "0x1000", "rflags": "0x42"}))
    assert main(["show", path, "4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {"  DR6 of the exit: unknown", "  rflags: ZF"} <= set(lines)


def test_show_has_the_memory_that_an_instruction_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_all(tmp_path / "t.parquet")
    assert main(["show", str(tmp_path / "t.parquet"), "4"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["memory", "  wrote 8 bytes at 0x5000: 0x3"]


def test_a_row_that_is_not_there_is_one_sentence(trace: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", trace, "99"]) == 1
    assert capsys.readouterr().err == f"dr6: {trace} has no row 99.\n"
    assert main(["show", trace, "9"]) == 1
    assert capsys.readouterr().err == f"dr6: {trace} has no row 9; its last one is 8.\n"
    assert main(["explain", "--trace", trace, "--row", "99"]) == 1


def test_a_row_that_was_explained_says_so_again(trace: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--trace", trace, "--row", "5"]) == 0
    assert "  icebp · guest · trap · certain" in capsys.readouterr().out.splitlines()
    assert main(["explain", "--trace", trace, "--row", "5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["causes"][0]["cause"] == "icebp"


def insn(number: int, dr6: str, address: int, code: str, text: str, pc: int) -> Row:
    debug = {"dr0": "0x0", "dr1": "0x0", "dr2": "0x0", "dr3": "0x0", "dr6": dr6, "dr7": "0x400", "source": "log"}
    return {
        "kind": "insn",
        "n": number,
        "cpu": 0,
        "pc": hex(pc),
        "mode": 64,
        "insn": {"address": hex(address), "bytes": code, "text": text},
        "regs": {"rip": hex(pc), "rflags": "0x2", "cs": "0x8"},
        "dr": debug,
        "causes": [],
        "contradictions": [],
        "unknowns": [],
        "summary": "ran",
    }


def test_an_instruction_that_ended_with_a_db_is_explained_when_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An engine saw DR6 gain BS over a NOP, and the guest at another place: its handler."""
    rows = [insn(0, "0xffff0ff0", 0x1000, "90", "nop", 0x1001), insn(1, "0xffff4ff0", 0x1001, "90", "nop", 0x2000)]
    head = header_line("x", BACKEND, STARTED, "dr6 0.2.0")
    lines = [head, *map(json.dumps, rows), end_line("steps", 0, 0, 1.0, insns=2)]
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(lines) + "\n")
    assert main(["explain", "--trace", str(path), "--row", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["causes"][0]["cause"] == "single-step"
    rows[1]["dr"]["dr6"] = "0xffff0ff0"
    path.write_text("\n".join([head, *map(json.dumps, rows)]) + "\n")
    assert main(["explain", "--trace", str(path), "--row", "1"]) == 0
    said = capsys.readouterr().out
    assert "nothing here shows a #DB" in said
    assert "would not show" in said
    assert main(["explain", "--trace", str(path), "--row", "0"]) == 1


@pytest.mark.parametrize("pc", [0x1004, 0x2000])
def test_a_mov_to_dr6_that_goes_on_is_not_taken_for_a_db(
    pc: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It sets BS as a #DB would; only where the guest is then at another place was it one."""
    rows = [
        insn(0, "0xffff0ff0", 0x1000, "90", "nop", 0x1001),
        insn(1, "0xffff4ff0", 0x1001, "0f23f0", "mov dr6, rax", pc),
    ]
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join([header_line("x", BACKEND, STARTED, "dr6 0.2.0"), *map(json.dumps, rows)]) + "\n")
    assert main(["explain", "--trace", str(path), "--row", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [cause["cause"] for cause in found["causes"]] == ([] if pc == 0x1004 else ["single-step"])
    assert ("wrote DR6 itself" in found["summary"]) == (pc == 0x1004)


def test_the_same_trace_in_two_formats_does_not_differ(
    trace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_all(tmp_path / "other.jsonl")
    assert main(["diff", trace, str(tmp_path / "other.jsonl")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "The traces tell the same: 9 rows."


def test_what_differs_is_shown_with_what_it_means(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_all(tmp_path / "a.jsonl")
    odd = ["RF is 0. Known quirk tcg-rep-rf: it is so (measured)."]
    other = edited(tmp_path / "b.jsonl", (1, "pc", "0x100403"), (1, "contradictions", odd), (2, "mode", 32))
    assert main(["diff", str(tmp_path / "a.jsonl"), other]) == 4
    assert capsys.readouterr().out.splitlines()[2:] == [
        "The same until here: 1 row.",
        "- #1 cpu0 step, now at 0x100402  0x100401  nop  [single-step/debugger]",
        "+ #1 cpu0 step, now at 0x100403  0x100401  nop  [single-step/debugger]",
        "  pc: 0x100402, and the second has 0x100403",
        "  the second: RF is 0. Known quirk tcg-rep-rf: it is so (measured).",
        "The same: 7 rows; different: pc in 1 row, mode in 1 row.",
    ]
    assert main(["diff", str(tmp_path / "a.jsonl"), other, "--ignore", "pc,mode"]) == 0
    with pytest.raises(SystemExit):
        main(["diff", str(tmp_path / "a.jsonl"), other, "--ignore", "r/x"])


def test_a_trace_that_was_cut_off_is_compared_as_far_as_it_goes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_all(tmp_path / "a.jsonl")
    text = (tmp_path / "a.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "b.jsonl").write_text("".join(text[:4]))
    assert main(["diff", str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")]) == 4
    out, err = capsys.readouterr()
    assert "the second has ended, and the other goes on." in out
    assert "was cut off" in err


def stepped(path: Path, *addresses: int) -> str:
    """A trace of steps over NOPs at these addresses."""
    one = row(step_record())
    insn: Row = one["insn"]
    rows = [
        json.dumps(one | {"n": number, "insn": insn | {"address": hex(address)}})
        for number, address in enumerate(addresses)
    ]
    head, end = header_line("x", BACKEND, STARTED, "dr6 0.2.0"), end_line("steps", len(rows), 0, 1.0)
    path.write_text("\n".join([head, *rows, end]) + "\n")
    return str(path)


@pytest.mark.parametrize(
    ("left", "right", "said", "total"),
    [
        (
            (1, 2, 3, 4, 5),
            (1, 3, 4, 5),
            "  1 row and 0 rows until both go on alike.",
            "The same: 4 rows; 1 stretch is not in both.",
        ),
        (
            (1, 2, 3, 4, 5, 6, 8, 10, 11),
            (1, 3, 4, 5, 6, 10, 11),
            "  1 row and 0 rows until both go on alike.",
            "The same: 7 rows; 2 stretches are not in both.",
        ),
        (
            (1, 8),
            (1, 9),
            "  Too few rows are left to tell whether they meet again: that takes 4 rows that are alike, or fewer up to "
            "both ends.",
            "The same: 1 row; the rest is not compared.",
        ),
        (
            (1, *range(20, 30)),
            (1, *range(40, 50)),
            "  They do not meet again before they end.",
            "The same: 1 row; the rest is not compared.",
        ),
        (
            (1, 2),
            (1, 2, 3),
            "  the first has ended, and the other goes on.",
            "The same: 2 rows; one ends before the other.",
        ),
    ],
)
def test_where_traces_part_is_said_in_a_sentence_that_is_true_and_summed_up_in_another(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    left: tuple[int, ...],
    right: tuple[int, ...],
    said: str,
    total: str,
) -> None:
    one, other = stepped(tmp_path / "a.jsonl", *left), stepped(tmp_path / "b.jsonl", *right)
    assert main(["diff", one, other]) == 4
    lines = capsys.readouterr().out.splitlines()
    assert said in lines
    assert lines[-1] == total
    assert main(["report", one, "--against", other, "-o", str(tmp_path / "r.html")]) == 0
    told = said.strip() in (tmp_path / "r.html").read_text()
    assert told == said.startswith(("  They", "  Too few"))
