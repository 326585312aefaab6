"""Where platforms depart from the architecture: each contradiction fires in its case, not beside it, with its quirk."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from gdbstub.explain.evidence import Action, Evidence, Known, Platform, SteppedOver, Unknown
from gdbstub.explain.explain import explain
from gdbstub.explain.quirks.lookup import QUIRKS, QuirkName, absences, applies, brief
from gdbstub.x86.breakpoints import ArmedBreakpoint, BreakpointKind
from gdbstub.x86.exceptions import Frame
from tests.gdbstub.explain.build import (
    CODE,
    HANDLER,
    KVM_AMD,
    KVM_INTEL,
    TCG,
    TCG_10,
    XEN,
    XEN_INTEL,
    XEN_PV,
    XEN_PV_418,
    event,
    platform,
    stop,
)
from tests.gdbstub.explain.vectors import MOV_SS_MEM, OWN_EXEC, OWN_WRITE, RBX, STORE, TF

RF = 0x10002
AGAIN = Frame(CODE, 8, TF)
"""The last handler returned to `CODE` with TF set."""


OUT: dict[str, Any] = {"dr7": 0x20000480, "dr": {3: 0x60}, "registers": RBX}
FAR = {"rbx": 1 << 63, "rsp": 0, "rax": 0}
DONE, MORE = {"rcx": 0, "rsi": 1, "rdi": 2}, {"rcx": 1, "rsi": 1, "rdi": 2}


class Case(NamedTuple):
    """Evidence that has the quirk, and the same with the one thing else that makes it none."""

    has: Evidence
    has_not: Evidence
    words: str


def without_btf(evidence: Evidence) -> Evidence:
    return replace(evidence, before=replace(evidence.before, debugctl=Known(0, "test")))


def instead_of(vector: int, evidence: Evidence) -> Evidence:
    """It came since that vector could not be delivered."""
    return replace(evidence, instead_of=Known(vector, "test"))


def ours_too(evidence: Evidence) -> Evidence:
    """With a breakpoint of the debugger at the saved RIP."""
    return replace(
        evidence, breakpoints=Known((ArmedBreakpoint("debugger", BreakpointKind.SOFTWARE, CODE + 2, 1),), "test")
    )


def far_away(evidence: Evidence) -> Evidence:
    """With a stack pointer that is not canonical."""
    return replace(evidence, frame=Known(Frame(CODE + 2, 8, RF, 1 << 63, 0x10, 0), "test"))


def with_de(evidence: Evidence) -> Evidence:
    return replace(evidence, before=replace(evidence.before, cr4=Known(8, "test")))


def swap(evidence: Evidence, on: Platform) -> Evidence:
    return replace(evidence, platform=on)


def based_stop(*, dr: dict[int, int], dr7: int) -> Evidence:
    """A stop at linear 9000h in 16-bit code whose CS has the base 8000h, after the guest ran."""
    moved = stop("90", 0, action=Action.CONTINUE, mode=16, dr=dr, dr7=dr7, on=TCG)
    return replace(moved, after=replace(moved.after, cs_base=Known(0x8000, "test")))


def began(watched: int) -> Evidence:
    """A #DB behind the handler's first instruction, PUSH RAX, with the stack at 5800h. DR1 has hit again."""
    found = event(
        0xFFFF0FF2, code="50", dr7=0xD0040A, dr={1: watched}, registers={"rsp": 0x5800}, handler=CODE, before_rip=CODE,
        before_bytes="50", on=TCG,
    )  # fmt: skip
    return replace(found, frame=Known(Frame(CODE + 1, 8, 2, 0x5800, 0x10), "test"))


