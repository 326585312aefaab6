"""Nothing wrong is said: no certainty about what never ran, no two sentences that exclude each other, and no silence
where what was seen and the architecture exclude each other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gdbstub.explain.evidence import Action, CodeBytes, CpuFacts, Evidence, Known
from gdbstub.explain.evidence_json import evidence_from_json
from gdbstub.explain.exception_facts import ExceptionFacts
from gdbstub.explain.explain import explain
from gdbstub.explain.stop_facts import StopFacts
from gdbstub.x86.breakpoints import ArmedBreakpoint, BreakpointKind
from gdbstub.x86.exceptions import Frame
from tests.gdbstub.explain.build import CODE, KVM_AMD, KVM_INTEL, TCG, TCG_10, event, know, stop
from tests.gdbstub.explain.vectors import MOV_SS_MEM, RBX, TF

RF = 0x10002
AGAIN = Frame(CODE, 8, TF)
ON_5000: dict[str, Any] = {"dr7": 0xF0040A, "dr": {1: 0x5000}}
"""DR1 watches 5000h for any access."""


def causes(evidence: Evidence) -> list[str]:
    return [f"{row.cause} {row.owner} {row.confidence}" for row in explain(evidence).causes]


def against(evidence: Evidence) -> str:
    return " ".join(explain(evidence).contradictions)


OUTSB = "66ba8000fcf36e90"
"""MOV DX, 80h; CLD; REP OUTSB. Read backwards from the REP, ADD BYTE PTR [EAX], FCh fits as well."""


def outsb(rflags: int) -> Evidence:
    return evidence_from_json(
        {
            "mode": 32, "vector": 1, "at_handler": True, "before": {"dr6": "0xffff0ff0"},
            "after": {"rip": "0x402000", "dr6": "0xffff0ff2", "dr7": "0x300404", "dr1": "0x102081", "rsi": "0x102082",
                      "rcx": "0x1", "rax": "0x102081"},
            "frame": {"rip": "0x401005", "cs": "0x8", "rflags": hex(rflags)},
            "code": {"address": "0x401000", "bytes": OUTSB},
        }
    )  # fmt: skip


def test_a_rep_that_rip_stays_on_is_the_instruction_at_the_saved_rip() -> None:
    """REP MOVSD between two iterations: RIP is its own address, and RF is set."""
    registers = {"rdi": 0x5004, "rsi": 0x6004, "rcx": 3}
    hit = event(0xFFFF0FF2, code="90", rest="f3a5909090", rflags=RF, registers=registers, **ON_5000)
    because = explain(hit).causes[0].because
    assert "the instruction at the saved RIP accesses what it covers" in because
    behind = event(0xFFFF0FF2, code="f3a5", registers=registers | {"rcx": 0}, **ON_5000)
    assert "the instruction before the saved RIP accesses what it covers" in explain(behind).causes[0].because


@pytest.mark.parametrize("rflags", [RF, 2])
def test_a_rep_in_its_middle_is_not_taken_for_an_instruction_that_never_ran(rflags: int) -> None:
    answer = explain(outsb(rflags))
    assert "`rep outsb" in answer.summary
    assert answer.instruction is not None
    assert answer.instruction.address == 0x401005


def test_what_only_another_reading_of_the_bytes_accesses_is_likely() -> None:
    """The same without a REP behind: CLD ran last, and the ADD that fits begins inside of the MOV."""
    stopped = outsb(2)
    code = (CodeBytes(0x401000, bytes.fromhex("66ba8000fc9090")),)
    answer = explain(replace(stopped, code=code))
    assert [(row.cause, row.confidence) for row in answer.causes] == [("data-access", "likely")]
    assert answer.instruction is None


def test_rf_says_that_the_rep_was_it_even_where_the_instruction_in_front_fits() -> None:
    code = "488903f36e"
    registers = {"rbx": 0x5000, "rsi": 0x5001, "rcx": 1, "rdx": 0x80}
    middle = event(0xFFFF0FF2, code=code, after=3, rflags=RF, registers=registers, **ON_5000)
    assert "`rep outsb" in explain(middle).summary
    behind = event(0xFFFF0FF2, code=code, after=3, registers=registers, **ON_5000)
    assert "`mov qword ptr [rbx], rax`" in explain(behind).summary


def test_a_step_that_nobody_can_have_asked_for_is_possible_at_most() -> None:
    """TF is clear behind a MOV, which leaves it as it was."""
    stopped = event(0xFFFF4FF0, code="4889d8", rflags=0x46)
    assert causes(stopped) == ["single-step guest possible"]
    assert "BS is new, but TF is clear behind `mov rax, rbx`" in against(stopped)
    assert causes(event(0xFFFF4FF0, code="909d")) == ["single-step guest likely"], "POPF may have taken TF away"
    assert causes(event(0xFFFF4FF0, code="90", old=0xFFFF4FF0)) == ["unknown unknown possible"]
    nowhere = event(0xFFFF4FF0, with_code=False)
    assert causes(nowhere) == ["single-step guest possible"]
    assert against(nowhere) == ""


MOV_DR6 = "0f23f0"


def test_a_bs_that_the_guest_wrote_itself_is_no_news() -> None:
    written = event(0xFFFF4FF0, code=MOV_DR6 + "90")
    assert causes(written) == ["single-step guest possible"]
    assert "`mov dr6, rax` in front may have written it" in explain(written).causes[0].because
    assert against(written).startswith("TF is clear behind `nop`, if no branch led here, and that leaves TF as it was")
    assert "saved RFLAGS" not in " ".join(explain(written).causes[0].because), "TF 0 is no reason for a step"


def facts(evidence: Evidence) -> ExceptionFacts:
    return ExceptionFacts(StopFacts(evidence))


def test_the_value_that_is_known_to_have_been_written_into_dr6_is_what_stood_there() -> None:
    exact = event(0xFFFF4FF0, code=MOV_DR6, registers={"rax": 0xFFFF4FF0}, last_frame=Frame(CODE, 8, 2))
    assert facts(exact).old == 0x4000
    assert facts(replace(exact, after=replace(exact.after, registers=know(None)))).old is None
    assert facts(event(0xFFFF4FF0, code=MOV_DR6, rflags=TF)).old == 0, "with TF a step is due anyway"
    assert facts(event(0xFFFF4FF0, code="0f21f0")).old == 0, "a read writes nothing"


def test_int1_behind_mov_ss_under_tf_leaves_no_bs() -> None:
    """kvm-unit-tests debug.c expects ffff0ff0."""
    stepped = event(0xFFFF0FF0, code="8ed0f1", rflags=TF, last_frame=AGAIN, on=KVM_AMD)
    assert causes(stepped) == ["icebp guest certain"]
    assert against(stepped) == ""


def test_a_rep_that_is_done_is_not_said_to_go_on() -> None:
    """With icount QEMU 7.2 leaves RIP on a REP that is done."""
    done = {"rcx": 0, "rsi": 1, "rdi": 2}
    for platform in (TCG, TCG_10):
        stopped = event(
            *(0xFFFF4FF0,), code="", rest="f3a490", rflags=TF, registers=done, last_frame=AGAIN, on=platform
        )  # fmt: skip
        assert "The last iteration of the REP instruction is done" in against(stopped)
        assert "Known quirk tcg-rep-last" in against(stopped)
        assert "iterations of the REP instruction remain" not in against(stopped)
    more = event(0xFFFF4FF0, code="", rest="f3a490", rflags=TF, registers=done | {"rcx": 1}, last_frame=AGAIN, on=TCG)
    assert "iterations of the REP instruction remain" in against(more)


def test_an_instruction_breakpoint_with_rf_in_its_frame_is_a_contradiction() -> None:
    stopped = event(0xFFFF0FF1, dr7=0x401, dr={0: CODE + 2}, rflags=RF)
    assert causes(stopped) == ["instruction-breakpoint guest likely"]
    assert "RF is 1 in the frame, and DR0 is an instruction breakpoint" in against(stopped)
    assert against(event(0xFFFF0FF1, dr7=0x401, dr={0: CODE + 2})) == ""


def test_64_bit_code_has_no_task_switches() -> None:
    stopped = event(0xFFFF8FF0, tr=(0x28, 0x30))
    assert causes(stopped) == ["task-switch guest possible"]
    assert "DR6.BT is set in 64-bit code" in against(stopped)
    assert against(event(0xFFFF8FF0, mode=32, tr=(0x28, 0x30))) == ""
    assert "64-bit" not in against(event(0xFFFF8FF0, mode=None, tr=(0x28, 0x30)))


@pytest.mark.parametrize(("mode", "code"), [(32, "17"), (64, "8e13"), (64, "8e1527170000"), (32, "8e10")])
def test_no_data_hit_comes_directly_behind_mov_ss_or_pop_ss(mode: Any, code: str) -> None:
    """Whether or not the registers of the operand are known."""
    stopped = event(0xFFFF0FF2, code=code, mode=mode, **ON_5000, on=TCG)
    assert "directly behind" in against(stopped)
    assert "tcg-mov-ss-data" in against(stopped)
    later = event(0xFFFF0FF2, code=code + "90", mode=mode, **ON_5000, on=TCG)
    assert "directly behind" not in against(later)


def test_a_second_mov_ss_in_a_row_holds_nothing_back() -> None:
    twice = event(0xFFFF0FF2, code="17" + "17", mode=32, **ON_5000, on=TCG)
    assert "directly behind" not in against(twice)


def locked(debugctl: int | None, **more: Any) -> Evidence:
    return event(0xFFFF07F0, code="f0ff4fff", cs=0x33, debugctl=debugctl, **more)


def test_a_bus_lock_that_the_guest_did_not_ask_for_is_the_hypervisors() -> None:
    assert causes(locked(0, on=KVM_AMD)) == ["bus-lock hypervisor likely"]
    assert "kvm-leaks-bus-lock-detect" in against(locked(0, on=KVM_AMD))
    assert "Known quirk" not in against(locked(0, on=KVM_INTEL))
    assert causes(locked(4)) == ["bus-lock guest certain"]
    assert causes(locked(None)) == ["bus-lock guest likely"]
    assert causes(replace(locked(None), after=replace(locked(None).after, debugctl=know(4)))) == [
        "bus-lock guest certain"
    ]


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ({"dr7": 0x400}, "DR7.RTM is 0"),
        ({"dr7": 0xC00, "debugctl": 0}, "DEBUGCTL bit 15 is 0"),
        ({"dr7": None, "on": KVM_AMD}, "CPUs of AMD have no RTM"),
    ],
)
def test_rtm_is_no_cause_where_it_is_ruled_out(known: Any, why: str) -> None:
    stopped = event(0xFFFE0FF0, rest="c7f802000000", **known)
    assert "rtm" not in " ".join(causes(stopped))
    assert f"DR6.RTM is 0 although {why}" in against(stopped)


def test_rtm_is_certain_where_all_that_could_rule_it_out_is_known() -> None:
    assert causes(event(0xFFFE0FF0, rest="c7f802000000", dr7=0xC00, debugctl=0x8000)) == ["rtm guest certain"]
    assert causes(event(0xFFFE0FF0, rest="c7f802000000", dr7=0xC00)) == ["rtm guest possible"]
    assert causes(event(0xFFFE0FF0, rest="c7f802000000", dr7=None)) == ["rtm guest possible"]


def test_a_hit_that_mov_ss_put_off_is_missed_where_it_is_not_in_dr6() -> None:
    shadowed: dict[str, Any] = {"code": MOV_SS_MEM + "90", "rflags": TF, "registers": RBX, "on": KVM_INTEL, **ON_5000}
    cases: tuple[dict[str, Any], ...] = ({}, {"last_frame": AGAIN})
    for more in cases:
        lost = event(0xFFFF4FF0, **shadowed, **more)
        assert "sets B1 too; it is clear. Known quirk kvm-drops-shadowed-hits" in against(lost), more
        assert "B1 too" not in against(event(0xFFFF4FF2, **shadowed, **more))
    beside_int1 = event(0xFFFF0FF0, code=MOV_SS_MEM + "f1", registers=RBX, on=KVM_INTEL, last_frame=AGAIN, **ON_5000)
    assert "sets B1 too; it is clear" in against(beside_int1)


def test_a_step_over_mov_ss_and_the_next_is_seen_from_where_the_debugger_stepped() -> None:
    """The registers of before the step tell what MOV SS accessed."""
    stepped = event(
        0xFFFF4FF0, code=MOV_SS_MEM + "5b", rflags=TF, action=Action.STEP, before_rip=CODE, before_rflags=TF,
        before_bytes=MOV_SS_MEM + "5b", on=KVM_INTEL, **ON_5000,
    )  # fmt: skip
    before: CpuFacts = replace(stepped.before, registers=Known({"rbx": 0x5000, "rsp": 0x7000}, "test"))
    assert "sets B1 too; it is clear" in against(replace(stepped, before=before))


@pytest.mark.parametrize(("first", "late"), [("90", True), ("e680", True), ("0fa2", True), ("4889d8", True)])
def test_a_step_that_comes_one_instruction_late_is_seen(first: str, late: bool) -> None:
    stopped = event(0xFFFF4FF0, code=first + "90", rflags=TF, last_frame=AGAIN)
    assert ("One trap covers" in against(stopped)) is late


@pytest.mark.parametrize("first", ["0f32", "488b03", "0f22c0", "f4", "e680"])
def test_an_instruction_that_may_have_faulted_is_not_said_to_have_lacked_its_trap(first: str) -> None:
    """Its handler may have gone on behind it; OUT faults above CPL 0 only."""
    cs = 0x33 if first == "e680" else 0x8
    stopped = event(0xFFFF4FF0, code=first + "90", rflags=TF, cs=cs, last_frame=Frame(CODE, cs, TF))
    assert "One trap covers" not in against(stopped)


@pytest.mark.parametrize(
    ("code", "moved", "named"),
    [
        ("c3", 8, "over `ret`"),
        ("c21000", 24, "over `ret 0x10`"),
        ("cb", 8, "over `retf`"),
        ("ff23", 0, "over `jmp qword ptr [rbx]`"),
        ("ffd3", -8, "over `call rbx`"),
        ("c3", 16, ""),
    ],
)
def test_a_step_over_a_return_is_named_where_the_handlers_own_return_and_the_stack_show_it(
    code: str, moved: int, named: str
) -> None:
    cs = 0x33 if code == "cb" else 0x8
    landed = event(
        0xFFFF4FF0, code=code, after=0x100, rflags=TF, cs=cs, last_frame=Frame(CODE, 8, TF, 0x8000 - moved, 0x10)
    )
    assert ("over" in explain(landed).summary) is bool(named)
    assert named in explain(landed).summary
    without = replace(landed, last_frame=Known(Frame(CODE, 8, TF), "test"))
    assert "over" not in explain(without).summary


SOFT = (ArmedBreakpoint("debugger", BreakpointKind.SOFTWARE, CODE, 1),)
HARD = (ArmedBreakpoint("debugger", BreakpointKind.EXECUTE, CODE, 1, 0),)


def broken_off(reply: str, **more: Any) -> Evidence:
    return stop("90", 0, reply=reply, action=Action.INTERRUPT, **more)


@pytest.mark.parametrize("reply", ["T05thread:01;", "S00", "T00thread:01;"])
def test_the_first_stop_behind_our_break_is_an_interrupt(reply: str) -> None:
    assert causes(broken_off(reply)) == ["interrupt-request debugger likely"]
    assert "no breakpoint of the debugger accounts for it" in explain(broken_off(reply)).causes[0].because
    assert causes(broken_off(reply, own=None)) == ["interrupt-request debugger likely"]


@pytest.mark.parametrize("own", [SOFT, HARD])
def test_an_interrupt_at_a_breakpoint_whose_condition_is_false_is_an_interrupt_at_it(own: Any) -> None:
    answer = explain(broken_off("T05thread:01;", own=own))
    assert answer.summary == "stopped because the debugger asked for it"
    assert [row.confidence for row in answer.causes] == ["likely", "possible"]
    assert any("stands at RIP as well" in why for why in answer.causes[0].because)


def test_a_reply_that_names_the_breakpoint_accounts_for_the_stop() -> None:
    assert causes(broken_off("T05thread:01;swbreak:;", own=SOFT)) == ["software-breakpoint debugger certain"]


def test_another_signal_behind_our_break_is_named() -> None:
    answer = explain(broken_off("T0bthread:01;"))
    assert "signal 11 (SIGSEGV), which is no debug stop" in answer.summary


@pytest.mark.parametrize(("code", "vector"), [("cd01", 1), ("cd03", 3), ("cd04", 4), ("cd0d", 13), ("cd80", 128)])
def test_int_n_is_a_software_interrupt_of_no_class_whatever_its_vector(code: str, vector: int) -> None:
    stopped = event(0xFFFF0FF0, code=code, vector=vector, last_frame=Frame(CODE, 8, 2))
    answer = explain(
        replace(
            stopped,
            action=Known(Action.STEP, "test"),
            before=CpuFacts(rip=know(CODE), bytes=know(bytes.fromhex(code)), dr6=know(0xFFFF0FF0)),
        )
    )
    assert answer.causes[0].klass == "none"
    assert "software interrupt" in answer.summary
    assert "RIP is behind it" in answer.summary


@pytest.mark.parametrize(
    ("code", "vector", "level"),
    [("cc", 3, "certain"), ("b0cc", 3, "likely"), ("cd03", 3, "certain"), ("b80000cd03", 3, "likely")],
)
def test_int3_is_certain_only_where_it_reads_so(code: str, vector: int, level: str) -> None:
    """B0 CC is MOV AL, CCh, and what was an INT3 there can have been taken out since."""
    assert explain(event(0xFFFF0FF0, code="9090" + code, vector=vector)).causes[0].confidence == level


@pytest.mark.parametrize(
    ("code", "level"), [("f1", "certain"), ("0f21f1", "possible"), ("cd01", "certain"), ("b80000cd01", "possible")]
)
def test_a_vector_1_without_bits_is_certain_only_where_it_reads_so(code: str, level: str) -> None:
    assert explain(event(0xFFFF0FF0, code="90" * 15 + code)).causes[0].confidence == level


@pytest.mark.parametrize("code", ["f1", "cd01"])
@pytest.mark.parametrize(("front", "level"), [(0, "likely"), (1, "likely"), (12, "likely"), (15, "certain")])
def test_how_sure_it_is_goes_by_how_much_of_the_code_in_front_is_known(code: str, front: int, level: str) -> None:
    """An instruction has at most 15 bytes: with fewer known, a longer one may end so."""
    cause = explain(event(0xFFFF0FF0, code="90" * front + code)).causes[0]
    assert cause.confidence == level
    assert any("may end so" in clause for clause in cause.because) is (level == "likely")
    returned = explain(event(0xFFFF0FF0, code=code, last_frame=AGAIN)).causes[0]
    assert returned.confidence == "certain", "execution is known to have come to it"


def test_int1_needs_a_version_that_has_it() -> None:
    seen = event(0xFFFF0FF0, code="90" * 15 + "f1", on=TCG_10)
    assert causes(seen) == ["icebp guest certain"]
    unknown = replace(seen, platform=replace(TCG_10, version=know(None)))
    assert causes(unknown) == ["icebp guest likely"]
    assert any("version is not known" in clause for clause in explain(unknown).causes[0].because)


def test_an_old_hit_that_an_emulator_shows_beside_a_step_is_possible_where_nobody_stopped_the_guest() -> None:
    stopped = event(0xFFFF4FF2, rflags=TF, code="8803", **ON_5000, on=TCG, with_code=False)
    watched = replace(stopped, reply=know(None))
    assert "data-access guest likely" in causes(stopped)
    assert "data-access guest possible" in causes(watched)
    assert "data-access guest likely" in causes(replace(watched, platform=KVM_AMD))


def test_an_iret_that_began_with_tf_is_probable_since_rsp_tells_nothing_of_it() -> None:
    def landed(flags: int) -> str:
        last = Frame(CODE, 8, flags, 0x8000, 0x10)
        return explain(event(0xFFFF4FF0, code="48cf", after=0x100, rflags=TF, last_frame=last)).summary

    assert "probably over `iretq`" in landed(TF)
    assert "iret" not in landed(2)


def test_an_instruction_in_front_is_no_evidence_of_what_a_step_was_over() -> None:
    """JMP over a NOP, stepped: nothing but the bytes in front of the saved RIP speaks for the NOP, which never ran."""
    jumped = event(0xFFFF4FF0, code="eb0190", rflags=TF)
    assert explain(jumped).summary == (
        "single-step by the guest, over the instruction in front, `nop`, if no branch led here"
    )
    assert explain(jumped).instruction is None
    known = explain(replace(jumped, last_frame=know(Frame(CODE + 2, 8, TF))))
    assert known.summary == "single-step by the guest over `nop`"


def test_a_branch_step_is_not_said_to_be_over_what_it_jumped_across() -> None:
    jumped = explain(event(0xFFFF4FF0, code="eb0190", rflags=TF, debugctl=2))
    assert (jumped.causes[0].cause, "nop" in jumped.summary) == ("branch-step", False)


def test_an_instruction_breakpoint_whose_len_is_not_00_is_likely_at_most() -> None:
    hit = event(0xFFFF0FF1, dr7=0xC0401, dr={0: CODE + 2})
    assert causes(hit) == ["instruction-breakpoint guest likely"]
    assert "LEN0 is not 00, which leaves an instruction breakpoint undefined" in explain(hit).causes[0].because
    assert causes(event(0xFFFF0FF1, dr7=0x401, dr={0: CODE + 2})) == ["instruction-breakpoint guest certain"]


def test_a_data_breakpoint_that_is_not_aligned_says_what_it_covers() -> None:
    watched: dict[str, Any] = {"code": "8b07", "dr7": 0xF0040A, "registers": {"rdi": 0x5000}}
    said = explain(event(0xFFFF0FF2, dr={1: 0x5002}, **watched)).causes[0].because
    assert "LEN1 masks the low bits of DR1: it covers 4 bytes from 0x5000 on" in said
    assert "masks" not in "".join(explain(event(0xFFFF0FF2, dr={1: 0x5000}, **watched)).causes[0].because)


JMP = "ff2502000000"
"""JMP [RIP+2]: it reads CODE + 8."""
ON_TABLE: dict[str, Any] = {"dr7": 0xB0401, "dr": {0: CODE + 8}}


@pytest.mark.parametrize(
    "seen",
    [
        {"last_frame": Frame(CODE, 8, RF)},
        {"action": Action.CONTINUE, "before_rip": CODE, "before_bytes": JMP},
    ],
    ids=["the last handler returned to it", "the guest was resumed at it"],
)
def test_a_jump_through_what_is_watched_is_named_where_execution_was_at_it(seen: dict[str, Any]) -> None:
    hit = event(0xFFFF0FF1, code=JMP, after=0x500, **ON_TABLE, **seen)
    assert "probably by `jmp qword ptr [rip + 2]`" in explain(hit).summary
    assert causes(hit) == ["data-access guest likely"]
    elsewhere = replace(hit, code=(CodeBytes(CODE, bytes.fromhex("ff25f2ff0000")),))
    assert "jmp" not in explain(replace(elsewhere, before=CpuFacts(dr6=know(0xFFFF0FF0)))).summary


def test_an_instruction_that_ran_last_and_accesses_other_places_is_a_contradiction() -> None:
    def ran(code: str, **watch: Any) -> Evidence:
        return event(0xFFFF0FF2, code=code, action=Action.STEP, before_rip=CODE, before_bytes=code, **watch)

    watched: dict[str, Any] = {**ON_5000, "registers": {"rdi": 0x6000}}
    assert "does not access what DR1 covers" in against(ran("8b07", **watched))
    assert against(ran("8b07", **watched | {"registers": {"rdi": 0x5000}})) == ""
    assert against(ran("8b07", **ON_5000)) == ""
    written: dict[str, Any] = {"dr7": 0xD0040A, "dr": {1: 0x5000}, "registers": {"rdi": 0x5000}}
    assert "writes no memory" in against(ran("8b07", **written))


def test_a_step_directly_behind_mov_ss_is_a_contradiction_by_the_likeliest_reading() -> None:
    behind = event(0xFFFF4FF0, code="908ed0", rflags=TF)
    assert "The step trapped directly behind `mov ss, eax`, if no branch led here; hardware" in against(behind)
    assert "behind" not in against(event(0xFFFF4FF0, code="8ed08ed0", rflags=TF))


def test_a_bus_lock_is_not_said_of_an_instruction_that_locks_nothing() -> None:
    def locked(code: str) -> str:
        return explain(event(0xFFFF07F0, code=code, cs=0x33, debugctl=4)).summary

    assert "lock xchg" in locked("f08707")
    assert "nop" not in locked("909090")


def test_a_transaction_on_an_amd_cpu_is_no_cause() -> None:
    inside = event(0xFFFE0FF0, rest="c7f800000000", dr7=0xC00, debugctl=0x8000, on=KVM_AMD)
    assert causes(inside) == ["unknown unknown possible"]
    assert "CPUs of AMD have no RTM" in against(inside)
    assert causes(replace(inside, platform=KVM_INTEL)) == ["rtm guest certain"]


def test_general_detect_at_another_privilege_level_or_beside_a_step_is_a_contradiction() -> None:
    detected = event(0xFFFF2FF0, code="", rest="0f21c0")
    assert (causes(detected), against(detected)) == (["general-detect guest certain"], "")
    user = event(0xFFFF2FF0, code="", rest="0f21c0", cs=0x33)
    assert causes(user) == ["general-detect guest likely"]
    assert "raises #GP" in against(user)
    both = event(0xFFFF6FF0, code="90", rest="0f21c0", rflags=TF)
    assert "BD is new together with BS" in against(both)
    assert "general-detect guest likely" in causes(both)


def test_an_iteration_that_rf_shows_is_named_in_front_of_nothing() -> None:
    iterating = event(0xFFFF4FF0, code="", rest="f3a490", rflags=TF | 0x10000, registers={"rcx": 3})
    assert "over `rep movsb" in explain(iterating).summary
