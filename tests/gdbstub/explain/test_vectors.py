"""Every vector of the #DB reference gets the answer that is due, or is listed with the reason why it can't be asked."""

from __future__ import annotations

import json

import pytest

from gdbstub.backends import ABILITIES
from gdbstub.explain.evidence_json import evidence_from_json
from gdbstub.explain.explain import explain
from tests.gdbstub.explain.vector_files import FOLDER, text
from tests.gdbstub.explain.vectors import ALL, CASES, NOT_EVIDENCE


@pytest.mark.parametrize("name", CASES)
def test_the_vector_is_explained(name: str) -> None:
    case = CASES[name]
    answer = explain(case.evidence)
    rows = {(cause.cause, cause.owner, cause.klass) for cause in answer.causes}
    assert rows == set(case.causes), answer
    for cause in answer.causes:
        weak = cause.confidence == "possible"
        assert weak == (cause.cause in case.possible and (cause.owner != "debugger")), cause
    for words in case.against:
        assert any(words in text for text in answer.contradictions), (words, answer.contradictions)
    if not case.against:
        assert answer.contradictions == ()
    assert answer.exit_dr6.value == case.exit_dr6
    assert (answer.exit_dr6.provenance == "reconstructed") == (case.exit_dr6 is not None)
    if answer.guest_dr6 is not None:
        assert answer.guest_dr6.stale == case.stale
    if case.instruction is not None:
        known = answer.instruction.text if answer.instruction is not None else ""
        assert known == case.instruction or f"over the instruction in front, `{case.instruction}`" in answer.summary


@pytest.mark.parametrize("name", CASES)
def test_the_vector_is_explained_from_its_file(name: str) -> None:
    """`dr6 explain --evidence tests/vectors/NAME.json`: the same evidence, and so the same answer."""
    path = FOLDER / f"{name}.json"
    assert path.read_text(encoding="utf-8") == text(name), "python -m tests.gdbstub.explain.vector_files"
    assert explain(evidence_from_json(json.loads(path.read_text()), ABILITIES)) == explain(CASES[name].evidence)


def test_there_are_no_other_files() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(CASES)


def test_every_vector_is_asked_or_has_its_reason() -> None:
    asked = {name.partition("-")[0] for name in CASES}
    assert asked | set(NOT_EVIDENCE) == set(ALL)
    assert asked & set(NOT_EVIDENCE) == set()
