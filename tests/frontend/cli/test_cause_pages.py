"""`dr6 explain --cause` and `--list-causes`: text within the width, JSON, and names that are none."""

from __future__ import annotations

import json

import pytest

from frontend.cli.cause_pages import overview, page
from gdbstub.explain.explanation import CauseName
from gdbstub.explain.reference.causes import CAUSES, NAMES
from gdbstub.explain.reference.page import paragraphs
from tests.frontend.cli.test_explain import run


def test_the_list_has_each_cause_with_its_class_and_fits_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--list-causes") == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == list(NAMES)
    assert lines[0] == "instruction-breakpoint  fault   The instruction that DRn points to was about to"
    assert "exception               varies  The guest stands" in said.out
    assert said.err == ""


def test_a_page_has_the_sentence_first_and_the_sources_last(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--cause", "icebp") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "icebp: INT1 (opcode F1, ICEBP) ran: a #DB that software asks for."
    assert lines[1:3] == ["", "Class: trap"]
    assert "Not to be confused with software-interrupt" in lines
    assert lines[-3].startswith("Sources: SDM 3B 18.2.3; ")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_page_keeps_to_the_width_and_loses_no_word(name: CauseName, columns: int) -> None:
    lines = page(name, columns)
    longest_word = max(len(word) for line in lines for word in line.split())
    assert max(map(len, lines)) <= max(columns, longest_word + len("Sources: "))
    said = " ".join(" ".join(lines).split())
    for title, text in paragraphs(CAUSES[name]):
        assert f"{title} {text}" in said


def test_the_list_can_be_narrow() -> None:
    assert all(len(line) <= 60 for line in overview(60))


def test_the_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--list-causes", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["causes"]
    assert [row["cause"] for row in rows] == list(NAMES)
    assert all(row.keys() == {"cause", "classes", "definition"} for row in rows)


def test_a_page_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--cause", "Single_Step", "--json") == 0
    row = json.loads(capsys.readouterr().out)
    assert row["cause"] == "single-step"
    assert row["platforms"]["QEMU TCG"].startswith("7.2 puts the trap after STI off by one")


@pytest.mark.parametrize("json_too", [(), ("--json",)])
def test_a_name_that_is_none_is_one_sentence_and_exit_code_2(
    json_too: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--cause", "step\x1b[2J", *json_too) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "\x1b" not in said.err
    assert run("--cause", "step", *json_too) == 2
    assert capsys.readouterr().err == ("dr6 explain: there is no cause 'step'; near names: single-step, branch-step.\n")


@pytest.mark.parametrize("arguments", [("--cause", "rtm"), ("--list-causes",)])
def test_a_page_takes_no_registers(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments, "--rip", "1") == 2
    assert "--rip goes with --dr6.\n" in capsys.readouterr().err
