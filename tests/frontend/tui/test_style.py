"""Styles use the terminal's own colours, and none where the user wants none."""

from __future__ import annotations

import re

import pytest
from prompt_toolkit.output import ColorDepth

from frontend.commands.setting import THEMES
from frontend.tui.app import color_depth
from frontend.tui.events import Focus, SelectStop, Toggle
from frontend.tui.glyphs import has_utf8, in_ascii
from frontend.tui.panes import HELP, PANES, key_bar, status, text_of, title
from frontend.tui.style import CODE, INTERFACE, make_style
from frontend.tui.update import update
from frontend.tui.view import ViewState
from tests.frontend.drawing import draw, make_app, screen_with
from tests.frontend.stories import events, view


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


@pytest.mark.parametrize("theme", THEMES)
def test_each_theme_has_every_class_and_only_the_terminals_own_colours(theme: str) -> None:
    style = make_style(theme)
    used = {attrs.color for _, attrs in ((name, style.get_attrs_for_style_str(f"class:{name}")) for name in CODE)}
    assert all(colour == "" or str(colour).startswith("ansi") for colour in used)
    assert (used == {""}) == (theme == "none")
    dim = style.get_attrs_for_style_str("class:dim").dim
    assert dim == (theme != "high-contrast")
    assert ("ansiyellow" in used) == (theme == "dark")


def test_what_is_drawn_has_a_form_in_ascii_of_as_many_cells() -> None:
    screen = screen_with(events())
    unicode = draw(make_app(screen, 120, 40))
    screen.ascii = True
    app = make_app(screen, 120, 40)
    screen.ascii = True
    plain = draw(app)
    assert "\n".join(plain).isascii()
    assert [len(row) for row in plain] == [len(row) for row in unicode]
    assert "?" not in "".join(plain).replace("? ", "")
    assert in_ascii("größer ●") == "gr??er *"


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, True),
        ({"LANG": "de_DE.UTF-8"}, True),
        ({"LC_ALL": "C"}, False),
        ({"LC_ALL": "C.utf8", "LANG": "C"}, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, False),
        ({"LANG": "en_US.ISO-8859-1"}, False),
    ],
)
def test_the_locale_says_whether_there_is_utf8(environment: dict[str, str], said: bool) -> None:
    assert has_utf8(environment) is said


@pytest.mark.parametrize(
    ("value", "depth"), [("1", ColorDepth.DEPTH_1_BIT), (None, ColorDepth.DEPTH_4_BIT)], ids=["NO_COLOR", "usual"]
)
def test_no_color_leaves_attributes_only(monkeypatch: pytest.MonkeyPatch, value: str | None, depth: ColorDepth) -> None:
    monkeypatch.delenv("PROMPT_TOOLKIT_COLOR_DEPTH", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    if value is not None:
        monkeypatch.setenv("NO_COLOR", value)

    assert color_depth() == depth


@pytest.mark.parametrize("looked_at", [None, 2], ids=["newest", "looking back"])
def test_a_row_that_stands_out_has_one_style_from_end_to_end(looked_at: int | None) -> None:
    """A colour within a reversed row would be a block, and a block in front of the code a breakpoint."""
    state = update(update(view(), SelectStop(looked_at)), Toggle("handler"))
    (stop,) = [row for row in PANES["stops"].render(state, 80, 20).lines if row[0].style == "class:selected"]
    assert {part.style for part in stop} == {"class:selected"}
    assert state.state is not None
    here = "class:code.here" if looked_at is None else "class:code.past"
    (row,) = [row for row in PANES["code"].render(state, 80, 60).lines if here in row[0].style]
    assert {part.style for part in row} == {here}
    assert f"{state.state.pc:x}" in text_of(row)


def test_the_style_of_breakpoints_is_where_breakpoints_are() -> None:
    rows = PANES["code"].render(update(view(), SelectStop(1)), 80, 60).lines
    marked = [text_of(row) for row in rows if any(part.style == "class:code.breakpoint" for part in row)]
    assert [row[0] for row in marked] == ["●"]