QUIRK_CASES: dict[QuirkName, Case] = {
    "tcg-breakpoint-by-eip": Case(
        based_stop(dr={1: 0x9000}, dr7=0x404), based_stop(dr={1: 0x9000}, dr7=0x400), "stopped for the debugger instead"
    ),
    "tcg-stack-in-page": Case(began(0x5000), began(0x6000), "hardware delivers this #DB once"),
    "tcg-unaligned-data": Case(
        event(0xFFFF0FF2, code=STORE, dr7=0xD0040A, dr={1: 0x5009}, registers={"rbx": 0x500C, "rax": 0}, on=TCG),
        event(0xFFFF0FF2, code=STORE, dr7=0xD0040A, dr={1: 0x5009}, registers={"rbx": 0x5008, "rax": 0}, on=TCG),
        "is 0x5009, which is no multiple of its length 4; hardware covers the bytes from 0x5008 on",
    ),
    "tcg-unaligned-store": Case(
        event(0xFFFF0FF2, code=STORE, dr7=0xD0040A, dr={1: 0x5010}, registers={"rbx": 0x5101, "rax": 0}, on=TCG),
        event(0xFFFF0FF2, code=STORE, dr7=0xD0040A, dr={1: 0x5010}, registers={"rbx": 0x5108, "rax": 0}, on=TCG),
        "stores to 0x5101, and not to what DR1 covers",
    ),
    "tcg-step-over-breakpoint": Case(
        stop("90", dr7=0x401, dr={0: CODE}, on=TCG),
        stop("90", dr7=0x401, dr={0: CODE + 2}, on=TCG),
        "ran although the guest's own breakpoint stands on it (B0)",
    ),
    "tcg-icebp-ud": Case(
        event(0xFFFF0FF0, vector=6, rest="f190", rflags=RF, on=TCG),
        event(0xFFFF0FF0, vector=6, rest="0f0b", rflags=RF, on=TCG),
        "INT1 (F1) raised #UD",
    ),
    "tcg-no-general-detect": Case(
        stop("0f21f0", dr7=0x2400, on=TCG), stop("0f21f0", on=TCG), "ran although DR7.GD was set"
    ),
    "tcg-sti-hides-step": Case(
        stop("fb", rflags=TF, on=TCG),
        stop("fb", on=TCG),
        "Hardware delivers a #DB of the guest's own behind `sti` (BS)",
    ),
    "tcg-mov-ss-step": Case(
        event(0xFFFF4FF0, code="8ed0", rflags=TF, last_frame=AGAIN, on=TCG),
        event(0xFFFF4FF0, code="8ed090", rflags=TF, last_frame=AGAIN, on=TCG),
        "The step over `mov ss, eax` trapped directly behind it",
    ),
    "tcg-mov-ss-data": Case(
        event(0xFFFF0FF2, code=MOV_SS_MEM, dr7=0xF0040A, dr={1: 0x5000}, registers=RBX, on=TCG),
        event(0xFFFF0FF2, code=MOV_SS_MEM + "90", dr7=0xF0040A, dr={1: 0x5000}, registers=RBX, on=TCG),
        "was delivered directly behind it",
    ),
    "tcg-nested-step-data": Case(
        event(0xFFFF4FF2, dr7=0xD0040A, dr={1: 0x5000}, handler=CODE + 2, on=TCG),
        event(0xFFFF0FF0, code="f1", on=TCG),
        "first instruction of the #DB handler itself",
    ),
    "tcg-io-without-step": Case(
        event(0xFFFF0FF8, code="ee", rflags=TF, dr7=0x20000480, dr={3: 0x60}, registers=RBX, on=TCG),
        event(0xFFFF0FF8, code="ee", dr7=0x20000480, dr={3: 0x60}, registers=RBX, on=TCG),
        "hardware sets BS beside B3; it is clear",
    ),
    "tcg-rep-rf": Case(
        event(0xFFFF4FF0, code="", rest="f3a4", rflags=TF, last_frame=AGAIN, on=TCG),
        event(0xFFFF4FF0, code="", rest="f3a4", rflags=TF | RF, last_frame=AGAIN, on=TCG),
        "RF is 0 in the frame although iterations",
    ),
    "tcg-rep-last": Case(
        event(
            *(0xFFFF4FF0,),
            code="",
            rest="f3a4",
            rflags=TF | RF,
            last_frame=AGAIN,
            registers={"rcx": 0, "rsi": 1, "rdi": 2},
            on=TCG_10,
        ),
        event(
            *(0xFFFF4FF0,),
            code="",
            rest="f3a4",
            rflags=TF | RF,
            last_frame=AGAIN,
            registers={"rcx": 1, "rsi": 1, "rdi": 2},
            on=TCG_10,
        ),
        "the saved RIP is still on it",
    ),
    "tcg-fault-rf": Case(
        event(0xFFFF0FF0, vector=13, error_code=0, on=TCG),
        event(0xFFFF0FF0, vector=13, error_code=0, rflags=RF, on=TCG),
        "RF is 0 in the frame of a fault",
    ),
    "tcg-stale-hits": Case(
        event(0xFFFF4FF2, rflags=TF, dr7=0xF0040A, dr={1: 0x5000}, last_frame=AGAIN, code="90", on=TCG_10),
        event(0xFFFF4FF0, rflags=TF, dr7=0xF0040A, dr={1: 0x5000}, last_frame=AGAIN, code="90", on=TCG_10),
        "touches no memory",
    ),
    "tcg-io-without-de": Case(
        event(0xFFFF0FF8, code="e660", dr7=0x20000480, dr={3: 0x60}, cr4=0, on=TCG),
        event(0xFFFF0FF8, code="e660", dr7=0x20000480, dr={3: 0x60}, on=TCG),
        "while CR4.DE is 0",
    ),
    "tcg-one-data-hit": Case(
        event(0xFFFF0FF1, code=STORE, dr7=0xDD040A | 1, dr={0: 0x5000, 1: 0x5004}, registers=RBX, on=TCG),
        event(0xFFFF0FF1, code=STORE, dr7=0xDD040A | 1, dr={0: 0x5000, 1: 0x6004}, registers=RBX, on=TCG),
        "hardware sets B1 too; it is clear",
    ),
    "tcg-idt-error-code": Case(
        event(0xFFFF0FF0, vector=13, rest="cd01", error_code=0x12, rflags=RF, on=TCG),
        event(0xFFFF0FF0, vector=13, rest="cd01", error_code=0xA, rflags=RF, on=TCG),
        "hardware gives 0xa",
    ),
    "tcg-no-ext": Case(
        instead_of(6, event(0xFFFF0FF0, vector=13, rest="0f0b", error_code=0x32, rflags=RF, on=TCG)),
        instead_of(6, event(0xFFFF0FF0, vector=13, rest="0f0b", error_code=0x33, rflags=RF, on=TCG)),
        "The error code 0x32 came since #UD was not delivered; hardware gives 0x33",
    ),
    "tcg-stack-gp": Case(
        far_away(event(0xFFFF0FF0, vector=13, rest="50", registers=FAR, on=TCG)),
        far_away(event(0xFFFF0FF0, vector=13, rest="488903", registers=FAR, on=TCG)),
        "which is not canonical, by SS",
    ),
    "tcg-step-mov-ss": Case(
        stop("8ed0", on=TCG), stop("8ed090", 3, on=TCG), "The step ended directly behind `mov ss, eax`"
    ),
    "tcg-own-watch-first": Case(
        stop(
            STORE,
            reply="T05thread:01;watch:5000;",
            action=Action.CONTINUE,
            own=OWN_WRITE,
            dr7=0xD0040A,
            dr={1: 0x5000},
            registers=RBX,
            on=TCG,
        ),
        stop(
            STORE,
            reply="T05thread:01;watch:5000;",
            action=Action.CONTINUE,
            own=OWN_WRITE,
            dr7=0xD0040A,
            dr={1: 0x6000},
            registers=RBX,
            on=TCG,
        ),
        "The guest's own DR1 covers what",
    ),
    "tcg-breakpoints-meet": Case(
        ours_too(event(0xFFFF0FF1, dr7=0x401, dr={0: CODE + 2}, last_frame=Frame(CODE + 2, 8, 2), on=TCG)),
        ours_too(event(0xFFFF0FF1, dr7=0x401, dr={0: CODE + 2}, last_frame=Frame(CODE, 8, 2), on=TCG)),
        "fired again at the same instruction",
    ),
    "tcg-step-ignores-rf": Case(
        event(0xFFFF0FF1, dr7=0x401, dr={0: CODE + 2}, rflags=RF, before_rip=0x900, action=Action.STEP, on=TCG),
        event(0xFFFF0FF1, dr7=0x401, dr={0: CODE + 2}, before_rip=0x900, action=Action.STEP, on=TCG),
        "RF is 1 in the frame, and DR0 is an instruction breakpoint",
    ),
    "tcg-idle-step": Case(stop(to=0, on=TCG), stop(on=TCG), "The step ran nothing"),
    "kvm-reinjected-polarity": Case(
        event(0x4000, rflags=TF, on=KVM_AMD), event(0xFFFF4FF0, rflags=TF, on=KVM_AMD), "which no CPU does"
    ),
    "kvm-reinjected-own-hits": Case(
        replace(
            event(0x4001, rflags=TF, on=KVM_AMD),
            breakpoints=Known((ArmedBreakpoint("debugger", BreakpointKind.WRITE, 1, 1, 0),), "t"),
        ),
        replace(
            event(0x4001, rflags=TF, on=KVM_AMD),
            breakpoints=Known((ArmedBreakpoint("debugger", BreakpointKind.WRITE, 1, 1, 2),), "t"),
        ),
        "B0 is set for a breakpoint of the debugger",
    ),
    "kvm-icebp-reinjected": Case(
        event(0, rest="f190", on=KVM_INTEL),
        event(0xFFFF0FF0, code="f1", on=KVM_INTEL),
        "The saved RIP is the INT1 itself",
    ),
    "kvm-no-btf": Case(
        event(0xFFFF4FF0, code="90", rflags=TF, debugctl=2, last_frame=AGAIN, on=KVM_INTEL),
        event(0xFFFF4FF0, code="eb00", rflags=TF, debugctl=2, last_frame=AGAIN, on=KVM_INTEL),
        "no branch ran",
    ),
    "kvm-step-takes-db": Case(
        stop(rflags=TF, on=KVM_INTEL),
        stop(on=KVM_INTEL),
        "Hardware delivers a #DB of the guest's own behind `nop` (BS)",
    ),
    "kvm-hides-guest-breakpoints": Case(
        stop(STORE, own=OWN_EXEC, dr7=0xD0040A, dr={1: 0x5000}, registers=RBX, on=KVM_AMD),
        stop(STORE, own=OWN_EXEC, dr7=0xD0040A, dr={1: 0x6000}, registers=RBX, on=KVM_AMD),
        "(B1)",
    ),
    "kvm-hides-general-detect": Case(
        stop("0f21f0", dr7=0x2400, own=OWN_EXEC, on=KVM_INTEL),
        stop("0f21f0", dr7=0x2400, own=OWN_EXEC, cpl=3, on=KVM_INTEL),
        "ran although DR7.GD was set",
    ),
    "kvm-step-hides-watch": Case(
        stop(STORE, own=OWN_WRITE, registers=RBX, on=KVM_AMD),
        stop(STORE, own=OWN_WRITE, registers={"rbx": 0x9000}, on=KVM_AMD),
        "the reply does not say so",
    ),
    "kvm-watch-address": Case(
        stop(STORE, reply="T05thread:01;watch:0;", action=Action.CONTINUE, on=KVM_AMD),
        stop(STORE, reply="T05thread:01;watch:5000;", action=Action.CONTINUE, own=OWN_WRITE, on=KVM_AMD),
        "where the debugger has none",
    ),
    "kvm-step-past-gate": Case(
        stop("cd80", 99, on=KVM_AMD), stop("cd80", 2, own=(), action=Action.CONTINUE, on=KVM_AMD), "went on behind"
    ),
    "kvm-leaks-tf": Case(
        event(0xFFFF4FF0, rflags=TF, on=KVM_AMD, stepped=(SteppedOver(1, b"\x9c"),)),
        event(0xFFFF4FF0, rflags=TF, on=KVM_AMD, stepped=(SteppedOver(1, b"\x90"),)),
        "The guest did not set the TF",
    ),
    "kvm-nmi-window-step": Case(
        replace(
            event(0xFFFF4FF0, code="90", last_frame=Frame(CODE, 8, 2), on=KVM_AMD), breakpoints=Known(OWN_EXEC, "t")
        ),
        replace(
            event(0xFFFF4FF0, code="90", rflags=TF, last_frame=AGAIN, on=KVM_AMD), breakpoints=Known(OWN_EXEC, "t")
        ),
        "BS is new, but TF was clear",
    ),
    "kvm-emulated-shadow": Case(
        event(0xFFFF4FF0, code="8ed0", rflags=TF, last_frame=AGAIN, on=KVM_INTEL),
        event(0xFFFF4FF0, code="8ed090", rflags=TF, last_frame=AGAIN, on=KVM_INTEL),
        "The step over `mov ss, eax` trapped directly behind it",
    ),
    "kvm-breakpoint-after-step": Case(
        event(0xFFFF4FF0, code="90", rflags=TF, dr7=0x401, dr={0: CODE + 1}, last_frame=AGAIN, on=KVM_INTEL),
        event(0xFFFF4FF1, code="90", rflags=TF, dr7=0x401, dr={0: CODE + 1}, last_frame=AGAIN, on=KVM_INTEL),
        "DR0 breaks on the next instruction",
    ),
    "kvm-no-io-hits": Case(
        event(0xFFFF4FF0, rflags=TF, last_frame=AGAIN, on=KVM_INTEL, code="ee", **OUT),
        event(0xFFFF4FF8, rflags=TF, last_frame=AGAIN, on=KVM_INTEL, code="ee", **OUT),
        "uses a port that DR3 covers",
    ),
    "emulated-cpu-mov-ss-data": Case(
        event(0xFFFF0FF2, code=MOV_SS_MEM, dr7=0xF0040A, dr={1: 0x5000}, registers=RBX, on=KVM_AMD),
        event(0xFFFF0FF2, code=MOV_SS_MEM + "90", dr7=0xF0040A, dr={1: 0x5000}, registers=RBX, on=KVM_AMD),
        "was delivered directly behind it",
    ),
    "emulated-cpu-rep-last": Case(
        event(0xFFFF4FF0, code="", rest="f3a4", rflags=TF | RF, last_frame=AGAIN, registers=DONE, on=KVM_INTEL),
        event(0xFFFF4FF0, code="", rest="f3a4", rflags=TF | RF, last_frame=AGAIN, registers=MORE, on=KVM_INTEL),
        "the saved RIP is still on it",
    ),
    "emulated-cpu-one-data-hit": Case(
        event(0xFFFF0FF1, code=STORE, dr7=0xDD040A | 1, dr={0: 0x5000, 1: 0x5004}, registers=RBX, on=KVM_AMD),
        event(0xFFFF0FF1, code=STORE, dr7=0xDD040A | 1, dr={0: 0x5000, 1: 0x6004}, registers=RBX, on=KVM_AMD),
        "hardware sets B1 too; it is clear",
    ),
    "emulated-cpu-rep-rf": Case(
        event(0xFFFF4FF0, code="", rest="f3a4", rflags=TF, last_frame=AGAIN, on=KVM_INTEL),
        event(0xFFFF4FF0, code="", rest="f3a4", rflags=TF | RF, last_frame=AGAIN, on=KVM_INTEL),
        "RF is 0 in the frame although iterations",
    ),
    "emulated-cpu-idle-step": Case(stop(to=0, on=KVM_INTEL), stop(on=KVM_INTEL), "The step ran nothing"),
    "xen-takes-db": Case(
        stop("90", reply="T02thread:0;", action=Action.CONTINUE, rflags=TF, dr6=0xFFFF4FF0, on=XEN),
        stop("90", reply="T02thread:0;", action=Action.CONTINUE, on=XEN),
        "which has not seen it",
    ),
    "xen-false-step": Case(
        event(0xFFFF4FF0, code="f1", rflags=TF, on=XEN), event(0xFFFF0FF0, code="f1", rflags=TF, on=XEN), "at an INT1"
    ),
    "xen-no-task-bit": Case(
        event(0xFFFF0FF0, mode=32, tr=(0x28, 0x30), on=XEN),
        event(0xFFFF8FF0, mode=32, tr=(0x28, 0x30), on=XEN),
        "with BT clear",
    ),
    "kvm-leaks-bus-lock-detect": Case(
        event(0xFFFF07F0, code="f00fc103", cs=0x33, debugctl=0, on=KVM_AMD),
        event(0xFFFF07F0, code="f00fc103", cs=0x33, debugctl=4, on=KVM_AMD),
        "bit 2 of the guest's DEBUGCTL is 0",
    ),
    "kvm-drops-shadowed-hits": Case(
        event(0xFFFF4FF0, code=MOV_SS_MEM + "90", rflags=TF, dr7=0xF0040A, dr={1: 0x5000}, registers=RBX, on=KVM_INTEL),
        event(0xFFFF4FF2, code=MOV_SS_MEM + "90", rflags=TF, dr7=0xF0040A, dr={1: 0x5000}, registers=RBX, on=KVM_INTEL),
        "its trap was put off until here",
    ),
    "xen-icebp-at-f1": Case(
        stop("f1", 0, reply="T02thread:0;", action=Action.CONTINUE, on=XEN),
        stop("f1", reply="T02thread:0;", action=Action.CONTINUE, on=XEN),
        "RIP is still on the INT1",
    ),
    "xen-hits-accumulate": Case(
        event(0xFFFF0FF3, old=0xFFFF0FF2, dr7=0x401, dr={0: CODE + 2}, on=XEN_PV),
        event(0xFFFF0FF1, old=0xFFFF0FF2, dr7=0x401, dr={0: CODE + 2}, on=XEN_PV),
        "B1 is left from before",
    ),
    "xen-hits-wiped": Case(
        event(0xFFFF0FF0, code=STORE, dr7=0xD0040A, dr={1: 0x5000}, registers=RBX, on=XEN_PV_418),
        event(0xFFFF0FF0, code=STORE, dr7=0xDD040B, dr={1: 0x6000, 0: CODE}, registers=RBX, on=XEN_PV_418),
        "hardware sets B1; it is clear",
    ),
    "xen-loses-bus-lock": Case(
        event(0xFFFF0FF0, code="f00fc103", cs=0x33, on=XEN_INTEL),
        event(0xFFFF0FF0, code="f00fc103", on=XEN_INTEL),
        "If a bus lock was taken",
    ),
    "disabled-hits": Case(
        event(0xFFFF4FF4, rflags=TF, dr={2: CODE + 2}),
        event(0xFFFF4FF0, rflags=TF, dr={2: CODE + 2}),
        "does not enable",
    ),
}
NEVER_SEEN: dict[QuirkName, str] = {
    "tcg-no-task-trap": "nothing stops; `dr6 demo` knows what its guest did, and names it",
    "kvm-no-task-trap": "nothing stops; the labs know what their guest did, and name it",
}


