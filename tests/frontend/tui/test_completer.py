"""Completion at the prompt."""

from __future__ import annotations

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from frontend.tui.completer import CommandCompleter


@pytest.mark.parametrize(
    ("text", "candidate", "line"),
    [("st", "stepi", "stepi"), ("break mem", "memory_test", "break memory_test"), ("info ", "dr", "info dr"),
     ("x/4i $ri", "$rip", "x/4i $rip"), ("print $rax+mem", "memory_test", "print $rax+memory_test")],
)  # fmt: skip
def test_a_candidate_replaces_the_word_at_the_end(text: str, candidate: str, line: str) -> None:
    completer = CommandCompleter(lambda typed: [(candidate, "what it is")] if typed == text else [])
    (found,) = completer.get_completions(Document(text), CompleteEvent())

    assert text[: len(text) + found.start_position] + found.text == line
    assert found.display_meta_text == "what it is"


def test_names_from_the_guest_are_cleaned() -> None:
    completer = CommandCompleter(lambda typed: [("\x1b[2J", "\x07")])
    (found,) = completer.get_completions(Document(""), CompleteEvent())

    assert (found.text, found.display_meta_text) == ("\\x1b[2J", "\\x07")
