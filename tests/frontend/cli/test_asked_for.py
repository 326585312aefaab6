"""The header of a trace keeps what was asked for."""

from __future__ import annotations

import pytest

from frontend.cli.asked_for import asked_for
from frontend.cli.parser import parse
from gdbstub.trace import Row


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("--steps 5", {"engine": "auto", "steps": 5}),
        ("--events", {"engine": "auto", "events": True, "catch": ["db"]}),
        ("--events --catch db,bp --catch 14", {"engine": "auto", "events": True, "catch": ["db", "bp", "14"]}),
        ("--events --break main", {"engine": "auto", "events": True, "break": ["main"]}),
        (
            "--engine log --from start --until *0x10 --keep branches --cpu 0 --seconds 2",
            {"engine": "log", "from": "start", "until": ["*0x10"], "keep": ["branches"], "cpu": 0, "seconds": 2.0},
        ),
    ],
)
def test_what_was_said_is_kept(words: str, asked: Row) -> None:
    assert asked_for(parse(["trace", ":1", *words.split()])) == asked
