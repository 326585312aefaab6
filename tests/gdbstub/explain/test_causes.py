"""The pages about causes: there is one for each, it is complete, and it agrees with what the rules say."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from gdbstub.explain.explain import CAUSE_BITS, explain
from gdbstub.explain.explanation import CauseName
from gdbstub.explain.reference.causes import CAUSES, NAMES, cause_named, cause_to_json, headline_to_json
from gdbstub.explain.reference.page import Behaviour, paragraphs
from gdbstub.x86.debug_registers import DR6_CAUSES
from tests.gdbstub.explain.test_explain import EVENTS, STOPS
from tests.gdbstub.explain.vectors import CASES

GUEST_EVENTS = NAMES[: NAMES.index("exception") + 1]
"""What a handler of the guest can see; the other causes are stops of the machine."""


def test_every_cause_of_the_contract_has_its_page() -> None:
    assert tuple(CAUSES) == get_args(CauseName)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_one_sentence_first_and_whole_sentences_behind_it(name: CauseName) -> None:
    page = CAUSES[name]
    assert page.definition.endswith(".")
    assert ". " not in page.definition
    assert len(page.definition) <= 120
    for title, text in paragraphs(page):
        assert title
        assert text.endswith("."), (title, text)
        assert "  " not in text
        assert text == text.strip()
        assert not re.search(r"\)[.;,]\w", text), (title, text)
    assert page.sources
    assert len(set(page.sources)) == len(page.sources)


@pytest.mark.parametrize("name", GUEST_EVENTS)
def test_a_page_of_a_guests_event_says_what_each_platform_does(name: CauseName) -> None:
    page = CAUSES[name]
    assert None not in (page.rip, page.rf, page.dr6, page.held_back, page.intel, page.amd)
    told = [who for who, _ in page.platforms]
    assert len(set(told)) == len(told)
    vendors = {"QEMU/KVM on AMD", "QEMU/KVM on Intel"}
    assert "QEMU/KVM" in told or vendors <= set(told)
    assert set(told) >= set(get_args(Behaviour)) - vendors - {"QEMU/KVM"}


@pytest.mark.parametrize("name", NAMES)
def test_a_page_tells_other_causes_apart(name: CauseName) -> None:
    others = [other for other, _ in CAUSES[name].confused]
    assert others
    assert name not in others
    assert len(set(others)) == len(others)


def test_the_rules_give_each_cause_a_class_of_its_page() -> None:
    evidence = [row.evidence for row in (*STOPS.values(), *EVENTS.values())] + [row.evidence for row in CASES.values()]
    given = {(cause.cause, cause.klass) for one in evidence for cause in explain(one).causes}
    assert {name for name, _ in given} == set(NAMES)
    for name, klass in given:
        assert klass in CAUSES[name].classes, name


def test_a_page_names_the_bit_that_the_cause_sets_and_its_polarity() -> None:
    low = {bit.name for bit in DR6_CAUSES if bit.mask & 0x10800}
    for name, bit in CAUSE_BITS.items():
        said = CAUSES[cause_named(name)].dr6 or ""
        assert said.startswith((bit, f"{bit} (bit 16)")), name
        assert ("becomes 0 (active low)" in said) == (bit in low)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("icebp", "icebp"),
        (" ICEBP ", "icebp"),
        ("single_step", "single-step"),
        ("Bus Lock", "bus-lock"),
        ("INT1", "icebp"),
    ],
)
def test_a_cause_is_found_by_its_name(text: str, name: str) -> None:
    assert cause_named(text) == name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("icebpp", "there is no cause 'icebpp'; near names: icebp"),
        ("breakpoint", "near names: instruction-breakpoint, io-breakpoint, software-breakpoint"),
        ("step", "near names: single-step, branch-step"),
        ("zzz", "there is no cause 'zzz'; --list-causes shows all names"),
        ("", "there is no cause ''; --list-causes"),
    ],
)
def test_another_name_is_one_sentence_with_the_near_ones(text: str, words: str) -> None:
    with pytest.raises(ValueError, match="there is no cause") as refused:
        cause_named(text)
    assert words in str(refused.value)


def test_a_page_as_json_has_all_that_the_page_has() -> None:
    row = cause_to_json("icebp")
    assert row["cause"] == "icebp"
    assert row["classes"] == ["trap"]
    page = CAUSES["icebp"]
    assert row["platforms"] == dict(page.platforms)
    assert row["vendors"] == {"intel": page.intel, "amd": page.amd}
    assert row["confused_with"] == dict(page.confused)
    texts = {text for _, text in paragraphs(page)}
    flat = {value for value in row.values() if isinstance(value, str)}
    assert texts - flat == {*dict(page.platforms).values(), *dict(page.confused).values(), page.intel, page.amd}
    assert headline_to_json("unknown") == {
        "cause": "unknown",
        "classes": ["none"],
        "definition": "The evidence accounts for no cause.",
    }
