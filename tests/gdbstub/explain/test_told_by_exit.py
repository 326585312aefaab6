"""DR6 and DR7 of the exit itself, as KVM keeps them: what they name did it, and nothing else did."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gdbstub.explain.evidence import Action, Evidence, Known
from gdbstub.explain.explain import explain
from gdbstub.explain.explanation import Cause, Explanation
from gdbstub.explain.rules.told_by_exit import RAN_NOTHING
from gdbstub.x86.breakpoints import ArmedBreakpoint, BreakpointKind
from tests.gdbstub.explain.build import CODE, KVM_AMD, KVM_INTEL, TCG, know, platform, stop

STORE = "488903"
"""mov [rbx], rax"""
RBX = {"rbx": 0x5000}
TF = 0x102
BS, B0, B1, BOTH, BD, NONE = 0xFFFF4FF0, 0xFFFF0FF1, 0xFFFF0FF2, 0xFFFF4FF1, 0xFFFF2FF0, 0xFFFF0FF0
OURS = ArmedBreakpoint("debugger", BreakpointKind.WRITE, 0x5000, 8, 0)
HERE = ArmedBreakpoint("debugger", BreakpointKind.EXECUTE, CODE + 1, 1, 0)
GUESTS_WATCH = 0xD0401
"""DR0, four bytes written."""
Rows = list[tuple[str, str, str, int | None]]


def left(evidence: Evidence, dr6: int | None, dr7: int | None = None) -> Explanation:
    return explain(replace(evidence, exit_dr6=know(dr6), exit_dr7=know(dr7)))


def rows(answer: Explanation) -> Rows:
    return [(cause.cause, cause.owner, cause.confidence, cause.slot) for cause in answer.causes]


OWN_STEP = ("single-step", "debugger", "certain", None)


STEP_SOURCE, GIVEN = ("SDM 3B 18.3.1.4",), ("QEMU kvm_handle_debug", "KVM handle_exception_nmi", "KVM db_interception")
ASKED_FOR, MOVED, WITH_BS, WITH_B0 = (
    *("a step was asked for", "RIP moved past one instruction"),
    *("BS is set in the DR6 of the exit", "B0 is set in the DR6 of the exit"),
)
HIDDEN = "KVM gave this #DB to the debugger: the guest has not seen it"
STEPPED = Cause("single-step", "debugger", "trap", "certain", (ASKED_FOR, MOVED, WITH_BS), STEP_SOURCE)


@pytest.mark.parametrize(
    ("evidence", "dr6", "dr7", "wanted", "instruction"),
    [
        (stop("90", on=KVM_AMD), BS, None, STEPPED, "nop"),
        (
            stop(STORE, 0, own=(OURS,), registers=RBX, on=KVM_INTEL), BS, None,
            STEPPED._replace(because=(ASKED_FOR, WITH_BS, RAN_NOTHING)), None,
        ),
        (
            stop("0fc7f8", own=(OURS,), registers=RBX, on=KVM_AMD), BOTH, 0x90602,
            Cause(
                "data-write", "debugger", "trap", "certain",
                ("DR0 holds the debugger's write breakpoint at 0x5000", WITH_B0,
                 "DR7 of the exit (0x90602) is the debugger's"), ("SDM 3B 18.3.1.2",), 0,
            ), "rdseed eax",
        ),
        (
            stop(own=(HERE._replace(address=0x9000),), on=KVM_AMD), BOTH, 0x602,
            Cause(
                "instruction-breakpoint", "debugger", "fault", "certain",
                ("DR0 holds the debugger's execute breakpoint at 0x9000", WITH_B0,
                 "DR7 of the exit (0x602) is the debugger's"), ("SDM 3B 18.3.1.1",), 0,
            ), "nop",
        ),
        (
            stop(STORE, dr7=GUESTS_WATCH, dr={0: 0x5000}, registers=RBX, on=KVM_AMD), BOTH, GUESTS_WATCH,
            Cause(
                "data-write", "guest", "trap", "certain",
                ("the stepped instruction accesses what the guest's own DR0 covers", HIDDEN, WITH_B0,
                 "DR7 of the exit (0xd0401) is the guest's own"), ("SDM 3B 18.3.1.2", *GIVEN), 0,
            ), "mov qword ptr [rbx], rax",
        ),
        (
            stop("90", dr7=0x402, dr={0: CODE + 1}, on=KVM_AMD), BOTH, 0x402,
            Cause(
                "instruction-breakpoint", "guest", "fault", "certain",
                ("the guest's own DR0 is armed", HIDDEN, WITH_B0, "DR7 of the exit (0x402) is the guest's own"),
                ("SDM 3B 18.3.1.1",), 0,
            ), "nop",
        ),
        (
            stop("0f21f0", 0, on=KVM_AMD), BD, None,
            Cause(
                "general-detect", "guest", "fault", "certain", ("BD is set in the DR6 of the exit",),
                ("SDM 3B 18.3.1.3", "SDM 3B 18.2.4"),
            ), "mov rax, dr6",
        ),
        (
            stop("f1", 0, on=KVM_INTEL), NONE, None,
            Cause(
                "icebp", "guest", "trap", "certain",
                ("a step was asked for and RIP has not moved",
                 "the instruction there is INT1 (F1), whose exit leaves RIP on it",
                 "the DR6 of the exit names no cause"), ("KVM handle_exception_nmi",),
            ), "int1",
        ),
        (
            stop(action=Action.CONTINUE, rflags=2, on=KVM_AMD), BS, None,
            Cause(
                "single-step", "unknown", "trap", "possible", (WITH_BS, "the debugger had not asked for a step"),
                STEP_SOURCE,
            ), None,
        ),
    ],
    ids=lambda value: f"{value.cause} {value.owner}" if isinstance(value, Cause) else "",
)  # fmt: skip
def test_a_cause_is_told_whole(
    evidence: Evidence, dr6: int, dr7: int | None, wanted: Cause, instruction: str | None
) -> None:
    answer = left(evidence, dr6, dr7)
    assert wanted in answer.causes
    assert (answer.instruction and answer.instruction.text) == instruction


def test_the_exit_is_reported_and_whole_where_the_backend_keeps_it() -> None:
    answer = left(stop(on=KVM_AMD), BS, 0x400)
    assert rows(answer) == [OWN_STEP]
    assert answer.exit_dr6 == (BS, "reported")
    assert "BS is set in the DR6 of the exit" in answer.causes[0].because
    assert "BS is set in the DR6 of the exit" not in left(stop(on=TCG), BS).causes[0].because
    assert "BS is set in the DR6 of the exit" not in left(stop(on=platform("generic")), BS).causes[0].because


@pytest.mark.parametrize("action", [Action.ATTACH, None])
def test_an_exit_from_before_dr6_came_tells_nothing(action: Action | None) -> None:
    evidence = stop(on=KVM_AMD, action=action)
    assert rows(left(evidence, B0)) == rows(left(evidence, None))


def test_a_pause_is_no_exit() -> None:
    evidence = stop(on=KVM_AMD, action=Action.INTERRUPT, reply="T02thread:p01.01;")
    assert rows(left(evidence, BS)) == [("interrupt-request", "debugger", "certain", None)]


def test_a_step_that_ran_nothing_is_a_trap_in_front_of_its_instruction_and_no_watch_hit() -> None:
    """kvm_intel in Bochs; a store at which a watch of the debugger's lies was called a hit."""
    idle = stop(STORE, 0, own=(OURS,), registers=RBX, on=KVM_INTEL)
    assert rows(left(idle, None))[0][:2] == ("spurious", "unknown")
    answer = left(idle, BS)
    assert rows(answer) == [OWN_STEP]
    assert RAN_NOTHING in answer.causes[0].because
    assert answer.contradictions == left(idle, None).contradictions
    assert any("The step ran nothing." in text for text in answer.contradictions)
    pushed = stop("ff10", 0, registers={"rax": 0x5000}, on=KVM_INTEL)  # call [rax] may lead to itself
    assert RAN_NOTHING in left(pushed, BS).causes[0].because