@pytest.mark.parametrize("name", QUIRK_CASES)
def test_the_quirk_is_named_where_it_shows_and_nowhere_else(name: QuirkName) -> None:
    case = QUIRK_CASES[name]
    named = [text for text in explain(case.has).contradictions if case.words in text]
    assert named, explain(case.has)
    assert f" Known quirk {name}: " in named[0]
    assert not any(case.words in text for text in explain(case.has_not).contradictions)


@pytest.mark.parametrize("name", QUIRK_CASES)
def test_the_quirk_is_not_named_on_another_platform(name: QuirkName) -> None:
    other = platform("generic", "1.0", "intel")
    texts = explain(swap(QUIRK_CASES[name].has, other)).contradictions
    assert QUIRKS[name].backend is None or not any(name in text for text in texts)


def test_every_quirk_is_shown_or_has_its_reason() -> None:
    assert set(QUIRK_CASES) | set(NEVER_SEEN) == set(QUIRKS)
    assert not set(QUIRK_CASES) & set(NEVER_SEEN)


def test_a_line_in_a_list_has_no_more_than_the_quirks_name() -> None:
    assert brief("RIP is odd. Known quirk tcg-rep-rf: QEMU: so (read).") == "RIP is odd. Known quirk tcg-rep-rf."
    assert brief("RIP is odd.") == "RIP is odd."


