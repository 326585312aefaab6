"""The table of keys: complete, without collisions, and bound as it says."""

from __future__ import annotations

from collections import Counter

from prompt_toolkit.key_binding.key_bindings import _parse_key

from frontend.tui.keys import KEYS, PANE_KEYS, PROMPT_KEYS
from frontend.tui.panes import HELP, PANES
from frontend.tui.view import ViewState
from tests.frontend.drawing import text


def test_no_two_rows_take_the_same_keys_in_one_place() -> None:
    taken = Counter((row.where, sequence) for row in KEYS for sequence in row.sequences)

    assert [row for row, count in taken.items() if count > 1] == []


def test_every_key_is_one_that_prompt_toolkit_knows() -> None:
    for row in KEYS:
        for sequence in row.sequences:
            assert all(_parse_key(key) for key in sequence.split()), row.label


def test_the_help_lists_every_key_with_what_it_does() -> None:
    shown = text(HELP.render(ViewState(), 200, 200))

    for row in KEYS:
        assert row.action.__doc__, row.label
        assert f"{row.label:<12}{row.action.__doc__}" in shown
    for label, what in PROMPT_KEYS:
        assert f"{label:<12}{what}" in shown


def test_every_action_says_what_it_does_in_one_clause() -> None:
    for row in KEYS:
        doc = row.action.__doc__ or ""
        assert doc == doc.strip()
        assert not doc.endswith(".")


def test_every_pane_has_a_key_of_its_own_that_the_help_names() -> None:
    keys = sorted(pane.key for pane in PANES.values())
    assert keys == sorted({*keys, *"0123456789"})
    named = PANE_KEYS[1].partition("(Alt-")[2].partition(")")[0]
    assert [key for key in keys if not key.isdigit()] == sorted(named.split(", "))
    assert not {f"escape {key}" for key in keys} & {sequence for row in KEYS for sequence in row.sequences}