def test_a_step_that_moved_somewhere_is_certain() -> None:
    elsewhere = stop("90", 0x40, on=KVM_AMD)
    assert rows(left(elsewhere, None)) == [("single-step", "debugger", "likely", None)]
    sure = left(elsewhere, BS)
    assert rows(sure) == [OWN_STEP]
    assert sure.advice == left(elsewhere, None).advice != ()
    assert rows(left(elsewhere, NONE))[0][0] == "unknown", "no trap came"


def test_a_watch_that_a_step_hides_is_certain_by_its_bit_and_none_without() -> None:
    evidence = stop(STORE, own=(OURS,), registers=RBX, on=KVM_AMD)
    assert rows(left(evidence, None)) == [OWN_STEP, ("data-write", "debugger", "likely", 0)]
    assert rows(left(evidence, BOTH, 0xD0602)) == [OWN_STEP, ("data-write", "debugger", "certain", 0)]
    assert rows(left(evidence, BS, 0xD0602)) == [OWN_STEP]


def test_a_hit_that_the_code_does_not_show_is_named_by_its_bit() -> None:
    answer = left(stop("0fc7f8", own=(OURS,), registers=RBX, on=KVM_AMD), BOTH, 0x90602)
    assert rows(answer) == [OWN_STEP, ("data-write", "debugger", "certain", 0)]
    assert answer.causes[1].because == (
        "DR0 holds the debugger's write breakpoint at 0x5000",
        "B0 is set in the DR6 of the exit",
        "DR7 of the exit (0x90602) is the debugger's",
    )