def test_a_16_bit_frame_has_no_room_for_rf() -> None:
    narrow = replace(QUIRK_CASES["tcg-rep-rf"].has, mode=Known(16, "test"))
    assert not any("RF is 0" in text for text in explain(narrow).contradictions)


@pytest.mark.parametrize(
    ("rest", "vector", "code", "said"),
    [
        ("0f0b", 13, 0x32, "The error code 0x32 names a gate, and `ud2` goes through none by itself"),
        ("0f0b", 11, 0x0A, "hardware sets EXT then: 0xb"),
        ("0f0b", 13, 0x33, ""),
        ("0f0b", 13, 0x30, ""),
        ("0f0b", 14, 0x32, ""),
        ("0f0b", 13, None, ""),
        ("cd06", 13, 0x32, ""),
        ("cc", 13, 0x1A, ""),
        ("", 13, 0x32, ""),
    ],
)
def test_a_gate_that_no_instruction_went_through_is_an_event_of_its_own(
    rest: str, vector: int, code: int | None, said: str
) -> None:
    found = explain(event(0xFFFF0FF0, vector=vector, rest=rest, error_code=code, rflags=RF)).contradictions
    assert [said in text for text in found if "EXT" in text] == [True] * bool(said)


def test_the_entry_that_qemu_counts_in_units_of_8_is_that_quirk() -> None:
    counted = instead_of(6, event(0xFFFF0FF0, vector=13, rest="0f0b", error_code=0x62, rflags=RF, on=TCG))
    assert ["Known quirk tcg-idt-error-code" in text for text in explain(counted).contradictions] == [True]
    right = instead_of(6, event(0xFFFF0FF0, vector=13, rest="0f0b", error_code=0x32, rflags=RF, on=TCG_10))
    assert ["Known quirk tcg-no-ext" in text for text in explain(right).contradictions] == [True]


