"""Completion at the prompt: what the table of commands offers, as prompt_toolkit wants it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from frontend.clean import clean
from frontend.commands import word_at_end

Offer = Callable[[str], list[tuple[str, str]]]
"""The line up to the cursor → (candidate for its last word, what it is)."""


class CommandCompleter(Completer):
    """Candidates replace `word_at_end`."""

    def __init__(self, offer: Offer) -> None:
        self._offer = offer

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        text = document.text_before_cursor
        word = word_at_end(text)
        for candidate, meta in self._offer(text):
            yield Completion(clean(candidate), start_position=-len(word), display_meta=clean(meta))