def test_a_step_that_lands_on_a_breakpoint_of_the_debuggers_has_its_bit_too() -> None:
    evidence = stop(own=(HERE,), on=KVM_AMD)
    assert left(evidence, None).exit_dr6 == (BOTH, "reconstructed")
    assert left(stop(own=(HERE._replace(slot=None),), on=KVM_AMD), None).exit_dr6.value is None
    assert left(stop(own=(HERE,), on=TCG), None).exit_dr6 == (BS, "reconstructed"), "no register of the CPU holds it"
    assert rows(left(evidence, BOTH, 0x602)) == [OWN_STEP, ("instruction-breakpoint", "debugger", "certain", 0)]
    far = stop(own=(HERE._replace(address=0x9000),), on=KVM_AMD)
    assert rows(left(far, BOTH, 0x602))[1] == ("instruction-breakpoint", "debugger", "certain", 0)


def test_the_guests_own_breakpoint_is_the_guests_by_dr7() -> None:
    evidence = stop(STORE, dr7=GUESTS_WATCH, dr={0: 0x5000}, registers=RBX, on=KVM_AMD)
    answer = left(evidence, BOTH, GUESTS_WATCH)
    assert rows(answer) == [OWN_STEP, ("data-write", "guest", "certain", 0)]
    assert "DR7 of the exit (0xd0401) is the guest's own" in answer.causes[1].because
    assert rows(left(evidence, BS, GUESTS_WATCH)) == [OWN_STEP], "it was not met"
    unseen = replace(evidence, before=replace(evidence.before, registers=know(None)))
    unseen = replace(unseen, after=replace(unseen.after, dr0=know(None)))
    assert rows(left(unseen, BOTH, 0)) == rows(answer), "DR7 is not filled in, and none of the debugger's is armed"
    execute = stop("90", dr7=0x402, dr={0: CODE + 1}, on=KVM_AMD)
    assert rows(left(execute, BOTH, 0x402))[1] == ("instruction-breakpoint", "guest", "certain", 0)


def test_what_both_may_have_is_possible_where_the_debuggers_breakpoints_are_not_known() -> None:
    evidence = stop(STORE, own=None, dr7=GUESTS_WATCH, dr={0: 0x5000}, registers=RBX, on=platform("qemu-kvm"))
    assert rows(left(evidence, BOTH))[1] == ("data-write", "guest", "possible", 0)
    assert rows(left(stop(STORE, own=None, dr7=None, on=KVM_AMD), BOTH, 0x401)) == [OWN_STEP]


