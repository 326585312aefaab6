"""``dr6 serve --history N``: how many stops the debugger keeps."""

from __future__ import annotations

from typing import Any

import pytest

from frontend.cli import guarded, serve
from frontend.cli.connect import TargetOptions
from frontend.cli.parser import main
from gdbstub.debugger.options import DebuggerOptions


@pytest.mark.parametrize(("words", "kept"), [((), 10_000), (("--history", "3"), 3)])
def test_it_comes_to_the_target(words: tuple[str, ...], kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[TargetOptions] = []

    def run(serving: Any, connection: TargetOptions, interrupts: Any) -> int:
        seen.append(connection)
        return 0

    monkeypatch.setattr(serve, "run", run)
    monkeypatch.setattr(guarded, "run_headless", lambda work: work(None))
    assert main(("serve", "unix:stub", "--listen", "unix:clients", *words)) == 0
    assert [one.history for one in seen] == [kept]
    assert DebuggerOptions().history == 10_000, "as the help says"


@pytest.mark.parametrize("number", ["0", "-1", "many"])
def test_none_is_no_number_of_stops(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(("serve", "unix:stub", "--listen", "unix:clients", "--history", number))
    assert "argument --history" in capsys.readouterr().err
