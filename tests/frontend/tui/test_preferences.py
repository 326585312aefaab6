"""Panes as the user wants them: hidden, taller, wider, exchanged, by number; remembered."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend.commands.general import LAYOUTS as NUMBERS
from frontend.commands.setting import THEMES
from frontend.tui.arrangement import arrange, order
from frontend.tui.boxes import Arrangement
from frontend.tui.panes import PANES
from frontend.tui.preferences import LAYOUTS, USUAL, Preferences, from_json
from frontend.tui.saved import read_preferences, state_folder, write_preferences
from tests.frontend.drawing import screen_with
from tests.frontend.stories import events, view

NAMES = frozenset(PANES) - {"source"}  # which is there where a line is known
names = st.sampled_from(sorted(PANES))
wishes = st.builds(
    Preferences,
    st.frozensets(names),
    st.dictionaries(names, st.integers(-300, 300), max_size=4),
    st.dictionaries(names, st.integers(-300, 300), max_size=4),
    st.just({}),
    st.sampled_from(THEMES),
)


def arranged(wanted: Preferences, width: int = 120, rows: int = 37) -> Arrangement:
    return arrange(replace(view(), preferences=wanted), width, rows)


def box_of(arrangement: Arrangement, name: str) -> tuple[int, int]:
    ((width, height),) = [(b.width, b.height) for column in arrangement for b in column if name in b.panes]
    return width, height


@given(wishes, st.integers(1, 300), st.integers(1, 120), st.lists(st.tuples(names, names), max_size=4))
def test_whatever_is_wanted_the_screen_is_filled_and_no_pane_is_there_twice(
    wanted: Preferences, width: int, rows: int, exchanged: list[tuple[str, str]]
) -> None:
    for one, other in exchanged:
        wanted = wanted.exchange(one, other)
    found = arranged(wanted, width, rows)

    assert sum(column[0].width + 1 for column in found) - 1 == width
    assert all(sum(box.height for box in column) == rows for column in found)
    assert all(box.height > 0 and box.width > 0 for column in found for box in column)
    shown = order(found)
    assert len(set(shown)) == len(shown)
    assert set(shown) == (NAMES - wanted.hidden or NAMES)
    assert from_json(json.loads(json.dumps(wanted.as_json())), frozenset(PANES)) == wanted


def test_a_hidden_pane_leaves_its_rows_to_the_others_and_its_number_brings_it_back() -> None:
    screen = screen_with(events())
    screen.show_pane("4")
    screen.hide_pane()
    assert "why" not in order(screen.arrangement())
    assert screen.view.focus == "prompt"
    assert "Alt-4 shows it" in screen.view.messages[-1].text
    screen.show_pane("4")
    assert "why" in order(screen.arrangement())
    assert screen.view.focus == "why"


def test_a_pane_gets_rows_and_cells_from_its_neighbours() -> None:
    width, height = box_of(arranged(USUAL), "code")
    wanted = USUAL.resize("code", rows=3, cells=4)
    assert box_of(arranged(wanted), "code") == (width + 4, height + 3)
    assert box_of(arranged(wanted.resize("code", rows=-5, cells=-6)), "code") == (width - 2, height - 2)
    assert box_of(arranged(USUAL.resize("code", rows=900)), "why")[1] == 3, "the others keep a title and two rows"


def test_panes_are_exchanged_and_exchanged_back() -> None:
    screen = screen_with(events())
    screen.size = lambda: (200, 60)
    usual = order(screen.arrangement())
    screen.show_pane("1")
    screen.move_pane(1)
    assert order(screen.arrangement())[:2] == (usual[1], usual[0])
    screen.move_pane(-1)
    assert order(screen.arrangement()) == usual
    assert screen.view.preferences.moved == {}


def test_there_are_layouts_by_number() -> None:
    assert tuple(LAYOUTS) == NUMBERS
    for _, wanted in LAYOUTS.values():
        assert set(order(arranged(wanted))) == NAMES - wanted.hidden


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "dr6" / "layout.json"


def test_how_panes_were_arranged_is_remembered(home: Path) -> None:
    assert read_preferences() == USUAL
    write_preferences(LAYOUTS["2"][1])
    assert read_preferences() == LAYOUTS["2"][1]
    assert state_folder() == home.parent
    assert home.stat().st_mode & 0o77 == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"hidden": ["nonsense"], "taller": {}, "wider": {}, "moved": {}}',
        '{"hidden": [], "taller": {"code": "x"}, "wider": {}, "moved": {}}',
        '{"hidden": [], "taller": {}, "wider": {}, "moved": {"code": "why"}}',
        "[" * 5000,
    ],
)
def test_a_file_that_is_none_of_ours_changes_nothing(home: Path, text: str) -> None:
    home.parent.mkdir(parents=True)
    home.write_text(text)
    assert read_preferences() == USUAL