@pytest.mark.parametrize("vector", [6, 1])
def test_what_was_not_pushed_has_no_rf_to_be_wrong(vector: int) -> None:
    pushed = event(0xFFFF4FF0, vector=vector, rflags=0x2 if vector == 6 else RF, rest="f3aa", registers=MORE, on=TCG)
    assert any("RF is" in text for text in explain(pushed).contradictions) == (vector == 6)
    unpushed = replace(pushed, frame=Unknown("none was pushed"), unpushed=pushed.frame)
    assert not any("RF is" in text for text in explain(unpushed).contradictions)


def test_versions_vendors_and_guests_narrow_a_quirk() -> None:
    assert not applies("xen-hits-wiped", platform("xen-gdbsx", "4.17", None, "pv"))
    assert not applies("xen-hits-wiped", platform("xen-gdbsx", "4.21", None, "pv"))
    assert applies("xen-hits-wiped", platform("xen-gdbsx", None, None, None))
    assert not applies("xen-hits-wiped", platform("xen-gdbsx", "4.18", None, "hvm"))


class Row(NamedTuple):
    evidence: Evidence
    words: str = ""


ROWS: dict[str, Row] = {
    "an instruction breakpoint of the guest that KVM hid": Row(
        stop("90", own=OWN_EXEC, dr7=0x401, dr={0: CODE}, on=KVM_AMD),
        "ran although the guest's own breakpoint stands on it (B0)",
    ),
    "an instruction breakpoint of the guest that KVM took": Row(
        stop("90", 0, dr7=0x401, dr={0: CODE}, on=KVM_AMD), "own before `nop` (B0)"
    ),
    "a step of an unknown stub over TF of the guest": Row(stop(rflags=TF, on=platform("generic")), ""),
    "a step of TCG that went to the guest's handler": Row(stop("90", 0x900, rflags=TF, on=TCG)),
    "a step under Xen over the guest's TF": Row(stop(rflags=TF, reply="T05thread:0;", on=XEN)),
    "a step under Xen over the guest's TF, BTF being off": Row(
        without_btf(stop(rflags=TF, reply="T05thread:0;", on=XEN)), "xen-takes-db"
    ),
    "a step of KVM over OUT with an I/O breakpoint of the guest": Row(
        with_de(stop("e680", dr7=0x20000480, dr={3: 0x80}, on=KVM_INTEL)), "Known quirk kvm-no-io-hits"
    ),
    "a step of TCG over an access that no quirk explains": Row(
        stop(STORE, dr7=0xD0040A, dr={1: 0x5000}, registers=RBX, on=TCG), "Hardware delivers a #DB of the guest's own"
    ),
    "an instruction breakpoint behind an IRET that is only probable": Row(
        event(0xFFFF4FF0, code="48cf", rflags=TF, dr7=0x401, dr={0: CODE + 2}, on=KVM_INTEL)
    ),
    "a step in front of an instruction breakpoint whose bit is clear": Row(
        event(0xFFFF4FF0, code="90", rflags=TF, dr7=0x401, dr={0: CODE + 1}, on=TCG),
        "DR0 breaks on the next instruction",
    ),
    "the same in code whose CS has a base": Row(
        event(
            *(0xFFFF4FF0,),
            code="90",
            rflags=TF,
            mode=32,
            dr7=0x401,
            dr={0: CODE + 0x101},
            cs_base=0x100,
            on=TCG,
            windows=0x100,
        ),
        "Known quirk tcg-breakpoint-by-eip",
    ),
    "a step whose #DB came inside another": Row(
        event(
            *(0xFFFF0FF0,),
            code="90",
            rflags=TF,
            action=Action.STEP,
            before_rip=CODE,
            before_bytes="90",
            before_rflags=TF,
            last_frame=Frame(HANDLER, 8, 2),
            debugctl=0,
        )
    ),
    "a step of TCG over an unaligned watch of the guest's": Row(
        stop(STORE, dr7=0xD0040A, dr={1: 0x5002}, registers={"rbx": 0x5000}, on=TCG), "tcg-unaligned-data"
    ),
    "a step over TF from unknown code": Row(stop(rflags=TF, known_code=False, on=TCG)),
    "a watch of ours over an instruction that is not known": Row(
        replace(
            stop("", 3, reply="T05thread:01;watch:5000;", action=Action.CONTINUE, own=OWN_WRITE, dr7=0xD0040A, on=TCG),
            before=stop(known_code=False).before,
        )
    ),
    "a guest's instruction breakpoint beside a watch of ours": Row(
        stop(
            STORE,
            reply="T05thread:01;watch:5000;",
            own=OWN_WRITE,
            dr7=0x401,
            dr={0: 0x5000},
            registers=RBX,
            on=TCG,
        )
    ),
    "a step with TF whose BS is missing": Row(
        event(0xFFFF0FF2, code=STORE, rflags=TF, dr7=0xD0040A, dr={1: 0x5000}, registers=RBX, debugctl=0),
        "so hardware sets BS beside B1; it is clear",
    ),
    "INT n to a vector that also faults": Row(event(0xFFFF0FF0, vector=13, code="cd0d", on=TCG), ""),
    "a fault of 16-bit code": Row(event(0xFFFF0FF0, vector=6, mode=16, on=TCG)),
    "a trap of another vector": Row(event(0xFFFF0FF0, vector=4, code="ce", mode=32, on=TCG)),
    "general detect of V86 code": Row(
        event(0xFFFF2FF0, code="", rest="0f21f8", mode=16, rflags=1 << 17, dr7=0x2400),
        "DR6.BD is set for code at CPL 3",
    ),
    "general detect of real-mode code": Row(event(0xFFFF2FF0, code="", rest="0f21f8", mode=16, dr7=0x2400)),
    "general detect without a frame": Row(event(0xFFFF2FF0, code="", rest="0f21f8", dr7=0x2400, frame=False)),
    "a breakpoint that is not aligned, behind a store elsewhere": Row(
        event(0xFFFF4FF2, code=STORE, rflags=TF, dr7=0xD0040A, dr={1: 0x6003}, registers=RBX, last_frame=AGAIN),
        "is no multiple of its length 4",
    ),
    "a breakpoint that is aligned, behind a store elsewhere": Row(
        event(0xFFFF4FF2, code=STORE, rflags=TF, dr7=0xD0040A, dr={1: 0x6000}, registers=RBX, last_frame=AGAIN),
        "does not access what DR1 covers",
    ),
}
"""Empty words: no contradiction."""


