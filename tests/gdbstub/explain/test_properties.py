"""What holds for any evidence at all."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gdbstub.backends import ABILITIES
from gdbstub.explain.abilities import UNKNOWN
from gdbstub.explain.evidence import Action, CodeBytes, CpuFacts, Evidence, Fact, Known, Platform, SteppedOver, Unknown
from gdbstub.explain.evidence_json import evidence_from_json, evidence_to_json, explanation_to_json, parse_reply
from gdbstub.explain.explain import RANK, explain
from gdbstub.explain.text.rendering import render_text
from gdbstub.remote.capabilities import Guest, Vendor
from gdbstub.x86.breakpoints import BY_RW, ArmedBreakpoint, BreakpointKind
from gdbstub.x86.debug_registers import (
    CAUSES,
    decode_dr6,
    decode_dr7,
    describe_dr6,
    describe_dr7,
    encode_dr6,
    encode_dr7,
    merge_dr6,
)
from gdbstub.x86.decode import predecessors, shape
from gdbstub.x86.exceptions import FailedDelivery, Frame, TripleFault
from gdbstub.x86.registers import Mode, flag_names
from tests.gdbstub.explain.vectors import CASES

BASE = 0x1000
WORDS = st.integers(0, (1 << 64) - 1)
NEAR = st.one_of(st.integers(BASE - 4, BASE + 24), WORDS)
"""Addresses that often meet each other."""
DR6 = st.one_of(
    st.sampled_from((0xFFFF0FF0, 0xFFFF4FF0, 0xFFFF0FF1, 0xFFFF4FF2, 0x4000, 0)),
    st.integers(0, CAUSES).map(encode_dr6),
    WORDS,
)
DR7 = st.one_of(st.sampled_from((0x400, 0x401, 0xD0040A, 0x2400, 0x20000480)), WORDS)
FLAGS = st.one_of(st.sampled_from((2, 0x102, 0x10002)), WORDS)
OPCODES = st.sampled_from(
    tuple(
        bytes.fromhex(text)
        for text in (
            *("90", "f1", "cc", "cd01", "cd03", "488903", "f3a4", "f36e", "ec", "fb", "9d", "8ed0", "8e13", "0f21f0"),
            *("f00fc103", "c7f802000000", "ebfe", "7402", "c3", "0f05", "48cf", "f4", "9c", "50", "e800000000"),
        )
    )
)
BYTES = st.one_of(st.lists(OPCODES, min_size=1, max_size=8).map(b"".join), st.binary(max_size=24))
MODES: st.SearchStrategy[Mode] = st.sampled_from((64, 32, 16))
REGISTERS = st.dictionaries(st.sampled_from(("rbx", "rdi", "rsi", "rsp", "rdx", "rcx", "fs_base")), NEAR, max_size=7)


def facts(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.one_of(st.builds(Known, values, st.just("test")), st.just(Unknown("not given")))


def platform_with(backend: Fact[str], version: Fact[str], vendor: Fact[Vendor], guest: Fact[Guest]) -> Platform:
    """A platform with the abilities of its backend."""
    abilities = ABILITIES[backend.value] if isinstance(backend, Known) else UNKNOWN
    return Platform(backend, version, vendor, guest, abilities)


MAYBE = st.none() | WORDS
FRAMES = st.builds(Frame, NEAR, st.integers(0, 0xFFFF), FLAGS, MAYBE, MAYBE, MAYBE, MAYBE, MAYBE, MAYBE)
NUMBERS = ("rip", "rsp", "rcx", "cs", "cs_base", "tr", "cr2", "cr4", "dr0", "dr1", "dr2", "dr3")
MOMENTS = st.builds(
    CpuFacts,
    **{name: facts(NEAR) for name in NUMBERS},
    rflags=facts(FLAGS),
    debugctl=facts(st.integers(0, 7)),
    dr6=facts(DR6),
    dr7=facts(DR7),
    bytes=facts(BYTES),
    registers=facts(REGISTERS),
)
ARMED = st.builds(
    ArmedBreakpoint,
    st.sampled_from(("debugger", "guest")),
    st.sampled_from((*BY_RW, BreakpointKind.SOFTWARE)),
    NEAR,
    st.sampled_from((0, 1, 2, 4, 8)),
    st.none() | st.integers(0, 3),
)
REPLIES = st.one_of(
    st.sampled_from(
        (
            "T05thread:p01.01;",
            "T05thread:p01.01;watch:1008;",
            "S05",
            "T02thread:0;",
            "T06",
            "T03",
            "W00",
            "X09",
            "",
            "T0e",
            "OK",
        )
    ),
    st.text(max_size=12),
).map(parse_reply)
TRIPLE_FAULTS = st.sampled_from(
    (TripleFault(), TripleFault((8,)), TripleFault((13, 8), 0x7C05), TripleFault((13, 8), 0x7C05, (0xD0, 0x80)))
)
EVIDENCE = st.builds(
    Evidence,
    platform=st.builds(
        platform_with,
        facts(st.sampled_from(("qemu-tcg", "qemu-kvm", "xen-gdbsx", "generic"))),
        facts(st.sampled_from(("7.2.22", "10.0.2", "?", ""))),
        facts(st.sampled_from(("intel", "amd"))),
        facts(st.sampled_from(("hvm", "pv"))),
    ),
    reply=facts(REPLIES),
    action=facts(st.sampled_from(tuple(Action))),
    mode=facts(MODES),
    cpl=facts(st.integers(0, 3)),
    before=MOMENTS,
    after=MOMENTS,
    vector=facts(st.one_of(st.just(1), st.integers(0, 255))),
    at_handler=facts(st.booleans()),
    handler=facts(NEAR),
    frame=facts(FRAMES),
    frame_mode=facts(MODES),
    last_frame=facts(FRAMES),
    saved_rip=facts(NEAR),
    failed=facts(st.builds(FailedDelivery, st.none() | st.integers(0, 255), st.integers(0, 0xFFFF))),
    unpushed=facts(FRAMES),
    instead_of=facts(st.integers(0, 255)),
    triple_fault=facts(TRIPLE_FAULTS),
    code=st.lists(st.builds(CodeBytes, st.just(BASE), BYTES), max_size=1).map(tuple),
    breakpoints=facts(st.lists(ARMED, max_size=3).map(tuple)),
    stepped=st.lists(st.builds(SteppedOver, NEAR, BYTES), max_size=2).map(tuple),
)


@st.composite
def near_a_vector(draw: st.DrawFn) -> Evidence:
    """A vector of the reference with some of its facts replaced."""
    evidence = draw(st.sampled_from([case.evidence for case in CASES.values()]))
    other = draw(EVIDENCE)
    for part in ("before", "after", "platform"):
        whole, fresh = getattr(evidence, part), getattr(other, part)
        names = [field.name for field in fields(whole) if field.name != "abilities"]
        for name in draw(st.sets(st.sampled_from(names), max_size=3)):
            whole = replace(whole, **{name: getattr(fresh, name)})
            if name == "backend":
                whole = replace(whole, abilities=fresh.abilities)
        evidence = replace(evidence, **{part: whole})
    parts = ("reply", "action", "mode", "vector", "frame", "last_frame", "breakpoints", "code", "stepped")
    for name in draw(st.sets(st.sampled_from(parts), max_size=2)):
        evidence = replace(evidence, **{name: getattr(other, name)})
    return evidence


ANY = st.one_of(near_a_vector(), EVIDENCE)
THOROUGH = settings(max_examples=100, deadline=None)


@THOROUGH
@given(ANY)
def test_any_evidence_has_an_answer(evidence: Evidence) -> None:
    answer = explain(evidence)
    assert answer.causes
    assert answer.summary
    assert "\n" not in answer.summary
    assert all(cause.because for cause in answer.causes)
    assert render_text(answer).startswith(answer.summary)
    json.dumps(explanation_to_json(answer))
    ranks = [RANK[cause.confidence] for cause in answer.causes]
    assert ranks == sorted(ranks)


@given(WORDS, WORDS, WORDS)
def test_any_64_bit_value_is_legal(dr6: int, dr7: int, rflags: int) -> None:
    decoded = decode_dr6(dr6)
    assert decoded.value == dr6
    assert decoded.causes & ~CAUSES == 0
    assert len(describe_dr6(dr6)) == 9 + len(decoded.reserved_wrong)
    assert len(describe_dr7(dr7)) == 20 + len(decode_dr7(dr7).reserved_wrong)
    assert all("=" in name or name.isupper() for name in flag_names(rflags))


@given(st.integers(0, CAUSES), WORDS)
def test_dr6_is_the_inverse_of_its_causes(causes: int, before: int) -> None:
    causes &= CAUSES
    assert decode_dr6(encode_dr6(causes)).causes == causes
    merged = decode_dr6(merge_dr6(before, causes)).causes
    assert merged & 0xF == causes & 0xF
    assert merged & causes == causes


@given(WORDS)
def test_dr7_is_the_inverse_of_its_slots(value: int) -> None:
    decoded = decode_dr7(value)
    again = encode_dr7(decoded.slots, general_detect=decoded.general_detect, rtm=decoded.rtm)
    assert decode_dr7(again).slots == decoded.slots
    assert decode_dr7(again).reserved_wrong == ()


@given(st.binary(max_size=20), MODES)
def test_any_bytes_decode_or_do_not(code: bytes, mode: Mode) -> None:
    known = shape(code, mode)
    assert known is None or code.startswith(known.bytes)
    for before in predecessors(code, mode):
        assert code.endswith(before.bytes)


KINDS_OF_STOP = frozenset(("at_handler", "vector", "reply", "mode", "frame_mode", "backend"))
"""These say what kind of stop it is, how its bytes read, and whose lies to expect (an unknown platform is taken to keep
to the architecture); without them it is another question."""
STEPS = {"branch-step": "single-step"}
"""A branch step is a single step with BTF: knowing BTF gives it its other name."""


def without(evidence: Evidence) -> list[Evidence]:
    """Each evidence that knows one fact less."""
    gone: Any = Unknown("taken away")
    known = [field.name for field in fields(Evidence) if isinstance(getattr(evidence, field.name), Known)]
    rows = [replace(evidence, **{name: gone}) for name in known if name not in KINDS_OF_STOP]
    for part in ("before", "after", "platform"):
        whole = getattr(evidence, part)
        for field in fields(whole):
            if field.name not in (*KINDS_OF_STOP, "bytes") and isinstance(getattr(whole, field.name), Known):
                less = replace(whole, **{field.name: gone})
                rows.append(replace(evidence, **{part: less}))
    before, after = replace(evidence.before, bytes=gone), replace(evidence.after, bytes=gone)
    rows.append(replace(evidence, code=(), before=before, after=after))  # the same bytes may be known twice
    if evidence.stepped:
        rows.append(replace(evidence, stepped=()))
    return rows


def strength(evidence: Evidence) -> dict[str, int]:
    """The best confidence of each cause; what is only possible counts as nothing."""
    found: dict[str, int] = {}
    for cause in explain(evidence).causes:
        name = STEPS.get(cause.cause, cause.cause)
        found[name] = min(found.get(name, 2), RANK[cause.confidence])
    return found


@THOROUGH
@given(ANY)
def test_taking_evidence_away_never_raises_confidence(evidence: Evidence) -> None:
    full = strength(evidence)
    for less in without(evidence):
        for cause, rank in strength(less).items():
            assert rank >= full.get(cause, 2), (cause, less)


@THOROUGH
@given(ANY, st.permutations(range(4)))
@example(Evidence(), [1, 0, 2, 3])
def test_a_renamed_slot_gives_the_same_answer_with_the_slot_renamed(evidence: Evidence, order: list[int]) -> None:
    """Slot n becomes order[n] in DR0-3, DR6, DR7 and the debugger's table."""

    def rename(moment: CpuFacts) -> CpuFacts:
        registers = {f"dr{order[n]}": getattr(moment, f"dr{n}") for n in range(4)}
        return replace(moment, **registers, dr6=mapped(moment.dr6, dr6_bits), dr7=mapped(moment.dr7, dr7_bits))

    def mapped(fact: Fact[int], bits: dict[int, int]) -> Fact[int]:
        return Known(moved(fact.value, bits), fact.source) if isinstance(fact, Known) else fact

    dr6_bits = {n: order[n] for n in range(4)}
    dr7_bits = {2 * n + side: 2 * order[n] + side for n in range(4) for side in (0, 1)}
    dr7_bits |= {16 + 4 * n + bit: 16 + 4 * order[n] + bit for n in range(4) for bit in range(4)}
    renamed = replace(evidence, before=rename(evidence.before), after=rename(evidence.after))
    if isinstance(evidence.breakpoints, Known):
        rows = tuple(
            row if row.slot is None else row._replace(slot=order[row.slot]) for row in evidence.breakpoints.value
        )
        renamed = replace(renamed, breakpoints=Known(rows, "test"))
    assert slots(renamed, None) == slots(evidence, order)


def moved(value: int, bits: dict[int, int]) -> int:
    kept = value & ~sum(1 << bit for bit in bits)
    return kept | sum(1 << to for bit, to in bits.items() if value >> bit & 1)


def slots(evidence: Evidence, order: list[int] | None) -> set[tuple[str, str, str, str, int | None]]:
    return {
        (
            cause.cause,
            cause.owner,
            cause.klass,
            cause.confidence,
            cause.slot if cause.slot is None or order is None else order[cause.slot],
        )
        for cause in explain(evidence).causes
    }


@THOROUGH
@given(ANY)
def test_evidence_survives_json(evidence: Evidence) -> None:
    row = evidence_to_json(evidence)
    again = evidence_from_json(json.loads(json.dumps(row)))
    assert evidence_to_json(again) == row
