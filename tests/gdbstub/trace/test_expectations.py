"""What is expected of a trace: which rows fit, how many, in which order, and files that say it wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest

from gdbstub.trace import Row, TraceError, row
from gdbstub.trace.expectations import Expectations, expectations, places, read_file
from tests.fakes.records import event_record, step_record

ROWS: list[Row] = [row(step_record(0)), row(step_record(1)), row(event_record(2)), row(step_record(3))]


def expected(tmp_path: Path, text: str, rows: list[Row] = ROWS) -> Expectations:
    path = tmp_path / "e.toml"
    path.write_text(text)
    data = read_file(str(path))
    found = expectations(data, str(path), {"ev_int1": 0x10041B, "next": 0x10041C})
    assert set(places(data, str(path))) <= {"ev_int1", "next"}
    for one in [*rows, {"kind": "gap", "from": 4, "why": "x"}]:
        found.take(one)
    return found


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ('at = "ev_int1"', True),
        ("at = 0x10041c", False),
        ('cause = "icebp"', True),
        ('cause = "icebp"\nowner = "debugger"', False),
        ('owner = "hypervisor"', False),
        ('vector = "db"', True),
        ("vector = 3", False),
        ("dr6 = 0xffff0ff0", True),
        ('dr6 = "0xffff4ff0"', False),
        ("dr6 = []", True),
        ('dr6 = ["BS"]', False),
        ('rip = "next"', True),
        ("rip = 7", False),
        ('kind = "event"', True),
        ('kind = "insn"', False),
        ('cause = "single-step"\ncount = 3', True),
        ('cause = "single-step"\ncount = 2', False),
        ('cause = "single-step"\ncount = "2+"', True),
        ('cause = "single-step"\ncount = "1-2"', False),
        ('cause = "general-detect"\ncount = 0', True),
    ],
)
def test_a_row_fits_where_all_that_is_said_of_it_holds(tmp_path: Path, text: str, met: bool) -> None:
    (found,) = expected(tmp_path, f"[[expect]]\n{text}").rows
    assert found.is_met is met


def test_in_order_one_counts_only_once_those_before_it_are_met(tmp_path: Path) -> None:
    text = '[[expect]]\ncause = "icebp"\n[[expect]]\ncause = "single-step"\ncount = 1'
    assert [one.seen for one in expected(tmp_path, text).rows] == [1, 3]
    assert [one.seen for one in expected(tmp_path, f"order = true\n{text}").rows] == [1, 1]
    assert expected(tmp_path, f"order = true\n{text}", ROWS[:2]).missed != []


def test_what_was_seen_at_the_place_is_kept(tmp_path: Path) -> None:
    (found,) = expected(tmp_path, '[[expect]]\nname = "mine"\nat = "ev_int1"\ncause = "bus-lock"').missed
    assert (found.name, found.counted, [one["n"] for one in found.near]) == ("mine", "at least 1", [2])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[expect", "is not TOML"),
        ("", r"has no \[\[expect\]\]"),
        ("expect = 3", r"has no \[\[expect\]\]"),
        ("colour = 1\n[[expect]]\nat = 1", "has colour; it takes order"),
        ("order = 1\n[[expect]]\nat = 1", "order is true or false"),
        ("[[expect]]\nwhere = 1", "expectation 1: where is none of name, at"),
        ("[[expect]]", "expectation 1 says nothing"),
        ('[[expect]]\nname = "x"', "expectation 1 says nothing"),
        ("[[expect]]\nat = 1.5", "at is an address or a symbol"),
        ("[[expect]]\nat = -1", "at is an address or a symbol"),
        ('[[expect]]\ncause = "magic"', "cause is one of .*icebp"),
        ('[[expect]]\nowner = "me"', "owner is one of"),
        ('[[expect]]\nvector = "xx"', "vector is a number or a name"),
        ('[[expect]]\ndr6 = "x"', "dr6 is a number, or the names"),
        ("[[expect]]\nat = 1\ncount = -1", "count is a number"),
        ('[[expect]]\nat = 1\ncount = "many"', "count is a number"),
    ],
)
def test_a_file_that_says_it_wrongly_is_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(TraceError, match=says) as error:
        expected(tmp_path, text)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(TraceError, match=r"Cannot read /nowhere\.toml: No such file"):
        read_file("/nowhere.toml")
