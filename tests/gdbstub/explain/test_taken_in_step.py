"""A step of the debugger's says what the guest took for itself in it, without a catch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gdbstub.explain.evidence import Evidence
from gdbstub.explain.explain import explain
from gdbstub.explain.text.rendering import render_text
from tests.gdbstub.explain.build import CODE, KVM_AMD, TCG, XEN, know, stop
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
        ("f1", TCG, "icebp guest certain"),
    ],
)
def test_int_n_int3_and_int1_are_named(code: str, on: Any, second: str) -> None:
    assert causes(stop(code, HANDLER, on=on))[1] == second


@pytest.mark.parametrize(("code", "on"), [("cc", XEN), ("f1", XEN), ("f1", KVM_AMD), ("0f05", TCG)])
def test_what_the_debugger_is_given_the_guest_has_not_taken_and_syscall_has_no_vector(code: str, on: Any) -> None:
    assert all(row.taken is None for row in explain(stop(code, HANDLER, on=on)).causes)


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


@pytest.mark.parametrize("on", [KVM_AMD, XEN])
def test_a_db_that_goes_to_the_debugger_is_not_said_to_be_the_guests(on: Any) -> None:
    stepped = gained(stop("90", HANDLER, rflags=TF, on=on), 0xFFFF4FF0)
    assert all(row.taken is None for row in explain(stepped).causes)