@pytest.mark.parametrize("name", ROWS)
def test_the_contradiction_is_said(name: str) -> None:
    evidence, words = ROWS[name]
    texts = explain(evidence).contradictions
    assert any(words in text for text in texts) if words else texts == ()


def test_a_step_of_an_unknown_age_stays_open() -> None:
    """DEBUGCTL is not known on KVM for AMD: with BTF no step would be due."""
    answer = explain(stop(rflags=TF, on=KVM_AMD))
    assert [cause.confidence for cause in answer.causes if cause.owner == "guest"] == ["possible"]
    assert answer.contradictions == ()


def test_the_model_makes_a_cause_certain() -> None:
    """BS was set before and may be old, but the instruction that ran last began with TF set."""
    old = event(0xFFFF4FF1, code="90", rflags=TF, old=0xFFFF4FF0, dr7=0x401, dr={0: CODE + 1}, debugctl=0)
    assert [(c.cause, c.confidence) for c in explain(old).causes][1] == ("single-step", "likely")
    sure = replace(old, last_frame=Known(AGAIN, "test"))
    assert {(c.cause, c.confidence) for c in explain(sure).causes} == {
        ("single-step", "certain"),
        ("instruction-breakpoint", "certain"),
    }


def test_the_model_leaves_what_stands_elsewhere_alone() -> None:
    elsewhere = event(
        *(0xFFFF4FF1,),
        code="0f05",
        rflags=TF,
        old=0xFFFF4FF0,
        action=Action.STEP,
        before_rip=CODE,
        before_bytes="0f05",
        before_rflags=TF,
        dr7=0xF0401,
        dr={0: 0x7000},
    )
    assert all(cause.confidence != "certain" for cause in explain(elsewhere).causes)


