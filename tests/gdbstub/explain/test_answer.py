"""The parts of an answer: the order of its causes, the guest's DR6, that of the exit, and the sentences of no cause."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gdbstub.explain.evidence import Action, Evidence, Known
from gdbstub.explain.explain import RANK, explain
from gdbstub.explain.explanation import ExitDr6, GuestDr6
from gdbstub.x86.breakpoints import ArmedBreakpoint, BreakpointKind
from gdbstub.x86.decode import predecessors, predecessors_cached, shape
from gdbstub.x86.instructions import Shape
from gdbstub.x86.registers import Mode
from tests.gdbstub.explain.build import KVM_AMD, TCG, XEN_INTEL, XEN_PV, event, platform, stop
from tests.gdbstub.explain.test_explain import EVENTS, STOPS
from tests.gdbstub.explain.vectors import CASES, OWN_WRITE, RBX, STORE, TF

ALL = [*(row.evidence for row in (*STOPS.values(), *EVENTS.values())), *(case.evidence for case in CASES.values())]
XEN_INTEL_PV = platform("xen-gdbsx", "4.17", "intel", "pv")


def watched(slot: int | None, kind: str = "awatch") -> Evidence:
    """A load that a watchpoint of the debugger's, in this slot, saw."""
    own = (ArmedBreakpoint("debugger", BreakpointKind.ACCESS, 0x5000, 8, slot),)
    reply = f"T05thread:01;{kind}:5000;"
    return stop("488b03", reply=reply, action=Action.CONTINUE, own=own, registers=RBX)


def changed(dr6: int, *, action: Action = Action.STEP) -> Evidence:
    """NOP ran under the debugger, and the guest's DR6 changed meanwhile from FFFF0FF1h."""
    ran = stop(dr6=0xFFFF0FF1, action=action, on=TCG)
    return replace(ran, after=replace(ran.after, dr6=Known(dr6, "test")))


def test_the_surest_cause_stands_first() -> None:
    for evidence in ALL:
        ranks = [RANK[cause.confidence] for cause in explain(evidence).causes]
        assert ranks == sorted(ranks), evidence


def test_a_cause_that_two_breakpoints_have_is_one_with_its_reasons_once() -> None:
    (cause,) = explain(STOPS["two software breakpoints at one place"].evidence).causes
    assert cause.because[0] == "the debugger's software breakpoint stands at 0x1001"
    assert len(cause.because) == len(set(cause.because)) == 2


def test_equally_sure_rows_of_one_cause_keep_the_order_of_their_rules() -> None:
    guests = stop(STORE, reply="T05thread:01;watch:0;", dr7=0xD0040A, dr={1: 0x5000}, registers=RBX, on=KVM_AMD)
    (row,) = (cause for cause in explain(guests).causes if cause.owner == "guest")
    assert row.confidence == "likely"
    assert row.because[0] == "the stub reports watch at 0x0"


def test_a_dr6_that_stayed_is_left_over_with_its_reserved_bits() -> None:
    assert explain(stop(dr6=0xFFFF5FF1)).guest_dr6 == GuestDr6(0xFFFF5FF1, (), ("B0", "BS"), ("bit 12 must read 0",))


def test_a_dr6_that_changed_tells_the_new_bits_from_the_old() -> None:
    assert explain(changed(0xFFFF5FF3)).guest_dr6 == GuestDr6(
        0xFFFF5FF3, ("B1", "BS"), ("B0",), ("bit 12 must read 0",)
    )


def test_a_step_in_which_the_guest_had_an_event_of_its_own_says_so() -> None:
    said = "The guest's own DR6 gained B1, BS in this step: it was delivered a #DB; catch db to have it explained."
    assert said in explain(changed(0xFFFF4FF3)).advice
    assert explain(changed(0xFFFF0FF1)).advice == ()
    assert explain(changed(0xFFFF0FF0)).advice == ()
    assert not any("in this step" in text for text in explain(changed(0xFFFF4FF3, action=Action.CONTINUE)).advice)
    own_bs = replace(changed(0xFFFF4FF1), platform=XEN_INTEL_PV)
    assert not any("in this step" in text for text in explain(own_bs).advice), "Xen merges the step's BS into it"


