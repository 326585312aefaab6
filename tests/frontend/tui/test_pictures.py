"""The screen and its panes as whole text, at small and large sizes."""

from __future__ import annotations

import pytest

from frontend.tui.events import Toggle
from frontend.tui.panes import PANES
from frontend.tui.view import ViewState
from tests.frontend.drawing import SizedOutput, draw, make_app, screen_with
from tests.frontend.pictures import LARGE, PICTURES, SMALL, golden
from tests.frontend.stories import events, view


@pytest.mark.parametrize("name", PICTURES)
def test_the_picture_is_as_it_was_kept(name: str) -> None:
    assert PICTURES[name]().splitlines() == golden(name).splitlines()


def test_every_pane_has_a_picture_of_each_size() -> None:
    assert set(SMALL) == set(LARGE) == set(PANES)


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (200, 60), (132, 43), (73, 19), (112, 30), (60, 40)])
@pytest.mark.parametrize("view_of", [view, ViewState], ids=["a session", "nothing yet"])
def test_panes_keep_within_any_size(columns: int, rows: int, view_of: type[ViewState]) -> None:
    for pane in PANES.values():
        page = pane.render(view_of(), columns, rows)
        assert len(page.lines) <= rows
        assert all(sum(len(part.text) for part in line) <= columns for line in page.lines), pane.name


@pytest.mark.parametrize("width", range(1, 9))
def test_panes_survive_a_sliver(width: int) -> None:
    for pane in PANES.values():
        for line in pane.render(view(), width, 2).lines:
            assert sum(len(part.text) for part in line) <= width, pane.name


def test_the_screen_follows_the_terminal_when_it_is_resized() -> None:
    app = make_app(screen_with(events()))
    output = app.output
    assert isinstance(output, SizedOutput)

    assert "\n".join(draw(app)) == golden("screen-80x24")
    output.columns, output.rows = 200, 60
    assert "\n".join(draw(app)) == golden("screen-200x60")
    output.columns, output.rows = 80, 24
    assert "\n".join(draw(app)) == golden("screen-80x24")


def test_a_terminal_of_no_use_is_no_crash() -> None:
    for columns, rows in ((1, 1), (10, 3), (20, 5), (300, 4)):
        draw(make_app(screen_with([*events(), Toggle("zoom")]), columns, rows))
