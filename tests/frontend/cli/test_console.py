"""The guest's console in a session without a screen, and the progress of a long trace."""

from __future__ import annotations

import io
import sys

import pytest

from frontend.cli.console import LONGEST, Console
from frontend.cli.progress import EVERY, Progress
from gdbstub.debugger.events import Output, Resumed
from tests.fakes.debugger import FakeDebugger


def first_bytes(capsys: pytest.CaptureFixture[str], *notices: Output | Resumed) -> str:
    fake = FakeDebugger()
    Console(fake.as_debugger())
    for notice in notices:
        for listener in fake._listeners:
            listener(notice)
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_lines_come_whole_and_pieces_wait_for_their_end(capsys: pytest.CaptureFixture[str]) -> None:
    said = (
        Output("he", "guest"),
        Resumed(),
        Output("llo\r\nwor", "guest"),
        Output("ld\n\n", "guest"),
        Output("rest", "guest"),
    )
    assert first_bytes(capsys, *said) == "guest: hello\nguest: world\nguest: \n"


def test_messages_of_dr6_are_lines_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    said = (Output("half", "guest"), Output("The IDT changed.", "dr6"), Output(" line\n", "guest"))
    assert first_bytes(capsys, *said) == "The IDT changed.\nguest: half line\n"


def test_nothing_of_the_guest_reaches_the_terminal_as_a_control(capsys: pytest.CaptureFixture[str]) -> None:
    err = first_bytes(capsys, Output("\x1b]0;title\x07\x9b31m\u202e\n", "guest"))
    assert not set(err) & set("\x1b\x07\x9b\u202e")
    assert "31m" in err


def test_a_line_without_end_does_not_grow_for_ever(capsys: pytest.CaptureFixture[str]) -> None:
    err = first_bytes(capsys, *[Output("x" * 3000, "guest")] * 9, Output("\n", "guest"))
    assert len(err) <= LONGEST + len("guest: \n")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch, term: str = "xterm", shown: io.StringIO | None = None) -> io.StringIO:
    """Standard error of a test from here on; a fixture would be too early for pytest's own capture."""
    stream = shown or Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr("frontend.cli.progress.SECONDS", 0.0)
    return stream


def test_the_bar_shows_how_far_it_is_and_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = terminal(monkeypatch)
    with Progress(2 * EVERY) as progress:
        progress.count(EVERY)
    text = stream.getvalue()
    assert f"{'█' * 12}{'░' * 12} {EVERY}/{2 * EVERY}, " in text
    assert text.endswith("\r\x1b[K")
    assert "\n" not in text


def test_without_a_known_end_the_rows_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = terminal(monkeypatch)
    with Progress(None) as progress:
        progress.count(EVERY)
        progress.count(EVERY + 1)  # not a row to look at the clock
    assert stream.getvalue().count(" rows, ") == 1


@pytest.mark.parametrize(("term", "shown"), [("dumb", None), ("xterm", io.StringIO())])
def test_nothing_is_shown_where_nobody_looks(
    monkeypatch: pytest.MonkeyPatch, term: str, shown: io.StringIO | None
) -> None:
    stream = terminal(monkeypatch, term, shown)
    with Progress(EVERY) as progress:
        progress.count(EVERY)
    assert stream.getvalue() == ""
