"""A slice of the faults: sick stubs, changed files and signals. All of them: ``make lab-faults``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.table import SLICE, words
from tests.faults.verdict import run, run_on_terminal, sick


@pytest.mark.slow
@pytest.mark.parametrize(("use", "sickness"), SLICE)
def test_a_sick_stub_is_a_sentence_and_no_terminal_obeys_it(use: str, sickness: str, tmp_path: Path) -> None:
    with sick(sickness, tmp_path) as target:
        ended = run(*words(use, target))
    assert ended.faults == [], ended


@pytest.mark.slow
@pytest.mark.parametrize("use", ["commands", "trace-text"])
def test_on_a_terminal_nothing_but_progress_commands_it(use: str, tmp_path: Path) -> None:
    with sick("step-error-evil", tmp_path) as target:
        ended = run_on_terminal(words(use, target))
    assert "evil" in ended.out
    assert ended.faults == [], ended