def test_xen_on_intel_overwrites_dr6_so_old_bits_prove_something() -> None:
    taken = stop("90", reply="T02thread:0;", action=Action.CONTINUE, rflags=TF, dr6=0xFFFF4FF0, on=XEN_INTEL)
    assert "it was clear before" in explain(taken).causes[0].because


def test_a_step_by_mtf_has_no_dr6() -> None:
    assert explain(stop(reply="T05thread:0;", on=XEN_INTEL)).exit_dr6.value is None
    assert explain(stop(reply="T05thread:0;", on=XEN_PV)).exit_dr6.value == 0xFFFF4FF0


def test_a_step_that_kvm_makes_for_itself_is_the_hypervisors() -> None:
    cause = explain(QUIRK_CASES["kvm-nmi-window-step"].has).causes[0]
    assert (cause.cause, cause.owner, cause.confidence) == ("single-step", "hypervisor", "possible")


class Hint(NamedTuple):
    has: Evidence
    has_not: Evidence
    words: str


HINTS: dict[str, Hint] = {
    "a frame without RF": Hint(
        replace(
            event(0xFFFF0FF1, dr7=0x401, dr={0: CODE + 2}, mode=16, cs=0, cs_base=0, on=TCG),
            frame_mode=Known(16, "test"),
        ),
        replace(event(0xFFFF0FF1, dr7=0x401, dr={0: CODE + 2}, mode=32, on=TCG), frame_mode=Known(32, "test")),
        "A frame of 16 bits has no RF",
    ),
    "a breakpoint of both under TCG": Hint(
        ours_too(event(0xFFFF0FF1, dr7=0x401, dr={0: CODE + 2}, on=TCG)),
        event(0xFFFF0FF1, dr7=0x401, dr={0: CODE + 2}, on=TCG),
        "Delete the debugger's breakpoint",
    ),
    "a lost step": Hint(stop("90", 99, on=KVM_AMD), stop("90", 99, on=TCG), "KVM lost the step"),
    "any B bit": Hint(stop(action=Action.CONTINUE, on=KVM_AMD), stop(action=Action.CONTINUE, on=TCG), "for each B bit"),
    "a breakpoint under Xen": Hint(
        stop(
            "90",
            0x10,
            reply="T02thread:0;",
            action=Action.CONTINUE,
            dr6=0xFFFF0FF1,
            dr7=0x401,
            dr={0: CODE + 16},
            on=XEN,
        ),
        stop("90", reply="T02thread:0;", action=Action.CONTINUE, rflags=TF, dr6=0xFFFF4FF0, on=XEN),
        "Set RF (0x10000)",
    ),
    "INT1 under Xen": Hint(
        stop("f1", 0, reply="T02thread:0;", action=Action.CONTINUE, on=XEN),
        stop("90", reply="T02thread:0;", action=Action.CONTINUE, rflags=TF, dr6=0xFFFF4FF0, on=XEN),
        "Move RIP past the F1",
    ),
    "no debug registers from gdbsx": Hint(
        stop("90", reply="T02thread:0;", action=Action.CONTINUE, dr6=None, on=XEN),
        stop("90", reply="T02thread:0;", action=Action.CONTINUE, on=XEN),
        "xenctx",
    ),
    "DR7.GD that is ignored": Hint(
        event(0xFFFF0FF0, code="cc", vector=3, dr7=0x2400, on=TCG),
        event(0xFFFF0FF0, code="cc", vector=3, dr7=0x2400, on=TCG_10),
        "DR7.GD is set, and a MOV to or from a debug register raises no #DB here all the same",
    ),
    "a DR6 of the wrong polarity": Hint(
        event(0x4000, rflags=TF, on=KVM_AMD), event(0, code="f1", on=KVM_AMD), "may see a bus lock"
    ),
    "the handler's own stack": Hint(
        event(0xFFFF0FF2, dr7=0x10040A, dr={1: 0x8000}, handler=CODE + 2), event(0xFFFF0FF0, code="f1"), "off the GDT"
    ),
    "RF that a step loses": Hint(
        event(0xFFFF0FF1, dr7=0x401, dr={0: CODE + 2}, rflags=RF, before_rip=0x900, action=Action.STEP, on=TCG),
        event(0xFFFF0FF1, dr7=0x401, dr={0: CODE + 2}, rflags=RF, on=TCG),
        "continue from there instead",
    ),
    "RF that is not set": Hint(
        event(0xFFFF0FF1, dr7=0x401, dr={0: CODE + 2}, on=KVM_AMD),
        event(0xFFFF0FF1, dr7=0x401, dr={0: CODE + 2}, rflags=RF, on=KVM_AMD),
        "The handler has to set RF",
    ),
    "MOV SS": Hint(
        event(0xFFFF0FF2, code=MOV_SS_MEM + "90", dr7=0xF0040A, dr={1: 0x5000}, registers=RBX),
        event(0xFFFF0FF2, code=MOV_SS_MEM, dr7=0xF0040A, dr={1: 0x5000}, registers=RBX),
        "one instruction further back",
    ),
}


