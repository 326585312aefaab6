"""The question about int3s that an earlier dr6 left."""

from __future__ import annotations

import io

import pytest

from frontend.cli.parser import parse
from frontend.cli.restore import at_terminal


@pytest.mark.parametrize(
    ("typed", "answer"), [("\n", True), ("y\n", True), ("", True), ("n\n", False), (" No\n", False)]
)
async def test_enter_is_a_yes(
    typed: str, answer: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert await at_terminal("Take out 1 int3?\x1b[2J") is answer
    assert "dr6: Take out 1 int3?" in (said := capsys.readouterr().err)
    assert "\x1b" not in said


def test_scripts_decline_by_an_option() -> None:
    for command in ("attach", "trace", "serve"):
        words = (command, "gdbsx:h:1", *(("--listen", ":0") if command == "serve" else ()))
        assert parse((*words, "--keep-int3s")).keep_int3s
        assert not parse(words).keep_int3s
