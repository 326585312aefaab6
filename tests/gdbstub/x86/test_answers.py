"""What an answer holds beside its causes: DR6 of the guest and of the exit, the order, the words where nothing fits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gdbstub.x86.evidence import Action, Armed, BreakpointKind, Evidence, Known, Unknown
from gdbstub.x86.explain import CAUSE_BITS, EVENT_PHASES, NO_EXIT, RANK, STEP_EXIT, STOP_PHASES, explain
from gdbstub.x86.explanation import ExitDr6, GuestDr6
from tests.gdbstub.x86.build import CODE, KVM_AMD, TCG, XEN, XEN_INTEL, XEN_PV, event, platform, stop
from tests.gdbstub.x86.vectors import RBX, STORE, TF


def test_the_phases_are_named_in_the_order_in_which_they_are_asked() -> None:
    assert [name for name, _ in STOP_PHASES] == [
        "the kind of stop",
        "watchpoints",
        "the debugger's own stops",
        "Xen",
        "the guest's events that the hypervisor took",
    ]
    assert [name for name, _ in EVENT_PHASES] == ["other vectors", "#DB", "#DB under Xen"]


def test_ranks_bits_and_exits_are_what_the_contract_says() -> None:
    assert RANK == {"certain": 0, "likely": 1, "possible": 2}
    assert CAUSE_BITS == {
        "general-detect": "BD",
        "single-step": "BS",
        "branch-step": "BS",
        "task-switch": "BT",
        "bus-lock": "BLD",
        "rtm": "RTM",
    }
    assert ExitDr6(None, "unknown") == NO_EXIT
    assert ExitDr6(0xFFFF4FF0, "reconstructed") == STEP_EXIT


def at_own(kind: BreakpointKind, slot: int | None) -> Evidence:
    return stop(to=1, action=Action.CONTINUE, own=(Armed("debugger", kind, CODE + 1, 1, slot),), on=KVM_AMD)


@pytest.mark.parametrize(
    ("slot", "value"),
    [(0, 0xFFFF0FF1), (1, 0xFFFF0FF2), (2, 0xFFFF0FF4), (3, 0xFFFF0FF8), (4, None), (-1, None), (None, None)],
)
def test_the_exits_dr6_has_the_bit_of_the_slot(slot: int | None, value: int | None) -> None:
    provenance = "unknown" if value is None else "reconstructed"
    assert explain(at_own("execute", slot)).exit_dr6 == (value, provenance)


@pytest.mark.parametrize(("kind", "name"), [("write", "watch"), ("access", "awatch")])
def test_a_watchs_slot_is_in_the_exits_dr6(kind: BreakpointKind, name: str) -> None:
    own = (Armed("debugger", kind, 0x5000, 8, 2),)
    hit = stop(STORE, reply=f"T05thread:01;{name}:5000;", action=Action.CONTINUE, own=own, registers=RBX, on=KVM_AMD)
    assert explain(hit).exit_dr6 == (0xFFFF0FF4, "reconstructed")


def test_a_software_breakpoint_has_no_dr6() -> None:
    assert explain(at_own("software", 0)).exit_dr6 == NO_EXIT


def test_a_cause_that_is_only_possible_is_not_in_the_exits_dr6() -> None:
    own = (Armed("debugger", "execute", CODE + 1, 1, 0),)
    assert explain(stop(own=own, on=TCG)).exit_dr6 == (0xFFFF4FF0, "reconstructed")


def test_the_guests_event_has_no_exit_dr6() -> None:
    swallowed = stop("90", 0, dr7=0x401, dr={0: CODE}, on=KVM_AMD)
    assert explain(swallowed).causes[0].owner == "guest"
    assert explain(swallowed).exit_dr6 == NO_EXIT
    assert explain(event(0xFFFF4FF0, rflags=TF, on=TCG)).exit_dr6 == NO_EXIT


@pytest.mark.parametrize(("on", "value"), [(XEN_INTEL, None), (XEN_PV, 0xFFFF4FF0), (XEN, 0xFFFF4FF0)])
def test_xen_steps_intels_hvm_guests_without_a_db(on: object, value: int | None) -> None:
    assert explain(replace(stop(reply="T05thread:0;"), platform=on)).exit_dr6.value == value  # type: ignore[arg-type]  # a platform
    unknown_guest = replace(stop(reply="T05thread:0;"), platform=platform("gdbsx", "4.17", "intel"))
    assert explain(unknown_guest).exit_dr6 == NO_EXIT


def changed(before: int, after: int, code: str = "90", action: Action = Action.STEP) -> Evidence:
    evidence = stop(code, action=action, on=TCG, dr6=before)
    return replace(evidence, after=replace(evidence.after, dr6=Known(after, "test")))


def test_a_dr6_that_changed_in_a_step_is_told_apart_and_named() -> None:
    answer = explain(changed(0xFFFF8FF1, 0xFFFFCFF3))
    assert answer.guest_dr6 == GuestDr6(0xFFFFCFF3, ("B1", "BS"), ("B0", "BT"), ())
    assert answer.advice[-1] == (
        "The guest's own DR6 gained B1, BS in this step: it was delivered a #DB; catch db to have it explained."
    )


def test_a_dr6_that_lost_bits_or_changed_in_a_run_or_was_written_is_no_event() -> None:
    for evidence in (
        changed(0xFFFF4FF0, 0xFFFF0FF0),
        changed(0xFFFF0FF0, 0xFFFF4FF0, action=Action.CONTINUE),
        changed(0xFFFF0FF0, 0xFFFF4FF0, "0f23f0"),
    ):
        assert not any("gained" in text for text in explain(evidence).advice)


def test_a_dr6_whose_past_is_not_known_is_all_from_before() -> None:
    evidence = changed(0xFFFF0FF0, 0xFFFF4FF1)
    unknown = replace(evidence, before=replace(evidence.before, dr6=Unknown("test")))
    assert explain(unknown).guest_dr6 == GuestDr6(0xFFFF4FF1, (), ("B0", "BS"), ())
    assert explain(changed(0xFFFF0FE0, 0xFFFF0FE0)).guest_dr6 == GuestDr6(
        0xFFFF0FE0, (), (), ("bits 4-10 must read 1",)
    )


def test_at_another_vectors_handler_no_bit_of_dr6_is_this_events() -> None:
    answer = explain(event(0xFFFF4FF1, vector=3, code="cc"))
    assert answer.guest_dr6 == GuestDr6(0xFFFF4FF1, (), ("B0", "BS"), ())


def test_what_was_claimed_is_set_and_the_rest_is_stale() -> None:
    answer = explain(event(0xFFFFCFF4, dr7=0x420, dr={2: CODE + 2}, old=0xFFFFCFF0))
    assert answer.guest_dr6 == GuestDr6(0xFFFFCFF4, ("B2", "BT"), ("BS",), ())
    taken = stop("90", reply="T02thread:0;", action=Action.CONTINUE, rflags=TF, dr6=0xFFFF4FF0, on=XEN)
    assert explain(taken).guest_dr6 == GuestDr6(0xFFFF4FF0, ("BS",), (), ())


@pytest.mark.parametrize(
    ("evidence", "because"),
    [
        (
            event(None, with_code=False),
            "DR6 is not known, and the code in front of the saved RIP shows no cause",
        ),
        (
            event(0xFFFF2FF0),
            "DR6 shows BD, which the other registers do not bear out",
        ),
        (
            event(0xFFFF0FF0, with_code=False),
            "DR6 shows no cause, and the code in front of the saved RIP is not known to be INT1",
        ),
    ],
)
def test_where_nothing_fits_the_reason_says_what_was_seen(evidence: Evidence, because: str) -> None:
    cause = explain(evidence).causes[0]
    assert cause == ("unknown", "unknown", "none", "possible", (because,), (), None)


def test_the_surest_cause_comes_first_and_gives_the_instruction() -> None:
    answer = explain(event(0xFFFF4FF4, rflags=TF, dr7=0x420, dr={2: CODE + 2}, old=None, on=TCG))
    assert [cause.confidence for cause in answer.causes] == ["certain", "likely"]
    assert answer.instruction is not None
    assert answer.instruction.address == CODE + 2


def test_a_guess_is_no_instruction_unless_another_cause_bears_it_out() -> None:
    guess = explain(event(0xFFFF4FF0, rflags=TF, on=TCG))
    assert guess.instruction is None
    assert "probably over `nop`" in guess.summary
    hit = event(0xFFFF4FF2, code=STORE, rflags=TF, dr7=0xD0040A, dr={1: 0x5000}, registers=RBX, on=TCG)
    assert "probably" not in explain(hit).summary


def test_a_plain_step_has_no_unknowns_and_a_doubtful_one_has() -> None:
    assert explain(stop(on=TCG)).unknowns == ()
    assert explain(stop(on=TCG, known_code=False)).unknowns == ("the bytes there: not given",)


def test_one_cause_that_two_rules_find_is_listed_once_with_all_reasons() -> None:
    guests = stop(STORE, reply="T05thread:01;watch:0;", dr7=0xD0040A, dr={1: 0x5000}, registers=RBX, on=KVM_AMD)
    rows = [cause for cause in explain(guests).causes if cause.owner == "guest"]
    assert len(rows) == 1
    assert rows[0].confidence == "likely"
    assert rows[0].because[0] == "the stub reports watch at 0x0"


def test_nothing_at_all_is_said_to_be_nothing() -> None:
    assert explain(Evidence()).causes == (
        ("unknown", "unknown", "none", "possible", ("the evidence accounts for no cause",), (), None),
    )