@pytest.mark.parametrize(
    ("on", "words", "names"),
    [
        (TCG, "raises no #DB", ("tcg-icebp-ud", "tcg-no-general-detect", "tcg-no-task-trap")),
        (replace(TCG, version=Unknown("not given")), "may raise no #DB", ("tcg-icebp-ud", "tcg-no-general-detect")),
        (TCG_10, "raises no #DB", ("tcg-no-task-trap",)),
        (KVM_AMD, "may raise no #DB", ("kvm-no-task-trap", "kvm-no-io-hits")),
    ],
)
def test_what_never_comes_is_said_by_the_table(on: Platform, words: str, names: tuple[str, ...]) -> None:
    said = absences(on)
    assert words in said
    assert all(f"({name})" in said for name in names)
    assert said.count("(tcg-") + said.count("(kvm-") >= len(names)


@pytest.mark.parametrize("on", [Platform(), XEN, replace(TCG, version=Known("10.1.0", "test"))])
def test_nothing_is_said_where_nothing_is_known_to_stay_away(on: Platform) -> None:
    assert absences(on) == ""


@pytest.mark.parametrize("name", HINTS)
def test_the_advice_is_given_where_it_helps(name: str) -> None:
    row = HINTS[name]
    assert any(row.words in text for text in explain(row.has).advice), explain(row.has)
    assert not any(row.words in text for text in explain(row.has_not).advice)


def test_what_keeps_a_step_from_being_certain_is_said() -> None:
    assert (
        "whether DR6.BS was cleared since the last stop, where it was set too"
        in explain(event(0xFFFF4FF0, code="9d", old=0xFFFF4FF0)).unknowns
    )
    taken = stop("90", reply="T02thread:0;", action=Action.CONTINUE, rflags=TF, dr6=0xFFFF4FF0, on=XEN)
    late = "whether DR6 is up to date: Xen on AMD saves it late while DR7 enables nothing (svm_save_dr)"
    assert late not in explain(taken).unknowns
    assert late in explain(swap(taken, platform("xen-gdbsx", "4.17", "amd", "hvm"))).unknowns


def test_a_watch_of_mov_ss_is_found_one_instruction_back() -> None:
    watched = stop(
        MOV_SS_MEM + "90",
        reply="T05thread:01;awatch:5000;",
        action=Action.CONTINUE,
        own=(ArmedBreakpoint("debugger", BreakpointKind.ACCESS, 0x5000, 2, 0),),
        registers=RBX,
        on=KVM_AMD,
    )
    answer = explain(watched)
    assert answer.causes[0].confidence == "certain"
    assert answer.instruction is not None
    assert answer.instruction.text == "mov ss, word ptr [rbx]"
