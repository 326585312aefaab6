"""Which instruction is taken to have run last, and from where a step is taken to have begun, where evidence is thin."""

from __future__ import annotations

from dataclasses import replace

from gdbstub.explain.evidence import NOTHING_KNOWN, Action, Evidence, Known
from gdbstub.explain.exception_facts import ExceptionFacts
from gdbstub.explain.explain import explain
from gdbstub.explain.reconstruct import in_front_of_the_step
from gdbstub.explain.rules.page_fault import _fetch, cpl
from gdbstub.explain.stop_facts import StopFacts
from gdbstub.x86.breakpoints import ArmedBreakpoint, BreakpointKind
from gdbstub.x86.exceptions import Frame
from gdbstub.x86.interrupted_registers import interrupted
from tests.gdbstub.explain.build import CODE, HANDLER, KVM_AMD, KVM_INTEL, TCG, XEN, event, know, stop
from tests.gdbstub.explain.vectors import RBX, STORE, TF

ENTRY = 0x1000
"""Where SYSCALL leads: `event` has its saved RIP behind ``code``."""


def read(evidence: Evidence) -> ExceptionFacts:
    return ExceptionFacts(StopFacts(evidence))


def test_the_handlers_first_instruction_ran_where_the_guest_was_resumed_in_front_of_it() -> None:
    began = event(0xFFFF0FF2, code="50", handler=CODE, before_rip=CODE, before_bytes="50", action=Action.CONTINUE)
    assert read(began).handler_began() is not None
    elsewhere = replace(began, before=replace(began.before, rip=know(CODE + 8)))
    assert read(elsewhere).handler_began() is None
    other_code = replace(began, before=replace(began.before, bytes=know(b"\xeb\x10")))
    assert read(other_code).handler_began() is None


def syscall(code: str = "0f05", rflags: int = TF, r11: int = TF | 2, rcx: int = CODE + 2) -> Evidence:
    """At a kernel's entry (far from the code): RCX is behind ``code``."""
    at_entry = event(0xFFFF4FF0, code=code, rflags=rflags, registers={"rcx": rcx, "r11": r11, "rsp": 0x9000}, on=TCG)
    frame = Frame(0x7000, 0x8, rflags, 0x9000, 0x10)
    return replace(at_entry, frame=Known(frame, "test"))


def test_a_syscall_is_seen_by_rcx_and_r11() -> None:
    ran = read(syscall()).last_instruction()
    assert ran is not None
    assert (ran.shape.mnemonic, ran.address) == ("syscall", CODE)
    assert read(syscall(code="9090")).last_instruction() is None
    assert read(syscall(r11=2)).last_instruction() is None
    assert read(syscall(rcx=0x5000)).last_instruction() is None


def test_alignment_in_front_of_a_target_did_not_run() -> None:
    """A long NOP up to a multiple of 16 is padding."""
    padded = event(0xFFFF4FF0, code="90" * 11 + "0f1f440000", rflags=TF, on=TCG)
    assert not read(padded).came_straight()
    code = event(0xFFFF4FF0, code="90" * 10 + "0f1f440000", rflags=TF, on=TCG)
    assert read(code).came_straight()


def test_the_likeliest_instruction_is_the_one_that_is_known() -> None:
    known = event(0xFFFF4FF0, code="90", rflags=TF, last_frame=Frame(CODE, 8, TF))
    assert read(known).likeliest() is read(known).last_instruction().shape  # type: ignore[union-attr]  # it is known


def test_int1_is_not_read_where_another_instruction_is_known_to_have_run() -> None:
    stepped = event(
        *(0xFFFF0FF0,),
        code="b0f1",
        action=Action.STEP,
        before_rip=CODE,
        before_bytes="b0f1",
        before_rflags=2,
        on=KVM_AMD,
    )
    assert all(cause.cause != "icebp" for cause in explain(stepped).causes)


