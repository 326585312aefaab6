"""The palette: what a few letters find, and that Enter does it."""

from __future__ import annotations

import pytest

from frontend.commands import COMMANDS
from frontend.tui.events import OpenPalette, Palette
from frontend.tui.keys import KEYS
from frontend.tui.palette import choices, found
from frontend.tui.panes import PANES, text_of
from frontend.tui.panes.palette_list import lines
from frontend.tui.update import update
from frontend.tui.view import PROMPT
from tests.frontend.stories import view
from tests.frontend.tui.test_app import ENTER, User, leave, play

CTRL_P, ESCAPE = "\x10", "\x1b"


def test_every_command_every_key_that_means_something_everywhere_and_every_pane_is_in_it() -> None:
    names = {choice.name for choice in choices()}
    assert names >= {row.name for row in COMMANDS}
    assert names >= {f"pane {pane.title}" for pane in PANES.values()}
    assert {choice.hint for choice in choices()} >= {key.label for key in KEYS if key.where == "everywhere"}


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("watch", "watch"),
        ("brk", "break"),
        ("inf", "info"),
        ("pane mem", "pane memory"),
        ("zoom", "zoom"),
        ("page tables", "translate"),
        ("TRANSL", "translate"),
    ],
)
def test_a_few_letters_find_it(query: str, first: str) -> None:
    assert found(query)[0].name == first


def test_what_nobody_has_finds_nothing_and_says_so() -> None:
    assert found("xyzzyq") == ()
    shown = lines(update(view(), OpenPalette(Palette("xyzzyq"))), 60, 5)
    assert [text_of(line).strip() for line in shown[1:]] == ["nothing matches", "", "", ""]


@pytest.mark.parametrize(("width", "rows"), [(1, 1), (20, 3), (90, 16)])
@pytest.mark.parametrize("at", [0, 5, 10_000])
def test_the_list_keeps_within_its_size_with_the_selected_row_in_sight(width: int, rows: int, at: int) -> None:
    shown = lines(update(view(), OpenPalette(Palette("", at))), width, rows)
    assert len(shown) <= max(rows, 2)
    assert all(sum(len(part.text) for part in line) <= width for line in shown)
    assert any(part.style == "class:selected" for line in shown for part in line)


def test_ctrl_p_finds_types_and_does() -> None:
    async def story(user: User) -> None:
        await user.until(lambda view: len(view.stops) == 1 and not view.working)
        user.type(CTRL_P + "stepone\x7f\x7f\x7f" + "\x1b[B\x1b[A")
        await user.until(lambda view: view.palette is not None and view.palette.query == "step")
        user.type("i" + ENTER)  # stepi takes a number: it is typed
        await user.typed("stepi ")
        user.type(ENTER)
        await user.until(lambda view: len(view.stops) == 2 and not view.working)
        user.type(CTRL_P + "pane why" + ENTER)
        await user.until(lambda view: view.focus == "why" and view.palette is None)
        user.type(CTRL_P)
        await user.until(lambda view: view.palette is not None)
        user.type(ESCAPE)
        await user.until(lambda view: view.palette is None and view.focus == "why")
        user.type(ESCAPE)
        await user.until(lambda view: view.focus == PROMPT)
        await leave(user)

    assert play(story)[0] == 0
