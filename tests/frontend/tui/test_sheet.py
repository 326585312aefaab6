"""A long answer lies over the panes, as large as its text; it goes with Escape, and can be copied."""

from __future__ import annotations

import base64
import io
from functools import partial
from pathlib import Path

import pytest
from prompt_toolkit.data_structures import Size
from prompt_toolkit.output.vt100 import Vt100_Output

from frontend.tui.app import MOST_COPIED, copy
from frontend.tui.controls import Screen
from frontend.tui.events import Focus, Printed, Submitted
from tests.frontend.drawing import draw, make_app, screen_with
from tests.frontend.stories import events


def asked(lines: int, line: str = "info registers") -> Screen:
    screen = screen_with([*events(), Submitted(line), *(Printed(f"row {n}") for n in range(lines))])
    screen.answered(line)
    return screen


def test_an_answer_that_fits_its_pane_is_no_sheet() -> None:
    assert asked(3).view.sheet is None


def test_a_longer_one_is_as_large_as_its_text_and_goes_with_the_next_command() -> None:
    screen = asked(9)
    drawn = draw(make_app(screen))
    (top,) = [n for n, row in enumerate(drawn) if "info registers" in row and "Esc closes" in row]
    assert [row.split()[1] for row in drawn[top + 1 : 22]] == [str(n) for n in range(9)]
    assert any("4 why" in row for row in drawn[:top]), "what it need not cover is seen"
    screen.dispatch(Submitted("p 1"))
    assert screen.view.sheet is None


def test_one_that_is_longer_than_the_screen_is_scrolled() -> None:
    screen = asked(100)
    assert "row 0" in "\n".join(draw(make_app(screen)))
    for _ in range(9):
        screen.scroll(pages=1)
    assert "row 99" in "\n".join(draw(make_app(screen)))
    screen.close_sheet()
    assert "row 50" not in "\n".join(draw(make_app(screen)))


@pytest.mark.parametrize(
    ("lines", "focus", "begins", "ends"),
    [(9, "prompt", "row 0", "row 8"), (2, "prompt", "row 0", "row 1"), (9, "stops", "#  cpu", "INT1 · int1")],
)
def test_the_answer_or_the_pane_with_the_keys_is_copied(lines: int, focus: str, begins: str, ends: str) -> None:
    screen, copied = asked(lines), []
    screen.on_copy = lambda text: copied.append(text) or "done"  # type: ignore[func-returns-value]  # a note of the call
    screen.dispatch(Focus(focus))
    screen.copy()
    (text,) = copied
    assert text.startswith(begins)
    assert text.endswith(ends)
    assert "done" in screen.view.messages[-1].text


def test_a_second_copy_is_of_the_same_answer_and_one_without_text_is_said() -> None:
    screen, copied = asked(2), []
    screen.on_copy = lambda text: copied.append(text) or "done"  # type: ignore[func-returns-value]  # a note of the call
    screen.copy()
    screen.copy()
    assert copied == ["row 0\nrow 1"] * 2
    screen.dispatch(Submitted("stops all"))
    for _ in range(2):
        screen.copy()
        assert screen.view.messages[-1].text == "Nothing is copied: the last answer has no text."
    assert len(copied) == 2


def test_what_is_copied_goes_to_the_terminal_and_into_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    wire = io.StringIO()
    app = make_app(screen_with(events()))
    app.output = Vt100_Output(wire, partial(Size, 24, 80), term="xterm")

    assert "also in" in copy(app, "rip 0x1000")
    assert wire.getvalue() == f"\x1b]52;c;{base64.b64encode(b'rip 0x1000').decode()}\x07"
    assert (tmp_path / "dr6" / "copied").read_text() == "rip 0x1000"
    assert "too many" in copy(app, "x" * MOST_COPIED)
    assert wire.getvalue().count("]52;") == 1

    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    assert "alone" in copy(app, "short")
