"""Texts in columns, and how wide they may be."""

from __future__ import annotations

import io
import sys

import pytest

from frontend.cli.columns import listed, titled, width


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_width_is_80_where_standard_output_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "132")
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert width() == 80


@pytest.mark.parametrize(("columns", "wide"), [("132", 132), ("57", 57), ("10", 40)])
def test_the_width_is_that_of_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: str, wide: int) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert width() == wide


def test_columns_are_as_wide_as_their_words_and_the_last_is_wrapped() -> None:
    assert list(listed([("one", "x", "a b c d e f"), ("three", "yy", "g")], 18)) == [
        "one    x   a b c d",
        "           e f",
        "three  yy  g",
    ]


def test_a_title_stands_above_its_text() -> None:
    assert list(titled([("Title", "a b c")], 5)) == ["Title", "  a b", "  c"]