def test_a_step_lacks_nothing_but_breakpoints_that_are_not_known() -> None:
    """One of the debugger's where the step ended would be a second cause."""
    assert explain(stop()).unknowns == ()
    assert explain(stop(own=None)).unknowns == ("the debugger's breakpoints: not given",)


EXITS: dict[str, tuple[Evidence, int | None]] = {
    "a step": (stop(), 0xFFFF4FF0),
    "a step that is only possible": (stop("c3", 0), None),
    "a step beside a breakpoint of the guest's": (
        STOPS["a jump to itself with a breakpoint of the guest on it"].evidence,
        None,
    ),
    "a step that lands on a breakpoint of the guest's": (stop(dr7=0x401, dr={0: 0x1001}, on=KVM_AMD), 0xFFFF4FF1),
    "a step over what the guest watches": (
        stop(STORE, dr7=0xD00004, dr={1: 0x5000}, registers=RBX, on=KVM_AMD),
        0xFFFF4FF2,
    ),
    "a watch and a step": (STOPS["a watch and a step at once"].evidence, 0xFFFF4FF1),
    "an access watch in slot 2": (watched(2), 0xFFFF0FF4),
    "a watch in slot 3": (watched(3), 0xFFFF0FF8),
    "a watch in a slot that no CPU has": (watched(4), None),
    "a watch in a slot that is not known": (watched(None), None),
    "a write watch in slot 0": (
        stop(STORE, reply="T05thread:01;watch:5000;", action=Action.CONTINUE, own=OWN_WRITE, registers=RBX),
        0xFFFF0FF1,
    ),
    "a step by Xen of an HVM guest on Intel": (stop(reply="T05thread:0;", on=XEN_INTEL), None),
    "a step by Xen of a PV guest on Intel": (stop(reply="T05thread:0;", on=XEN_INTEL_PV), 0xFFFF4FF0),
    "a step by Xen of a PV guest on AMD": (stop(reply="T05thread:0;", on=XEN_PV), 0xFFFF4FF0),
    "the guest's handler": (event(0xFFFF4FF0, rflags=TF), None),
}


@pytest.mark.parametrize("name", EXITS)
def test_the_dr6_of_the_exit_has_the_bits_of_the_debuggers_own_causes(name: str) -> None:
    evidence, value = EXITS[name]
    assert explain(evidence).exit_dr6 == ExitDr6(value, "unknown" if value is None else "reconstructed")


def test_an_instruction_that_is_only_probable_is_not_the_answers() -> None:
    answer = explain(event(0xFFFF4FF0, rflags=TF, on=KVM_AMD))
    assert "over the instruction in front, `nop`" in answer.summary
    assert answer.instruction is None


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        (
            event(None, with_code=False),
            "DR6 is not known, and the code in front of the saved RIP shows no cause",
        ),
        (
            event(0xFFFF0FF3, dr7=0x40F, dr={0: 0x7000, 1: 0x7000}, with_code=False),
            "DR6 shows B0, B1, which the other registers do not bear out",
        ),
        (
            event(0xFFFF0FF0, with_code=False),
            "DR6 shows no cause, and the code in front of the saved RIP is not known to be INT1",
        ),
    ],
)
def test_where_nothing_holds_the_answer_says_what_was_seen(evidence: Evidence, said: str) -> None:
    (cause,) = explain(evidence).causes
    assert (cause.cause, cause.because) == ("unknown", (said,))


def test_no_answer_hangs_on_what_is_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instructions are compared by value: with caches that forget at once, each answer is the same."""
    before = [explain(evidence) for evidence in ALL]

    def forgetful(code: bytes, mode: Mode) -> tuple[Shape, ...]:
        shape.cache_clear()
        predecessors_cached.cache_clear()
        return predecessors(code, mode)

    monkeypatch.setattr("gdbstub.explain.interrupted_code.predecessors", forgetful)
    assert [explain(evidence) for evidence in ALL] == before
