"""Styles use the terminal's own colours, and none where the user wants none."""

from __future__ import annotations

import re

import pytest
from prompt_toolkit.output import ColorDepth

from frontend.tui.app import color_depth
from frontend.tui.events import Focus, Toggle
from frontend.tui.panes import HELP, PANES, key_bar, status, title
from frontend.tui.style import CODE, INTERFACE, make_style
from frontend.tui.update import update
from frontend.tui.view import ViewState
from tests.frontend.stories import view


def test_only_the_terminals_own_colours_are_named() -> None:
    words = {word for style in (*INTERFACE.values(), *CODE.values()) for word in style.split()}
    colours = {word.removeprefix("fg:").removeprefix("bg:") for word in words} - {
        "bold", "nodim", "dim", "underline", "reverse", "noreverse", "default",
    }  # fmt: skip

    assert all(re.fullmatch("ansi[a-z]+", colour) for colour in colours), colours
    assert make_style().class_names_and_attrs


def classes(state: ViewState) -> set[str]:
    """Every class that a drawing of ``state`` uses."""
    panes = [*PANES.values(), HELP]
    pages = [pane.render(state, width, 60) for pane in panes for width in (25, 80)]
    lines = [line for page in pages for line in page.lines]
    lines += [status(state, 80), key_bar(state, 80)]
    lines += [title(state, panes, panes[0], pages[0], width) for width in (40, 120)]
    return {word.removeprefix("class:") for line in lines for part in line for word in part.style.split()}


def test_every_class_that_panes_use_has_a_style() -> None:
    state = update(update(view(), Focus("code")), Toggle("help"))

    assert classes(state) <= {*INTERFACE, *CODE}


@pytest.mark.parametrize(
    ("value", "depth"), [("1", ColorDepth.DEPTH_1_BIT), (None, ColorDepth.DEPTH_4_BIT)], ids=["NO_COLOR", "usual"]
)
def test_no_color_leaves_attributes_only(monkeypatch: pytest.MonkeyPatch, value: str | None, depth: ColorDepth) -> None:
    monkeypatch.delenv("PROMPT_TOOLKIT_COLOR_DEPTH", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    if value is not None:
        monkeypatch.setenv("NO_COLOR", value)

    assert color_depth() == depth
