"""Which panes stand where, at every size."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend.tui.arrangement import PanePlace, arrange, front, heights, order, visible
from frontend.tui.boxes import Arrangement
from frontend.tui.panes import PANES
from frontend.tui.view import ViewState
from frontend.tui.window import SourceArea, Window
from tests.frontend.stories import view


def shape(arrangement: Arrangement) -> list[list[str]]:
    return [[f"{'+'.join(box.panes)} {box.width}x{box.height}" for box in column] for column in arrangement]


def test_the_small_screen_has_code_why_and_messages_beside_the_registers() -> None:
    assert shape(arrange(view(), 80, 21)) == [
        ["code 54x9", "why+stops+memory+tables+pages 54x8", "messages+output 54x4"],
        ["registers 25x9", "dr+stack+breakpoints+watch+cpus 25x12"],
    ]


def test_the_large_screen_has_a_place_for_every_pane() -> None:
    assert shape(arrange(view(), 200, 57)) == [
        ["code 83x30", "messages 83x17", "output 83x10"],
        ["why 65x37", "stops+memory+tables+pages 65x20"],
        ["registers 50x20", "dr 50x15", "stack 50x15", "breakpoints+watch+cpus 50x7"],
    ]


def test_the_source_stands_above_the_code_or_beside_it() -> None:
    state = replace(view(), windows={n: replace(w, source=SourceArea("a.c", 1, ())) for n, w in view().windows.items()})

    assert shape(arrange(state, 80, 21))[0][0] == "code+source 54x9"
    assert shape(arrange(state, 200, 57))[0][:2] == ["source 83x14", "code 83x23"]


@given(st.integers(1, 400), st.integers(1, 200), st.booleans())
def test_every_arrangement_fills_the_screen_and_holds_every_pane(width: int, rows: int, zoom: bool) -> None:
    state = replace(ViewState(), zoom=zoom)
    arrangement = arrange(state, width, rows)

    assert sum(column[0].width + 1 for column in arrangement) - 1 == width
    assert all(sum(box.height for box in column) == rows for column in arrangement)
    assert all(box.height > 0 and box.width > 0 for column in arrangement for box in column)
    assert zoom or sorted(order(arrangement)) == sorted(set(PANES) - {"source"})

    state = replace(state, windows={0: Window(0, source=SourceArea("a.c", 1, None))})
    with_source = arrange(state, width, rows)
    assert all(sum(box.height for box in column) == rows for column in with_source)
    assert all(box.height > 0 and box.width > 0 for column in with_source for box in column)
    assert zoom or sorted(order(with_source)) == sorted(PANES)


def test_a_zoomed_pane_is_alone() -> None:
    state = replace(view(), zoom=True)

    assert shape(arrange(state, 80, 21)) == [["messages 80x21"]]
    assert shape(arrange(replace(state, focus="why"), 80, 21)) == [["why 80x21"]]


def test_the_front_pane_is_the_one_shown_last() -> None:
    state = replace(ViewState(), front=("stack", "output", "dr"))

    assert front(state, ("registers", "dr", "stack")) == "stack"
    assert front(state, ("code",)) == "code"
    assert visible(state, arrange(state, 80, 21)) == ("code", "why", "output", "registers", "stack")


@pytest.mark.parametrize(
    ("places", "rows", "sizes"),
    [
        ((PanePlace(("a",), 5), PanePlace(("b",), 5)), 20, [10, 10]),
        ((PanePlace(("a",), 5, 3), PanePlace(("b",), 5, 1)), 30, [20, 10]),
        ((PanePlace(("a",), 5, 3, 8), PanePlace(("b",), 5, 1)), 30, [8, 22]),
        ((PanePlace(("a",), 5, 1, 5), PanePlace(("b",), 5, 1, 5)), 12, [5, 7]),
        ((PanePlace(("a",), 5), PanePlace(("b",), 5)), 11, [6, 5]),
    ],
)
def test_rows_are_shared_by_weight_up_to_the_most_of_each(
    places: tuple[PanePlace, ...], rows: int, sizes: list[int]
) -> None:
    assert heights(places, rows) == sizes
