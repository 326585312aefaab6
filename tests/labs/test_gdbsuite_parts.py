"""What the lab of gdb's testsuite makes of its results; the lab itself is `make lab-gdbsuite`."""

from __future__ import annotations

import re

import pytest

from tests.labs.gdbsuite import KNOWN, compare, results_of
from tests.labs.gdbsuite_stub import Words, goes_between, parse

SUM = """\
Running gdb.base/break.exp ...
PASS: gdb.base/break.exp: run
PASS: gdb.base/break.exp: next
FAIL: gdb.base/break.exp: step
"""


def test_equal_results_are_no_difference() -> None:
    assert compare(results_of(SUM), results_of(SUM)) == []


def test_a_verdict_that_is_worse_and_a_test_that_was_not_come_to_are_told() -> None:
    worse = SUM.replace("PASS: gdb.base/break.exp: next\n", "").replace("PASS: gdb.base/break.exp: run", "FAIL: a: run")
    assert compare(results_of(SUM), results_of(worse)) == [
        "FAIL: a: run",
        "missing: gdb.base/break.exp: next",
        "missing: gdb.base/break.exp: run",
    ]


def test_what_fails_directly_may_pass_through_dr6() -> None:
    assert compare(results_of(SUM), results_of(SUM.replace("FAIL", "PASS"))) == []


@pytest.mark.parametrize("form", KNOWN)
def test_what_is_known_to_differ_is_a_pattern_of_one_file(form: str) -> None:
    assert re.compile(form)
    assert form.startswith("gdb.")


def test_the_stand_in_reads_gdbservers_command_line() -> None:
    words = parse(["--once", "--wrapper", "env", "A=1", "--", "localhost:2345", "./a.out", "--b"])
    assert words == Words(["--once", "--wrapper", "env", "A=1", "--"], "localhost:2345", ["./a.out", "--b"])
    assert goes_between(words)
    assert not goes_between(parse(["--multi", "localhost:2345"]))
    assert not goes_between(parse(["-", "./a.out"]))
