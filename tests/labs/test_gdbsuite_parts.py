"""What the lab of gdb's testsuite makes of its results; the lab itself is `make lab-gdbsuite`."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

import pytest

from tests.labs.gdbsuite import compare
from tests.labs.gdbsuite_known import KNOWN, Known, known_lines, unknown
from tests.labs.gdbsuite_run import Run, Side, results_of
from tests.labs.gdbsuite_stub import IN_USE, Words, goes_between, listens_at, parse, said

PAGE = (Path(__file__).parents[2] / "docs" / "labs.md").read_text()
SUM = """\
Running gdb.base/break.exp ...
PASS: gdb.base/break.exp: run
PASS: gdb.base/break.exp: next
FAIL: gdb.base/break.exp: step
"""


def both(directly: str, through: str, *, ends: tuple[bool, bool] = (True, True)) -> list[str]:
    return compare({"f.exp": (Run(results_of(directly), ends[0]), Run(results_of(through), ends[1]))})


def test_equal_results_are_no_difference() -> None:
    assert both(SUM, SUM) == []


def test_a_verdict_that_is_worse_and_a_test_that_was_not_come_to_are_told() -> None:
    worse = SUM.replace("PASS: gdb.base/break.exp: next\n", "").replace("PASS: gdb.base/break.exp: run", "FAIL: a: run")
    assert both(SUM, worse) == [
        "FAIL: a: run",
        "missing: gdb.base/break.exp: next",
        "missing: gdb.base/break.exp: run",
    ]


def test_what_fails_directly_may_pass_through_dr6() -> None:
    assert both(SUM, SUM.replace("FAIL", "PASS")) == []


def test_a_file_without_an_end_through_dr6_is_a_difference() -> None:
    assert both(SUM, "", ends=(True, False))[0] == "no end: f.exp: "


def test_a_file_without_an_end_directly_is_compared_as_far_as_both_came() -> None:
    further = "FAIL: gdb.base/break.exp: run (timeout)\nFAIL: gdb.base/break.exp: finish\n"
    assert both(SUM, further, ends=(False, False)) == ["FAIL: gdb.base/break.exp: run (timeout)"]


def test_a_file_that_never_ends_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    runtest = bin_folder / "runtest"
    runtest.write_text("#!/bin/sh\nsetsid sleep 1000 & echo $! >left\nsleep 1000\n")
    runtest.chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_folder}:{os.environ['PATH']}")
    left = tmp_path / "left"
    run = Side(tmp_path, tmp_path / "stub").run("a/b.exp", 1.0)
    assert run == Run(results_of(""), ended=False)
    if left.exists() and (process := Path(f"/proc/{left.read_text().strip()}/cmdline")).exists():
        with contextlib.suppress(OSError):  # it is gone by now
            assert process.read_bytes() == b""  # dead, and nobody asked for its status yet


def test_what_is_known_is_told_with_its_packet_and_the_rest_is_unknown() -> None:
    line = "FAIL: gdb.server/server-mon.exp: monitor"
    assert unknown([line, "FAIL: gdb.base/break.exp: run"]) == ["FAIL: gdb.base/break.exp: run"]
    assert known_lines([line])[0].startswith("1 results differ: qRcmd: ")


@pytest.mark.parametrize("row", KNOWN)
def test_what_is_known_to_differ_is_a_pattern_of_one_file(row: Known) -> None:
    assert re.compile(row.form)
    assert row.form.startswith("gdb.")
    assert f"| `{row.packet}` | {row.why} |" in PAGE


def test_the_stand_in_reads_gdbservers_command_line() -> None:
    words = parse(["--once", "--wrapper", "env", "A=1", "--", "localhost:2345", "./a.out", "--b"])
    assert words == Words(["--once", "--wrapper", "env", "A=1", "--"], "localhost:2345", ["./a.out", "--b"])
    assert goes_between(words)
    assert not goes_between(parse(["--multi", "localhost:2345"]))
    assert not goes_between(parse(["-", "./a.out"]))


@pytest.mark.parametrize(
    ("address", "listen"),
    [
        (":2345", "127.0.0.1:2345"),
        ("localhost:2345", "127.0.0.1:2345"),
        ("tcp:localhost:2345", "127.0.0.1:2345"),
        ("tcp6:::1:2345", "[::1]:2345"),
        ("tcp6:[::1]:2345", "[::1]:2345"),
        ("udp4:127.0.0.1:2345", None),
        ("garbage:1234:2345", None),
        ("-", None),
    ],
)
def test_the_stand_in_listens_where_gdbserver_would_or_leaves_it_to_it(address: str, listen: str | None) -> None:
    assert listens_at(address) == listen


def test_the_stand_in_speaks_as_gdbserver() -> None:
    assert said("dr6: a is served at tcp:127.0.0.1:2345", "127.0.0.1:2345") == "Listening on port 2345\n"
    assert said("dr6: 127.0.0.1:2345 is taken already; choose another port.", "127.0.0.1:2345") == f"{IN_USE}\n"
    assert said("dr6: no such host", "127.0.0.1:2345") == "dr6: no such host"