def test_without_rip_or_bytes_a_step_has_no_beginning() -> None:
    assert in_front_of_the_step(StopFacts(stop(known_code=False))) is None
    assert in_front_of_the_step(StopFacts(replace(stop(), before=NOTHING_KNOWN))) is None


def test_cs_tells_the_level_in_front_of_a_step_and_the_level_behind_it_does_where_no_gate_was_passed() -> None:
    evidence = stop("90", cpl=3)
    user = in_front_of_the_step(StopFacts(evidence))
    assert user is not None
    assert user.cpl == 3
    kernel = in_front_of_the_step(StopFacts(replace(evidence, before=replace(evidence.before, cs=know(0x8)))))
    assert kernel is not None
    assert kernel.cpl == 0
    gate = in_front_of_the_step(StopFacts(stop("0f05", cpl=0)))
    assert gate is not None
    assert gate.cpl is None


def test_a_level_needs_a_frame_and_virtual_8086_mode_has_level_3() -> None:
    assert cpl(read(event(0xFFFF0FF0, vector=14, frame=False))) is None
    virtual = event(0xFFFF0FF0, vector=14, mode=32, rflags=1 << 17)
    assert cpl(read(virtual)) == 3


def test_a_page_fault_without_a_saved_rip_says_nothing_of_a_fetch() -> None:
    fault = event(0xFFFF0FF0, vector=14, frame=False, cr2=0x5000, error_code=0x10)
    assert not any("fetch" in reason for reason in explain(fault).causes[0].because)


def test_a_fetch_elsewhere_is_left_open_where_the_base_of_cs_is_not_known() -> None:
    fault = event(0xFFFF0FF0, vector=14, mode=32, cr2=0x5000, error_code=0x10, rflags=0x10002)
    assert explain(fault).contradictions == ()


def test_a_stack_pointer_needs_the_size_of_its_frame() -> None:
    assert interrupted({"rsp": 0x8000}, Frame(CODE, 8, 2), 32, 0).get("rsp") is None
    assert interrupted({}, Frame(CODE, 8, 2, size=12), 32, 0).get("rsp") is None
    assert interrupted({"rsp": 0x8000}, Frame(CODE, 8, 2, size=12), 32, 0)["rsp"] == 0x800C


def test_an_address_that_is_not_canonical_is_not_the_stacks_where_another_segment_has_it() -> None:
    far = {"rbx": 1 << 63, "rax": 1, "rsp": 0x9000}
    stack = event(0xFFFF0FF0, vector=12, rest="488903", error_code=0, registers=far)
    assert not any("canonical" in reason for reason in explain(stack).causes[0].because)


def test_a_page_fault_of_unknown_place_has_no_fetch_to_judge() -> None:
    fault = event(0xFFFF0FF0, vector=14, cr2=0x5000, error_code=0x10)
    nowhere = replace(read(fault).scene.evidence, mode=know(64))
    assert _fetch(read(replace(nowhere, frame=know(None))), 0x10, 0x5000).against == ()


def test_two_causes_with_one_sentence_are_said_once() -> None:
    """Two watchpoints of the debugger on one place."""
    pair = (
        ArmedBreakpoint("debugger", BreakpointKind.WRITE, 0x5000, 4, 0),
        ArmedBreakpoint("debugger", BreakpointKind.WRITE, 0x5000, 4, 1),
    )
    watched = stop(STORE, reply="T05thread:01;watch:5000;", action=Action.CONTINUE, own=pair, registers=RBX, on=TCG)
    assert len(explain(watched).causes) == 2
    assert explain(watched).summary.count("write watch") == 1
    both = stop("90", 0, reply="T02thread:0;", action=Action.CONTINUE, dr6=0xFFFF0FF0, on=XEN)
    assert explain(both).summary.count("gdbsx answers") == 1
    twice = stop(STORE, reply="T05thread:01;watch:0;", action=Action.CONTINUE, registers={"rbx": 0x9000}, on=KVM_INTEL)
    assert explain(twice).summary.count("write watch") == 1
    assert RBX["rbx"] != HANDLER != ENTRY