def test_a_stray_address_in_the_reply_is_the_guests_hit_where_its_bit_is_set() -> None:
    """QEMU names an address of its own table for the guest's slot: 0 where that slot is empty."""
    stray = stop(STORE, reply="T05thread:p01.01;awatch:0;", dr7=GUESTS_WATCH, dr={0: 0x5000}, registers=RBX, on=KVM_AMD)
    assert rows(left(stray, B0, GUESTS_WATCH)) == [("data-write", "guest", "certain", 0)]


def test_general_detect_is_told_by_its_bit() -> None:
    known = stop("0f21f0", 0, dr7=0x2400, on=KVM_AMD)
    assert rows(left(known, BD)) == [("general-detect", "guest", "certain", None)]
    assert rows(left(stop("0f21f0", 0, on=KVM_AMD), BD)) == [("general-detect", "guest", "certain", None)]


def test_int1_leaves_no_bit_and_is_certain_without_one() -> None:
    evidence = stop("f1", 0, on=KVM_INTEL)
    assert rows(left(evidence, None)) == [("icebp", "guest", "likely", None)]
    assert rows(left(evidence, NONE)) == [("icebp", "guest", "certain", None)]
    assert rows(left(evidence, BS)) == [OWN_STEP], "it has not run yet"


def test_a_db_is_no_bp_though_rip_is_on_an_int3() -> None:
    int3 = ArmedBreakpoint("debugger", BreakpointKind.SOFTWARE, CODE + 1, 1)
    evidence = stop(own=(int3, HERE), action=Action.CONTINUE, on=KVM_AMD)
    assert rows(left(evidence, B0, 0x602)) == [("instruction-breakpoint", "debugger", "certain", 0)]
    assert ("software-breakpoint", "debugger", "certain", None) in rows(left(evidence, None))
    step = left(stop(own=(int3,), on=KVM_AMD), BS)
    assert rows(step) == [OWN_STEP, ("software-breakpoint", "debugger", "possible", None)]


@pytest.mark.parametrize(("rflags", "owner", "level"), [(TF, "guest", "likely"), (2, "unknown", "possible")])
def test_a_trap_that_nobody_asked_for_is_not_the_debuggers(rflags: int, owner: str, level: str) -> None:
    answer = left(stop(action=Action.CONTINUE, rflags=rflags, on=KVM_AMD), BS)
    assert rows(answer) == [("single-step", owner, level, None)]


def test_the_guests_own_step_stays_beside_the_debuggers() -> None:
    answer = left(stop(rflags=TF, on=KVM_AMD), BS)
    assert rows(answer) == [OWN_STEP, ("single-step", "guest", "possible", None)]


def test_the_evidence_goes_through_a_file() -> None:
    from gdbstub.backends import ABILITIES
    from gdbstub.explain.evidence_json import evidence_from_json, evidence_to_json

    evidence = replace(stop(STORE, on=KVM_AMD), exit_dr6=Known(BOTH, "kvm_run"), exit_dr7=Known(0x401, "kvm_run"))
    written = evidence_to_json(evidence)
    assert (written["exit_dr6"], written["exit_dr7"]) == ("0xffff4ff1", "0x401")
    assert evidence_to_json(evidence_from_json(written, ABILITIES)) == written


@pytest.mark.parametrize("evidence", [stop("cd20", 0x40, on=KVM_AMD), stop("8ed0", on=KVM_AMD)])
def test_what_a_step_departs_in_is_said_with_the_exit_too(evidence: Evidence) -> None:
    """A step that goes past a gate, one that ends directly behind MOV SS."""
    assert left(evidence, BS).contradictions == left(evidence, None).contradictions != ()


def test_all_reasons_of_a_hit_are_kept() -> None:
    reply = "T05thread:p01.01;awatch:0;"
    stray = stop(STORE, reply=reply, dr7=GUESTS_WATCH, dr={0: 0x5000}, registers=RBX, on=KVM_AMD)
    because = left(stray, B0, GUESTS_WATCH).causes[0].because
    assert "the stub reports awatch at 0x0" in because
    assert "KVM gave this #DB to the debugger: the guest has not seen it" in because
