"""A step of the debugger's says what the guest took for itself in it, without a catch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gdbstub.explain.evidence import Evidence
from gdbstub.explain.explain import explain
from gdbstub.explain.text.rendering import render_text
from gdbstub.x86.exceptions import Frame
from tests.gdbstub.explain.build import CODE, KVM_AMD, TCG, TCG_10, XEN, know, stop
from tests.gdbstub.explain.vectors import RBX, STORE, TF

HANDLER = 0x800


def causes(evidence: Evidence) -> list[str]:
    return [f"{row.cause} {row.owner} {row.confidence}" for row in explain(evidence).causes]


def gained(evidence: Evidence, dr6: int | None) -> Evidence:
    """The same with another DR6 behind the step."""
    return replace(evidence, after=replace(evidence.after, dr6=know(dr6)))


def test_a_step_over_the_guests_own_int3_says_that_the_guest_took_it() -> None:
    answer = explain(stop("cc", HANDLER, on=TCG))
    assert answer.summary == (
        "single-step by the debugger over `int3`; and the guest took #BP, vector 3 in this step: RIP is at its handler"
    )
    assert answer.causes[1].taken == 3
    text = render_text(answer, stop("cc", HANDLER, on=TCG))
    assert "The guest took its own event in this step" in text


@pytest.mark.parametrize(
    ("code", "on", "second"),
    [
        ("cd03", TCG, "software-breakpoint guest certain"),
        ("cd80", TCG, "software-interrupt guest certain"),
        ("cd01", KVM_AMD, "software-interrupt guest likely"),
        ("cc", KVM_AMD, "software-breakpoint guest likely"),
        ("cc", None, "software-breakpoint guest likely"),
        ("f1", TCG_10, "icebp guest certain"),
    ],
)
def test_int_n_int3_and_int1_are_named(code: str, on: Any, second: str) -> None:
    assert causes(stop(code, HANDLER, on=on))[1] == second


@pytest.mark.parametrize(("code", "on"), [("cc", XEN), ("f1", XEN), ("f1", KVM_AMD), ("0f05", TCG)])
def test_what_the_debugger_is_given_the_guest_has_not_taken_and_syscall_has_no_vector(code: str, on: Any) -> None:
    assert all(row.taken is None for row in explain(stop(code, HANDLER, on=on)).causes)


def test_an_int1_that_this_version_has_not_is_ud() -> None:
    stepped = stop("f1", HANDLER, on=TCG)
    assert causes(stepped) == ["exception guest likely", "single-step debugger likely"]
    assert explain(stepped).causes[0].taken == 6
    quirk = "#UD; hardware raises #DB behind it. Known quirk tcg-icebp-ud"
    assert any(f"INT1 (F1) likely raised {quirk}" in text for text in explain(stepped).contradictions)
    seen = found_at(6, CODE, stepped)
    assert causes(seen) == ["exception guest certain", "single-step debugger certain"]
    assert any(f"INT1 (F1) raised {quirk}" in text for text in explain(seen).contradictions)
    assert not any("tcg-icebp-ud" in text for text in explain(found_at(6, CODE, stop("0f0b", HANDLER))).contradictions)


def test_where_rip_stands_is_said_only_where_the_step_stops_at_the_handler() -> None:
    assert explain(stop("cd01", HANDLER, on=TCG)).summary.endswith(
        "the guest took vector 1 in this step: RIP is at its handler"
    )
    assert explain(stop("cd01", HANDLER, on=KVM_AMD)).summary.endswith("the guest took vector 1 in this step")


def test_into_is_taken_where_of_is_set() -> None:
    assert causes(stop("ce", HANDLER, on=TCG, mode=32, rflags=0x802))[1] == "exception guest certain"
    assert len(causes(stop("ce", HANDLER, on=TCG, mode=32))) == 1


def test_a_gate_may_have_refused_user_code() -> None:
    assert causes(stop("cc", HANDLER, on=TCG, cpl=3))[1] == "software-breakpoint guest likely"


def test_a_step_that_the_guests_own_tf_sent_to_its_handler_says_so() -> None:
    stepped = gained(stop("90", HANDLER, rflags=TF, on=TCG), 0xFFFF4FF0)
    answer = explain(stepped)
    assert answer.summary == (
        "single-step by the debugger over `nop`; and the guest's TF then gave it a #DB: RIP is at its handler"
    )
    assert causes(stepped) == ["single-step debugger certain", "single-step guest certain"]
    old = replace(stepped, before=replace(stepped.before, dr6=know(0xFFFF4FF0)))
    assert causes(old) == ["single-step debugger likely", "single-step guest likely"]
    assert causes(replace(stepped, platform=stop().platform)) == [
        "single-step debugger likely",
        "single-step guest likely",
    ]


@pytest.mark.parametrize(
    ("evidence", "found"),
    [
        (stop(STORE, HANDLER, dr7=0xD0040A, dr={1: 0x5000}, registers=RBX, on=TCG), "data-write guest certain"),
        (stop("90", HANDLER, dr7=0x40A, dr={1: CODE + 1}, on=TCG), "instruction-breakpoint guest certain"),
    ],
)
def test_a_breakpoint_of_the_guests_own_is_named_by_its_bit(evidence: Evidence, found: str) -> None:
    stepped = gained(evidence, 0xFFFF0FF2)
    assert causes(stepped) == ["single-step debugger certain", found]
    assert "the guest's own DR1 gave it a #DB" in explain(stepped).summary
    assert len(causes(gained(evidence, 0xFFFF0FF0))) == 1
    assert len(causes(gained(evidence, None))) == 1


def test_a_breakpoint_on_the_instruction_itself_came_before_it() -> None:
    stepped = gained(stop("90", HANDLER, dr7=0x40A, dr={1: CODE}, on=TCG), 0xFFFF0FF2)
    assert causes(stepped) == ["instruction-breakpoint guest certain", "single-step debugger likely"]


def test_a_bit_of_a_register_that_has_nothing_to_do_with_the_step_names_nothing() -> None:
    stepped = gained(stop("90", HANDLER, dr7=0x40A, dr={1: 0x9000}, on=TCG), 0xFFFF0FF2)
    assert causes(stepped) == ["single-step debugger likely"]
    without = replace(stepped, before=replace(stepped.before, dr1=know(None)))
    assert causes(without) == ["single-step debugger likely"]


@pytest.mark.parametrize(("rflags", "against"), [(0x10002, 1), (2, 0)])
def test_a_breakpoint_where_an_iret_led_is_told_by_the_frame(rflags: int, against: int) -> None:
    iret = gained(stop("48cf", HANDLER, dr7=0x40A, dr={1: 0x9000}, on=TCG), 0xFFFF0FF2)
    landed = replace(found_at(1, 0x9000, iret), frame=know(Frame(0x9000, 8, rflags, 0x8000, 0x10)))
    assert causes(landed) == ["single-step debugger certain", "instruction-breakpoint guest certain"]
    assert "the guest's own DR1 gave it a #DB" in explain(landed).summary
    said = [text for text in explain(landed).contradictions if "tcg-step-ignores-rf" in text]
    assert len(said) == against
    assert causes(found_at(1, 0x9001, iret)) == ["single-step debugger certain"]


@pytest.mark.parametrize("on", [KVM_AMD, XEN])
def test_a_db_that_goes_to_the_debugger_is_not_said_to_be_the_guests(on: Any) -> None:
    stepped = gained(stop("90", HANDLER, rflags=TF, on=on), 0xFFFF4FF0)
    assert all(row.taken is None for row in explain(stepped).causes)


def found_at(vector: int, rip: int, evidence: Evidence, error_code: int | None = None) -> Evidence:
    """With the frame that the step found at the handler of ``vector``."""
    return replace(
        evidence,
        vector=know(vector),
        handler=know(HANDLER),
        at_handler=know(False),
        frame=know(Frame(rip, 8, TF, 0x8000, 0x10, error_code)),
    )


def test_the_frame_at_the_handler_makes_the_vector_certain() -> None:
    answer = explain(found_at(3, CODE + 1, stop("cc", HANDLER, on=KVM_AMD)))
    assert answer.causes[0].confidence == "certain"
    assert "the saved RIP is where the stepped instruction leads" in answer.causes[0].because
    text = render_text(answer, found_at(3, CODE + 1, stop("cc", HANDLER, on=KVM_AMD)))
    assert "Frame of the guest: RIP 0x1001" in text
    assert "catch its vector" not in text


def test_a_fault_of_the_stepped_instruction_is_told_by_its_gate() -> None:
    evidence = found_at(6, CODE, stop("0f0b", HANDLER, on=TCG))
    answer = explain(evidence)
    assert answer.summary == (
        "the guest took #UD, vector 6 in this step: RIP is at its handler; and single-step by the debugger over `ud2`"
    )
    assert [(row.cause, row.klass, row.confidence, row.taken) for row in answer.causes] == [
        ("exception", "fault", "certain", 6),
        ("single-step", "trap", "certain", None),
    ]
    assert "the saved RIP is that of the stepped instruction" in answer.causes[0].because
    assert "the instruction raised an exception instead of running" in answer.causes[1].because[1]


def test_an_int_n_that_its_gate_refuses_is_the_fault_that_came_of_it() -> None:
    refused = found_at(13, CODE, stop("cd80", HANDLER, on=TCG), 0x402)
    assert causes(refused) == ["exception guest certain", "single-step debugger certain"]
    assert "error code 0x402 (IDT vector 128)" in explain(refused).causes[0].because
    assert causes(found_at(128, CODE + 2, stop("cd80", HANDLER, on=TCG)))[1] == "software-interrupt guest certain"


def test_an_interrupt_that_comes_with_a_step_is_no_fault_of_its_instruction() -> None:
    answer = explain(found_at(32, CODE + 1, stop("90", HANDLER, on=TCG)))
    assert ("exception", "none", "certain") in [(row.cause, row.klass, row.confidence) for row in answer.causes]
    assert "the guest took vector 32 in this step" in answer.summary


@pytest.mark.parametrize("vector", [6, 1])
def test_a_frame_of_something_else_proves_nothing(vector: int) -> None:
    evidence = found_at(vector, 0x4444, stop("90", HANDLER, on=TCG))
    assert causes(evidence) == ["single-step debugger likely"]


def test_a_step_of_the_guests_own_through_a_register_is_told_by_the_gate_of_db() -> None:
    """Where a RET leads is not known; that the step ended at the gate of #DB is."""
    stepped = gained(stop("c3", HANDLER, rflags=TF, on=TCG), 0xFFFF4FF0)
    assert all(row.taken is None for row in explain(stepped).causes)
    found = explain(found_at(1, 0x5555, stepped))
    assert [(row.cause, row.owner, row.confidence) for row in found.causes][1] == ("single-step", "guest", "certain")


def test_an_old_bs_is_certain_with_the_frame() -> None:
    stepped = stop("90", HANDLER, rflags=TF, dr6=0xFFFF4FF0, on=TCG)
    assert causes(stepped) == ["single-step debugger likely", "single-step guest likely"]
    assert causes(found_at(1, CODE + 1, stepped)) == ["single-step debugger certain", "single-step guest certain"]
