"""What a guest sends can be shown, and only shown."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend.clean import clean, clean_text, console_line, width_of


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain text", "plain text"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b2J", "\\x9b2J"),
        ("a\x00b\x7fc", "a\\x00b\\x7fc"),
        ("\u202eexe.txt", "\\u202eexe.txt"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\udc80", "\\udc80"),
        ("\U000e0041", "\\U000e0041"),
        ("e\u0301", "é"),
        ("x\u0301", "x\\u0301"),
        ("日本", "日本"),
    ],
)
def test_what_cannot_be_printed_is_shown_as_its_code(raw: str, shown: str) -> None:
    assert clean(raw) == shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[1;32mOK\x1b[0m done", "OK done"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]0;title\x1b\\text", "text"),
        ("\x1bc\x1b7reset", "reset"),
        ("10%\r50%", "50%"),
        ("abc\rX", "Xbc"),
        ("abd\bc", "abc"),
        ("\b\bx", "x"),
        ("a\tb", "a       b"),
        ("half \x1b[", "half \\x1b["),
        ("bell\x07", "bell\\x07"),
    ],
)
def test_a_console_line_is_what_stands_there_in_the_end(raw: str, shown: str) -> None:
    assert console_line(raw) == shown


@given(st.text())
def test_no_text_gets_a_control_character_through(raw: str) -> None:
    for shown in (clean(raw), console_line(raw), *clean_text(raw)):
        assert all(unicodedata.category(c)[0] != "C" and unicodedata.category(c) not in ("Zl", "Zp") for c in shown)


def test_lines_are_told_apart_by_line_feeds_only() -> None:
    assert clean_text("one\r\ntwo\n") == ("one", "two")
    assert clean_text("one\n\ntwo\x0bthree") == ("one", "", "two\\x0bthree")
    assert clean_text("") == ("",)


def test_wide_characters_take_two_cells() -> None:
    assert width_of("日本 x") == 6
