"""Each rule: where it fires, where it must not, and where its fact is unknown. The vectors are in test_vectors."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import pytest

from gdbstub.explain.evidence import (
    ABSENT,
    Action,
    CodeBytes,
    CpuFacts,
    Evidence,
    Known,
    Platform,
    SteppedOver,
    Unknown,
)
from gdbstub.explain.explain import EVENT_PHASES, STOP_PHASES, explain
from gdbstub.explain.explanation import CauseName
from gdbstub.explain.quirks.lookup import QUIRKS, applies, version_of
from gdbstub.explain.text.rendering import render_text
from gdbstub.x86.breakpoints import ArmedBreakpoint, BreakpointKind
from gdbstub.x86.debug_registers import DR6_INIT
from gdbstub.x86.exceptions import Frame, TripleFault
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
    know,
    platform,
    stop,
)
from tests.gdbstub.explain.vectors import CASES, MOV_SS_MEM, OWN_EXEC, OWN_WRITE, RBX, STORE

TF = 0x102


def ist_again(rsp: int) -> Evidence:
    """The handler once more, with a frame that leads to it; the frame's RSP is 8000h, the handler's ``rsp``."""
    found = event(0xFFFF0FF0, code="90", handler=CODE + 1, last_frame=Frame(CODE + 1, 8, 2, 0x8000, 0x10), on=TCG)
    return replace(found, after=replace(found.after, rsp=know(rsp)))


def late_step(on: Platform, tf: int, dr7: int | None) -> Evidence:
    """A stop by gdbsx's T02 with nothing in DR6."""
    seen = stop("90", reply="T02thread:0;", action=Action.CONTINUE, on=on)
    registers = Known(2 | tf, "t"), Known(DR6_INIT, "t"), ABSENT if dr7 is None else Known(dr7, "t")
    rflags, dr6, value = registers
    return replace(seen, after=replace(seen.after, rflags=rflags, dr6=dr6, dr7=value))


class Row(NamedTuple):
    """``causes`` as "cause owner confidence", in order; ``words`` that stand in the summary, contradictions,
    unknowns or advice."""

    evidence: Evidence
    causes: tuple[str, ...]
    words: tuple[str, ...] = ()


SOFT = (ArmedBreakpoint("debugger", BreakpointKind.SOFTWARE, CODE + 1, 1),)
NO_RIP = CpuFacts()


def with_base(evidence: Evidence) -> Evidence:
    """The same where CS has a base."""
    return replace(evidence, after=replace(evidence.after, cs_base=Known(0x100, "test")))


BASED = (ArmedBreakpoint("debugger", BreakpointKind.SOFTWARE, CODE + 0x101, 1),)


STOPS: dict[str, Row] = {
    "W is the end": Row(stop(reply="W00"), ("shutdown guest certain",), ("shutdown: the stub said W00",)),
    "a triple fault names what led to it": Row(
        replace(stop(reply="W00"), triple_fault=Known(TripleFault((6, 13, 8)), "test")),
        ("shutdown guest certain",),
        ("shutdown: triple fault: #UD could not be delivered, nor could #GP and then #DF instead",),
    ),
    "a triple fault has a place and gates": Row(
        replace(stop(reply="W00"), triple_fault=Known(TripleFault((13, 8), 0x7C05, (0x10D0, 0x1080)), "test")),
        ("shutdown guest certain",),
        (
            "shutdown: triple fault at 0x7c05: #GP (gate at 0x10d0) could not be delivered, nor could #DF (gate at "
            "0x1080) instead",
        ),
    ),
    "a triple fault of which the log shows no more": Row(
        replace(stop(reply="T03thread:01;", on=TCG), triple_fault=Known(TripleFault(()), "test")),
        ("shutdown guest certain",),
        ("shutdown: triple fault: a double fault could not be delivered",),
    ),
    "a triple fault at once": Row(
        replace(stop(reply="W00"), triple_fault=Known(TripleFault((8,)), "test")),
        ("shutdown guest certain",),
        ("shutdown: triple fault: #DF could not be delivered",),
    ),
    "the end of the connection is the end": Row(stop(reply=""), ("shutdown guest certain",)),
    "SIGQUIT of QEMU is a shutdown": Row(stop(reply="T03thread:01;", on=TCG), ("shutdown guest certain",)),
    "SIGABRT of QEMU is a failure of the hypervisor": Row(
        stop(reply="T06thread:01;", on=KVM_AMD), ("internal-error hypervisor certain",), ("gave up",)
    ),
    "SIGALRM of QEMU is the watchdog": Row(
        stop(reply="T0ethread:01;", on=TCG), ("unknown hypervisor possible",), ("watchdog",)
    ),
    "SIGABRT of an unknown stub is named": Row(
        stop(reply="T06thread:01;"), ("unknown unknown possible",), ("signal 6 (SIGABRT), which is no debug stop",)
    ),
    "a signal without a name has its number": Row(
        stop(reply="T91thread:01;"), ("unknown unknown possible",), ("signal 145, which is no debug stop",)
    ),
    "a pause that nobody asked for": Row(
        stop(reply="T02thread:01;", action=Action.CONTINUE, on=TCG),
        ("interrupt-request unknown likely",),
        ("paused from outside",),
    ),
    "a pause of an unknown stub": Row(
        stop(reply="T02thread:01;", action=Action.CONTINUE), ("interrupt-request unknown possible",)
    ),
    "an interrupt whose reply is unknown": Row(
        stop(reply=None, action=Action.INTERRUPT), ("interrupt-request debugger possible",)
    ),
    "an interrupt of gdbsx": Row(
        stop(reply="T02thread:0;", action=Action.INTERRUPT, on=XEN), ("interrupt-request debugger likely",)
    ),
    "an interrupt that an unknown stub answers as a breakpoint": Row(
        stop(reply="S05", action=Action.INTERRUPT), ("interrupt-request debugger likely",)
    ),
    "an interrupt that Bochs answers": Row(
        stop(reply="S00", action=Action.INTERRUPT), ("interrupt-request debugger likely",)
    ),
    "an interrupt that was forestalled by a breakpoint": Row(
        stop(reply="T05thread:01;swbreak:;", action=Action.INTERRUPT), ("unknown unknown possible",)
    ),
    "an interrupt that QEMU answers with signal 5": Row(
        stop(reply="T05thread:01;", action=Action.INTERRUPT, on=TCG), ("unknown unknown possible",)
    ),
    "attach says nothing": Row(stop(action=Action.ATTACH), ("unknown unknown possible",), ("at attach",)),
    "a step over nop": Row(stop(), ("single-step debugger certain",), ("single-step by the debugger over `nop`",)),
    "a step over a branch": Row(stop("7402", 4), ("single-step debugger certain",), ("over `je 0x1004`",)),
    "a step over ret": Row(stop("c3", 0x500), ("single-step debugger certain",)),
    "a step over a jump to itself under TCG": Row(stop("ebfe", 0, on=TCG), ("single-step debugger certain",)),
    "a step over a jump to itself": Row(stop("ebfe", 0), ("single-step debugger likely",)),
    "a jump to itself with a breakpoint of the guest on it": Row(
        stop("ebfe", 0, dr7=0x401, dr={0: CODE}, on=KVM_AMD),
        ("instruction-breakpoint guest likely", "single-step debugger likely"),
    ),
    "a step over a ret to itself": Row(stop("c3", 0), ("single-step debugger possible",)),
    "a step without a reply": Row(stop(reply=None), ("single-step debugger likely",), ("stop reply: not given",)),
    "a step in an unknown mode": Row(stop(mode=None), ("single-step debugger likely",), ("CPU mode",)),
    "a step over unknown bytes": Row(stop(known_code=False), ("single-step debugger likely",), ("the bytes there",)),
    "a step over unknown bytes that stays": Row(stop("", 0, known_code=False), ("single-step debugger possible",)),
    "a step from an unknown RIP": Row(
        replace(stop(), before=NO_RIP), ("single-step debugger possible",), ("RIP before the step",)
    ),
    "a stop of an unknown action behind an instruction": Row(
        stop(action=None), ("single-step debugger possible",), ("what was asked",)
    ),
    "a stop of an unknown action elsewhere": Row(stop(to=9, action=None), ("unknown unknown possible",)),
    "an iteration of REP": Row(stop("f3a4", 0, rcx=(5, 4)), ("single-step debugger certain",)),
    "an iteration of REP with RCX unknown": Row(stop("f3a4", 0), ("single-step debugger possible",)),
    "a REP that stood still": Row(stop("f3a4", 0, rcx=(5, 5)), ("spurious unknown possible",)),
    "the last iteration of REP": Row(stop("f3a4", 2, rcx=(1, 0)), ("single-step debugger certain",)),
    "MOV SS takes the next instruction with it": Row(
        stop("8ed090", 3, on=KVM_AMD), ("single-step debugger certain",), ()
    ),
    "MOV SS and then somewhere else": Row(stop("8ed090", 9), ("single-step debugger likely",)),
    "MOV SS without the next bytes": Row(
        replace(stop("8ed0", 3), before=replace(stop("8ed0").before, bytes=Known(b"\x8e\xd0", "test"))),
        ("single-step debugger likely",),
    ),
    "a step over INT n under TCG ends at the handler": Row(
        stop("cd80", 99, on=TCG),
        ("single-step debugger certain", "software-interrupt guest certain"),
        ("the guest took vector 128",),
    ),
    "a step over INT n under KVM ends somewhere": Row(
        stop("cd80", 99, on=KVM_AMD), ("single-step debugger likely", "software-interrupt guest likely")
    ),
    "a step that ended in a handler": Row(stop("90", 99), ("single-step debugger likely",)),
    "a step in 32-bit code": Row(stop("40", mode=32), ("single-step debugger certain",), ("inc eax",)),
    "a step in 16-bit code": Row(stop("40", mode=16), ("single-step debugger certain",), ("inc ax",)),
    "a step of KVM over the guest's TF from unknown bytes": Row(
        stop(known_code=False, rflags=TF, on=KVM_AMD), ("single-step debugger likely",)
    ),
    "a software breakpoint": Row(
        stop(action=Action.CONTINUE, own=SOFT),
        ("software-breakpoint debugger certain",),
        ("software breakpoint of the debugger at 0x1001",),
    ),
    "a software breakpoint of gdbsx": Row(
        stop(to=2, action=Action.CONTINUE, own=SOFT, on=XEN, reply="T05thread:0;"),
        ("software-breakpoint debugger certain",),
    ),
    "gdbsx's RIP on a breakpoint, where a step came there": Row(
        stop(action=Action.CONTINUE, own=SOFT, on=XEN, reply="T05thread:0;"),
        ("software-breakpoint debugger likely",),
    ),
    "a step of gdbsx onto a breakpoint": Row(
        stop(own=SOFT, on=XEN, reply="T05thread:0;"),
        ("single-step debugger certain", "software-breakpoint debugger possible"),
    ),
    "gdbsx's RIP on a breakpoint, behind an INT3 of the guest's": Row(
        stop("cc", action=Action.CONTINUE, own=SOFT, on=XEN, reply="T05thread:0;"),
        ("software-breakpoint guest likely",),
    ),
    "a breakpoint of somebody else": Row(
        stop(action=Action.CONTINUE, own=(ArmedBreakpoint("guest", BreakpointKind.SOFTWARE, CODE + 1, 1),)),
        ("spurious unknown possible",),
    ),
    "a breakpoint elsewhere": Row(stop(to=5, action=Action.CONTINUE, own=SOFT), ("spurious unknown possible",)),
    "two software breakpoints at one place": Row(
        stop(action=Action.CONTINUE, own=SOFT * 2),
        ("software-breakpoint debugger certain",),
    ),
    "a step with DR7 unknown": Row(stop(dr7=None, on=KVM_AMD), ("single-step debugger certain",)),
    "a step onto a breakpoint": Row(
        stop(own=SOFT), ("single-step debugger certain", "software-breakpoint debugger possible")
    ),
    "a step under TCG that stays on a breakpoint": Row(
        stop(to=0, own=(ArmedBreakpoint("debugger", BreakpointKind.EXECUTE, CODE, 1),), on=TCG),
        ("spurious unknown possible",),
        ("nothing accounts",),
    ),
    "a step under KVM that stays on a breakpoint": Row(
        stop(to=0, own=(ArmedBreakpoint("debugger", BreakpointKind.EXECUTE, CODE, 1),), on=KVM_AMD),
        ("instruction-breakpoint debugger likely",),
    ),
    "a breakpoint under an unknown action": Row(
        stop(to=9, action=None, own=(ArmedBreakpoint("debugger", BreakpointKind.EXECUTE, CODE + 9, 1),)),
        ("instruction-breakpoint debugger possible",),
    ),
    "a step that could not leave its breakpoint": Row(
        stop(to=0, own=(ArmedBreakpoint("debugger", BreakpointKind.EXECUTE, CODE, 1, 1),), on=KVM_INTEL),
        ("instruction-breakpoint debugger likely",),
        ("Take the breakpoint at RIP out",),
    ),
    "a hardware breakpoint without a slot": Row(
        stop(
            to=0x10, action=Action.CONTINUE, own=(ArmedBreakpoint("debugger", BreakpointKind.EXECUTE, CODE + 0x10, 1),)
        ),
        ("instruction-breakpoint debugger certain",),
        ("hardware breakpoint of the debugger at 0x1010 (fault:",),
    ),
    "a step that ran nothing": Row(stop(to=0), ("spurious unknown possible",), ("nothing accounts",)),
    "a resume that nothing accounts for": Row(stop(action=Action.CONTINUE), ("spurious unknown possible",)),
    "a resume with the breakpoints unknown": Row(
        stop(action=Action.CONTINUE, own=None), ("unknown unknown possible",), ("the debugger's breakpoints",)
    ),
    "a SIGTRAP at a breakpoint that can't be ours": Row(
        stop(action=Action.CONTINUE, own=(ArmedBreakpoint("debugger", BreakpointKind.WRITE, CODE + 1, 1),)),
        ("unknown unknown possible",),
    ),
    "the guest's watch in KVM's packet": Row(
        stop(
            STORE,
            reply="T05thread:01;watch:0;",
            action=Action.CONTINUE,
            dr7=0xD0040A,
            dr={1: 0x5004},
            registers=RBX,
            on=KVM_AMD,
        ),
        ("data-write guest likely",),
        ("Do not trust the address", "where the debugger has none"),
    ),
    "a packet for nobody's watch under KVM": Row(
        stop(STORE, reply="T05thread:01;watch:0;", action=Action.CONTINUE, on=KVM_AMD), ("data-write guest possible",)
    ),
    "a packet for nobody's watch": Row(
        stop(STORE, reply="T05thread:01;awatch:7;", action=Action.CONTINUE), ("data-access unknown possible",)
    ),
    "a packet with the breakpoints unknown": Row(
        stop(STORE, reply="T05thread:01;rwatch:5000;", action=Action.CONTINUE, own=None),
        ("data-access debugger possible",),
    ),
    "a packet for our watch that KVM could mean otherwise": Row(
        stop("90", reply="T05thread:01;watch:5000;", action=Action.CONTINUE, own=OWN_WRITE, on=KVM_AMD),
        ("data-write debugger likely",),
    ),
    "a watch and a step at once": Row(
        stop(STORE, reply="T05thread:01;watch:5000;", own=OWN_WRITE, registers=RBX, on=TCG),
        ("data-write debugger certain", "single-step debugger certain"),
    ),
    "a watch whose step is not known": Row(
        replace(stop(STORE, reply="T05thread:01;watch:5000;", own=OWN_WRITE), before=NO_RIP),
        ("data-write debugger likely", "single-step debugger possible"),
    ),
    "a watch whose RIP is not known": Row(
        replace(stop(STORE, reply="T05thread:01;watch:5000;", action=Action.CONTINUE, own=OWN_WRITE), after=NO_RIP),
        ("data-write debugger likely",),
    ),
    "a watch hit by REP in the middle": Row(
        stop(
            "f3aa",
            0,
            reply="T05thread:01;watch:5000;",
            action=Action.CONTINUE,
            own=OWN_WRITE,
            registers={"rdi": 0x5001},
            on=TCG,
        ),
        ("data-write debugger certain",),
        ("rep stosb",),
    ),
    "an access watch": Row(
        stop(
            "488b03",
            reply="T05thread:01;awatch:5000;",
            action=Action.CONTINUE,
            own=(ArmedBreakpoint("debugger", BreakpointKind.ACCESS, 0x5000, 8),),
            registers=RBX,
        ),
        ("data-access debugger certain",),
        ("access watch of the debugger on 0x5000 hit by `mov rax, qword ptr [rbx]`",),
    ),
    "a step over a store elsewhere": Row(
        stop(STORE, own=OWN_WRITE, registers={"rbx": 0x9000}, on=KVM_AMD), ("single-step debugger certain",)
    ),
    "a guest's breakpoint that is off while ours are on": Row(
        stop(STORE, own=OWN_EXEC, dr7=0xD0040A, dr={1: 0x5000}, registers=RBX, on=KVM_AMD),
        ("single-step debugger certain",),
        ("are off while the debugger has hardware breakpoints",),
    ),
    "a guest's watch that a step swallowed": Row(
        stop(STORE, dr7=0xD0040B, dr={1: 0x5000}, registers=RBX, on=KVM_AMD),
        ("single-step debugger certain", "data-write guest likely"),
    ),
    "a guest's access watch that a step swallowed": Row(
        stop(STORE, dr7=0xF0040A, dr={1: 0x5000}, registers=RBX, on=KVM_AMD),
        ("single-step debugger certain", "data-access guest likely"),
    ),
    "a guest's watch that a step did not touch": Row(
        stop("90", dr7=0xD0040A, dr={1: 0x5000}, registers=RBX, on=KVM_AMD), ("single-step debugger certain",)
    ),
    "general detect under a step": Row(
        stop("0f21c0", 0, dr7=0x2400, on=KVM_AMD), ("general-detect guest likely",), ("DR7.GD",)
    ),
    "a MOV DR that a step stays on without GD": Row(stop("0f21c0", 0, on=KVM_AMD), ("spurious unknown possible",)),
    "a guest's breakpoint elsewhere under a step that stays": Row(
        stop("90", 0, dr7=0x401, dr={0: 0x7777}, on=KVM_AMD), ("spurious unknown possible",)
    ),
    "the guest's watch of unknown place in KVM's packet": Row(
        replace(
            stop(STORE, reply="T05thread:01;watch:0;", action=Action.CONTINUE, on=KVM_AMD),
            after=replace(stop(STORE, dr7=0xD0040A).after, dr1=Unknown("not given")),
        ),
        ("data-write guest possible",),
    ),
    "INT1 under a step on Intel": Row(stop("f1", 0, on=KVM_INTEL), ("icebp guest likely",), ("it repeats",)),
    "an INT3 of the guest that gdbsx took": Row(
        stop("cc", reply="T05thread:0;", action=Action.CONTINUE, on=XEN), ("software-breakpoint guest likely",)
    ),
    "an INT3 that gdbsx took, the breakpoints being unknown": Row(
        stop("cc", reply="T05thread:0;", action=Action.CONTINUE, on=XEN, own=None),
        ("software-breakpoint unknown possible",),
    ),
    "no INT3 that gdbsx took": Row(
        stop("90", reply="T05thread:0;", action=Action.CONTINUE, on=XEN), ("spurious unknown possible",)
    ),
    "gdbsx's T02 without registers": Row(
        replace(stop("90", reply="T02thread:0;", action=Action.CONTINUE, on=XEN), after=NO_RIP),
        ("unknown unknown possible",),
        ("for a pause of the domain",),
    ),
    "gdbsx's T02 with nothing in DR6": Row(
        replace(
            stop("90", reply="T02thread:0;", action=Action.CONTINUE, on=XEN),
            after=CpuFacts(rip=Known(CODE + 1, "t"), rflags=Known(2, "t"), dr6=Known(0xFFFF0FF0, "t")),
        ),
        ("unknown unknown possible",),
    ),
    "gdbsx's T02 with TF, where Xen on AMD saves DR6 late": Row(
        late_step(XEN, TF, 0x400), ("single-step guest likely",), ()
    ),
    "gdbsx's T02 with TF on Intel, where DR6 is true": Row(
        late_step(XEN_INTEL, TF, 0x400), ("unknown unknown possible",)
    ),
    "gdbsx's T02 with TF and an enabled breakpoint": Row(late_step(XEN, TF, 0x402), ("unknown unknown possible",)),
    "gdbsx's T02 with TF and no DR7": Row(late_step(XEN, TF, None), ("unknown unknown possible",)),
    "gdbsx's T02 without TF": Row(late_step(XEN, 0, 0x400), ("unknown unknown possible",)),
    "GD heeded where the CPL is not 0": Row(
        stop("0f21f0", dr7=0x2400, cpl=3, on=TCG), ("single-step debugger certain",)
    ),
    "a breakpoint of the guest's own elsewhere where CS has a base": Row(
        with_base(stop("90", action=Action.CONTINUE, mode=32, dr7=0xF0403, dr={0: 0x1}, on=TCG)),
        ("spurious unknown possible",),
    ),
    "a stop of TCG at a breakpoint of its own where CS has a base": Row(
        with_base(stop("90", action=Action.CONTINUE, mode=32, own=BASED, on=TCG)),
        ("software-breakpoint debugger certain",),
    ),
    "a reply that is none": Row(
        stop(reply="OK", action=Action.CONTINUE), ("unknown unknown possible",), ('stop reply: "OK" is none',)
    ),
    "a signal that is no number": Row(
        stop(reply="Tzzthread:1;"), ("unknown unknown possible",), ('stop reply: "Tzzthread:1;" is none',)
    ),
    "a watch at no address": Row(
        stop(reply="T05watch:zz;", action=Action.CONTINUE),
        ("unknown unknown possible",),
        ('stop reply: "T05watch:zz;" is none',),
    ),
    "text that no stub sends": Row(
        stop(reply="T05…", action=Action.CONTINUE), ("unknown unknown possible",), ('stop reply: "T05…" is none',)
    ),
}

EVENTS: dict[str, Row] = {
    "only DR6, one B bit": Row(
        event(0xFFFF0FF1, dr7=None, frame=False, with_code=False, old=None),
        (
            "instruction-breakpoint unknown possible",
            "data-write unknown possible",
            "data-access unknown possible",
        ),
        ("possibly DR0 instruction breakpoint", "DR7: not given"),
    ),
    "DR7 unknown and DRn elsewhere": Row(
        event(0xFFFF0FF1, dr7=None, dr={0: 0x77}), ("data-write guest possible", "data-access guest possible")
    ),
    "an instruction breakpoint without a frame": Row(
        event(0xFFFF0FF1, dr7=0x401, dr={0: CODE}, frame=False), ("instruction-breakpoint guest possible",)
    ),
    "an instruction breakpoint elsewhere": Row(
        event(0xFFFF0FF1, dr7=0x401, dr={0: CODE}, on=TCG_10),
        ("unknown unknown possible",),
        ("saved RIP is elsewhere",),
    ),
    "an instruction breakpoint in an unknown mode": Row(
        event(0xFFFF0FF1, dr7=0x401, dr={0: CODE + 2}, mode=None), ("instruction-breakpoint guest likely",)
    ),
    "an instruction breakpoint in flat 32-bit code": Row(
        event(0xFFFF0FF1, dr7=0x401, dr={0: CODE + 2}, mode=32), ("instruction-breakpoint guest likely",)
    ),
    "an instruction breakpoint in 32-bit code with its base": Row(
        event(0xFFFF0FF1, dr7=0x401, dr={0: CODE + 0x102}, mode=32, cs_base=0x100),
        ("instruction-breakpoint guest certain",),
    ),
    "an instruction breakpoint in real mode": Row(
        event(0xFFFF0FF1, dr7=0x401, dr={0: CODE + 0x82}, mode=16), ("instruction-breakpoint guest likely",)
    ),
    "a store of unknown address": Row(
        event(0xFFFF0FF2, code=STORE, dr7=0xD0040A, dr={1: 0x5000}),
        ("data-write guest likely",),
        ("DR1 write watch hit, probably by `mov qword ptr [rbx], rax` at 0x1000 (trap: RIP is already behind it)",),
    ),
    "a data breakpoint without its address": Row(
        replace(
            event(0xFFFF0FF2, code=STORE, dr7=0xD0040A),
            after=replace(event(0xFFFF0FF2, dr7=0xD0040A).after, dr1=Unknown("not given")),
        ),
        ("data-write guest likely",),
        ("DR1: not given",),
    ),
    "a data breakpoint after an instruction that touches nothing": Row(
        event(0xFFFF4FF2, code="90", rflags=TF, dr7=0xF0040A, dr={1: 0x5000}, last_frame=Frame(CODE, 8, TF), on=TCG_10),
        ("single-step guest certain", "data-access guest likely"),
        ("touches no memory", "tcg-stale-hits"),
    ),
    "a deferred data breakpoint after MOV SS": Row(
        event(
            0xFFFF0FF2,
            code=MOV_SS_MEM + "90",
            dr7=0xF0040A,
            dr={1: 0x5000},
            registers=RBX,
            last_frame=Frame(CODE + 2, 8, 2),
        ),
        ("data-access guest certain",),
        ("mov ss",),
    ),
    "an I/O breakpoint": Row(
        event(0xFFFF0FF8, code="e660", dr7=0x20000480, dr={3: 0x60}),
        ("io-breakpoint guest certain",),
        ("DR3 I/O breakpoint on port 0x60 hit by `out 0x60, al`",),
    ),
    "an I/O breakpoint on a port in an unknown DX": Row(
        event(0xFFFF0FF8, code="ec", dr7=0x20000480, dr={3: 0x60}), ("io-breakpoint guest likely",)
    ),
    "an I/O breakpoint with CR4 unknown": Row(
        event(0xFFFF0FF8, code="90", dr7=0x20000480, dr={3: 0x60}, cr4=None),
        ("io-breakpoint guest possible",),
        ("CR4: not given",),
    ),
    "an I/O breakpoint without DE": Row(
        event(0xFFFF0FF8, code="e660", dr7=0x20000480, dr={3: 0x60}, cr4=0, on=TCG),
        ("io-breakpoint guest likely",),
        ("tcg-io-without-de",),
    ),
    "an I/O breakpoint of the guest with TF and nothing to show for it": Row(
        event(0xFFFF0FF8, code="90", rflags=TF, dr7=0x20000480, dr={3: 0x60}, on=TCG), ("io-breakpoint guest likely",)
    ),
    "a data breakpoint after a push of unknown place": Row(
        event(0xFFFF0FF2, code="50", dr7=0xF0040A, dr={1: 0x5000}, last_frame=Frame(CODE, 8, TF)),
        ("data-access guest likely",),
    ),
    "a data breakpoint deferred from a MOV SS of unknown place": Row(
        event(0xFFFF0FF2, code=MOV_SS_MEM + "90", dr7=0xF0040A, dr={1: 0x5000}, last_frame=Frame(CODE + 2, 8, TF)),
        ("data-access guest likely",),
    ),
    "a write breakpoint after a load": Row(
        event(0xFFFF0FF2, code="488b03", dr7=0xD0040A, dr={1: 0x5000}, registers=RBX), ("data-write guest likely",)
    ),
    "two possible causes with one sentence": Row(
        event(0xFFFF0FF3, dr7=None, frame=False, with_code=False),
        (
            "instruction-breakpoint unknown possible",
            "data-write unknown possible",
            "data-access unknown possible",
            "instruction-breakpoint unknown possible",
            "data-write unknown possible",
            "data-access unknown possible",
        ),
    ),
    "a step that led elsewhere than the frame says": Row(
        event(0xFFFF4FF0, rflags=TF, action=Action.STEP, before_rip=CODE + 0x100, before_bytes="90", on=TCG),
        ("single-step guest certain",),
    ),
    "a step of the debugger that the guest's own TF interrupted": Row(
        event(0xFFFF4FF0, rflags=TF, action=Action.STEP, before_rip=CODE + 1, before_bytes="90", on=KVM_AMD),
        ("single-step guest certain",),
        ("single-step by the guest over `nop`",),
    ),
    "a data breakpoint of 32-bit code without a stack pointer in its frame": Row(
        replace(
            event(0xFFFF0FF2, code="50", dr7=0xF0040A, dr={1: 0x5000}, mode=32, registers=RBX),
            frame=Known(Frame(CODE + 1, 8, 2), "test"),
        ),
        ("data-access guest likely",),
    ),
    "BD on something else": Row(event(0xFFFF2FF0), ("unknown unknown possible",), ("do not bear out",)),
    "BD with GD still set": Row(
        event(0xFFFF2FF0, rest="0f21c0", dr7=0x2400), ("general-detect guest certain",), ("DR7.GD is still 1",)
    ),
    "BD on unknown code": Row(event(0xFFFF2FF0, with_code=False), ("general-detect guest possible",)),
    "BD that was there before": Row(event(0xFFFF2FF0, rest="0f21c0", old=0xFFFF2FF0), ("general-detect guest likely",)),
    "BS alone, which was there before": Row(
        event(0xFFFF4FF0, old=0xFFFF4FF0), ("unknown unknown possible",), ("which the other registers do not bear out",)
    ),
    "BS left over beside another cause": Row(
        event(0xFFFF4FF1, dr7=0x401, dr={0: CODE + 2}, old=0xFFFF4FF0),
        ("instruction-breakpoint guest certain",),
        ("stay until software",),
    ),
    "BS left over in front of nothing known": Row(
        event(0xFFFF4FF0, old=0xFFFF4FF0, with_code=False), ("unknown unknown possible",), ("do not bear out",)
    ),
    "BS with TF, and DR6 before unknown": Row(
        event(0xFFFF4FF0, rflags=TF, old=None, on=TCG), ("single-step guest certain",)
    ),
    "BS with TF beside a new B bit": Row(
        event(0xFFFF4FF4, rflags=TF, dr7=0x420, dr={2: CODE + 2}, old=None, on=TCG),
        ("instruction-breakpoint guest certain", "single-step guest likely"),
    ),
    "BS with TF in front of INT1": Row(
        event(0xFFFF4FF0, code="f1", rflags=TF, old=None, on=KVM_AMD),
        ("single-step guest possible", "icebp guest possible"),
    ),
    "BS with TF in front of F1, which TCG 7.2 does not take for INT1": Row(
        event(0xFFFF4FF0, code="f1", rflags=TF, old=None, on=TCG), ("single-step guest certain",)
    ),
    "a step over an instruction that ends in F1": Row(
        event(0xFFFF4FF0, code="90900f21f1", rflags=TF, old=0xFFFF4FF0, on=KVM_AMD),
        ("single-step guest likely", "icebp guest possible"),
        ("single-step by the guest, over the instruction in front, `mov rcx, dr6`",),
    ),
    "INT1 with a BS that is old": Row(
        event(0xFFFF4FF0, code="9090f1", rflags=TF, old=0xFFFF4FF0, on=KVM_AMD),
        ("icebp guest likely", "single-step guest possible"),
    ),
    "INT1 on a QEMU TCG whose version is not known": Row(
        event(0xFFFF0FF0, code="9090f1", on=platform("qemu-tcg")), ("icebp guest likely",)
    ),
    "a step over an instruction that ends in CD 01": Row(
        event(0xFFFF4FF0, code="909066b9cd01", rflags=TF, old=0xFFFF4FF0, on=TCG),
        ("single-step guest likely", "software-interrupt guest possible"),
        ("single-step by the guest, over the instruction in front, `mov cx, 0x1cd`",),
    ),
    "INT 1 beside an old bit that can be no cause": Row(
        event(0xFFFF4FF0, code="90" * 15 + "cd01", old=0xFFFF4FF0, on=TCG), ("software-interrupt guest certain",)
    ),
    "INT 1 beside an old bit that can be a cause": Row(
        event(0xFFFF4FF0, code="9090cd01", rflags=TF, old=0xFFFF4FF0, on=TCG),
        ("software-interrupt guest likely", "single-step guest possible"),
    ),
    "no bit, under TCG, which injects nothing": Row(
        event(0xFFFF0FF0, code="9090", on=TCG), ("unknown guest possible",), ("by a jump, a call or a return",)
    ),
    "POPF that takes TF away, known to have run last": Row(
        event(0xFFFF4FF0, code="9d", old=0xFFFF4FF0, last_frame=Frame(CODE, 8, TF), on=TCG),
        ("single-step guest certain",),
    ),
    "POPF that takes TF away, by the look of it": Row(
        event(0xFFFF4FF0, code="9d", old=0xFFFF4FF0, on=TCG), ("single-step guest likely",)
    ),
    "long NOPs in front of a place where functions begin": Row(
        event(0xFFFF4FF0, code="90" * 7 + "662e0f1f840000000000", after=None, rflags=TF, rest="90", on=TCG),
        ("single-step guest certain",),
        ("single-step by the guest, over the instruction in front",),
    ),
    "the handler's return to itself by the frame of a nested #DB on an IST stack": Row(
        ist_again(0x8000), ("unknown guest possible",), ("the handler returned to its own first instruction",)
    ),
    "the same on another stack": Row(ist_again(0x7000), ("unknown unknown possible",)),
    "BS new without TF": Row(
        event(0xFFFF4FF0),
        ("single-step guest possible",),
        ("TF is clear behind `nop`, if no branch led here, and that leaves TF as it was",),
    ),
    "BS without a frame": Row(event(0xFFFF4FF0, frame=False), ("single-step unknown possible",)),
    "BS with BTF unknown": Row(
        event(0xFFFF4FF0, rflags=TF, on=KVM_AMD), ("single-step guest likely",), ("DEBUGCTL before the event",)
    ),
    "BS with BTF known to be off": Row(event(0xFFFF4FF0, rflags=TF, debugctl=0), ("single-step guest certain",)),
    "BS after an instruction that is no branch": Row(
        event(0xFFFF4FF0, code="90", rflags=TF, last_frame=Frame(CODE, 8, TF)), ("single-step guest certain",)
    ),
    "BTF and a branch": Row(
        event(0xFFFF4FF0, code="7400", rflags=TF, debugctl=2, last_frame=Frame(CODE, 8, TF)),
        ("branch-step guest certain",),
        ("branch step (TF with DEBUGCTL.BTF) over `je 0x1002`",),
    ),
    "BTF and no branch": Row(
        event(0xFFFF4FF0, code="90", rflags=TF, debugctl=2, last_frame=Frame(CODE, 8, TF), on=KVM_INTEL),
        ("single-step guest certain",),
        ("kvm-no-btf",),
    ),
    "a step of the guest after a ret": Row(
        event(0xFFFF4FF0, code="c3", rflags=TF, last_frame=Frame(CODE, 8, TF), on=TCG), ("single-step guest certain",)
    ),
    "a ret that the last handler returned to without TF": Row(
        event(0xFFFF4FF0, code="9090", rflags=TF, last_frame=Frame(CODE + 0x800, 8, 2), on=TCG),
        ("single-step guest certain",),
    ),
    "a TF that a step over PUSHF left": Row(
        event(0xFFFF4FF0, rflags=TF, on=KVM_INTEL, stepped=(SteppedOver(1, b"\x90"), SteppedOver(2, b"\x9c"))),
        ("single-step debugger-leak certain",),
        ("Clear TF in the saved RFLAGS", "left in the guest"),
    ),
    "steps that leave nothing": Row(
        event(0xFFFF4FF0, rflags=TF, on=KVM_INTEL, stepped=(SteppedOver(1, b"\x90"), SteppedOver(2, b""))),
        ("single-step guest certain",),
    ),
    "a trap with BS at a handler's entry is over nothing in front of it": Row(
        event(0xFFFF4FF0, code="c3", rflags=TF, on=TCG), ("single-step guest certain",), ("single-step by the guest",)
    ),
    "a POPF that sets TF in front of REP": Row(
        event(0xFFFF4FF0, code="909d", rest="f3a4", rflags=TF, on=TCG),
        ("single-step guest certain",),
        ("over `rep movsb", "tcg-rep-rf"),
    ),
    "a POPF under TF that a REP does not follow": Row(
        event(0xFFFF4FF0, code="909d", rflags=TF, on=TCG), ("single-step guest certain",), ("in front, `popfq`",)
    ),
    "INT n is never what a step was over": Row(
        event(0xFFFF4FF0, code="cd80", rflags=TF, on=TCG), ("single-step guest certain",)
    ),
    "a step that came from elsewhere, as SYSRET does": Row(
        event(0xFFFF4FF0, code="0f05cd80", rflags=TF, on=TCG),
        ("single-step guest certain",),
        ("single-step by the guest",),
    ),
    "STI behind POPF, whose trap was not seen": Row(
        event(0xFFFF4FF0, code="90909dfb90", rflags=TF, on=TCG, last_frame=Frame(0x77, 8, TF)),
        ("single-step guest certain",),
        ("One trap covers `sti` and `nop`", "tcg-sti-hides-step"),
    ),
    "no STI behind POPF": Row(
        event(0xFFFF4FF0, code="90909df890", rflags=TF, on=TCG, last_frame=Frame(0x77, 8, TF)),
        ("single-step guest certain",),
    ),
    "STI behind POPF, its last handler having returned behind it": Row(
        event(0xFFFF4FF0, code="90909dfb90", rflags=TF, on=TCG, last_frame=Frame(CODE + 4, 8, TF)),
        ("single-step guest certain",),
    ),
    "code that begins at STI": Row(
        event(0xFFFF4FF0, code="fb90", rflags=TF, on=TCG, last_frame=Frame(0x77, 8, TF)), ("single-step guest certain",)
    ),
    "the outer one of two nested #DBs": Row(
        event(
            0xFFFF0FF0,
            code=STORE,
            rflags=TF,
            dr7=0xDD0405,
            dr={0: 0x9000, 1: 0x5000},
            registers=RBX,
            last_frame=Frame(HANDLER, 8, 2),
            on=TCG,
        ),
        ("single-step guest likely", "data-write guest likely"),
    ),
    "the outer one of two nested #DBs, with the breakpoint": Row(
        event(0xFFFF0FF0, code=STORE, dr7=0xD0040A, dr={1: 0x5000}, registers=RBX, last_frame=Frame(HANDLER, 8, 2)),
        ("data-write guest likely",),
    ),
    "the outer one of two nested #DBs without DR7": Row(
        event(0xFFFF0FF0, rflags=TF, dr7=None, last_frame=Frame(HANDLER, 8, 2)), ("single-step guest likely",)
    ),
    "one store that two breakpoints cover, and one bit": Row(
        event(0xFFFF0FF1, code=STORE, dr7=0x0DDD042A | 1, dr={0: 0x5000, 1: 0x5004, 2: 0x9000}, registers=RBX, on=TCG),
        ("data-write guest certain",),
        ("B1 too; it is clear", "tcg-one-data-hit"),
    ),
    "#GP of INT 1 whose error code names another gate": Row(
        event(0xFFFF0FF0, vector=13, rest="cd01", error_code=0x12, on=TCG),
        ("exception guest certain",),
        ("names vector 2", "hardware gives 0xa", "tcg-idt-error-code"),
    ),
    "#GP of INT 1": Row(event(0xFFFF0FF0, vector=13, rest="cd01", error_code=0xA), ("exception guest certain",)),
    "#GP of something else": Row(event(0xFFFF0FF0, vector=13, error_code=0x12), ("exception guest certain",)),
    "BT without a known task": Row(event(0xFFFF8FF0, mode=32), ("task-switch guest likely",)),
    "BT left over": Row(event(0xFFFF8FF0, old=0xFFFF8FF0), ("task-switch guest possible",)),
    "BT with BS": Row(
        event(0xFFFFCFF0, mode=32, rflags=TF, tr=(1, 2), on=TCG),
        ("single-step guest certain", "task-switch guest certain"),
        ("BT is new together with BS",),
    ),
    "BLD at CPL 0": Row(event(0xFFFF07F0, code="f00fc103"), ("bus-lock guest possible",), ("ran at CPL 0",)),
    "BLD at CPL 3 after another instruction": Row(
        event(0xFFFF07F0, cs=0x33), ("bus-lock guest likely",), ("bus lock taken",)
    ),
    "RTM on other code": Row(event(0xFFFE0FF0, dr7=0xC00), ("rtm guest possible",)),
    "RTM from before": Row(
        event(0xFFFE0FF0, rest="c7f802000000", old=0xFFFE0FF0, dr7=0xC00, debugctl=0x8000),
        ("rtm guest likely",),
        ("rolled back",),
    ),
    "INT1": Row(event(0xFFFF0FF0, code="f1"), ("icebp guest likely",), ("INT1 (ICEBP, F1) at 0x1000",)),
    "INT1 with an old bit": Row(
        event(0xFFFF8FF0, code="f1", old=0xFFFF8FF0), ("icebp guest likely", "task-switch guest possible")
    ),
    "an instruction breakpoint in a segment whose base the frame has": Row(
        replace(
            event(0xFFFF0FF1, mode=32, dr7=0x401, dr={0: CODE + 0x8002}),
            frame=Known(Frame(CODE + 2, 8, 2, cs_base=0x8000), "test"),
        ),
        ("instruction-breakpoint guest certain",),
        ("at 0x9002",),
    ),
    "INT1 with DR6 unknown": Row(event(None, code="f1"), ("icebp guest possible",), ("DR6: not given",)),
    "a byte F1 in front of a single step": Row(
        event(0xFFFF4FF0, code="b0f1", rflags=TF, on=TCG), ("single-step guest certain",)
    ),
    "INT1 of AMD with old B bits": Row(
        event(0xFFFF0FF2, code="f1", old=0xFFFF0FF2, on=KVM_AMD), ("icebp guest likely",)
    ),
    "INT1 of Intel with old B bits": Row(
        event(0xFFFF0FF2, code="f1", old=0xFFFF0FF2, on=KVM_INTEL), ("icebp guest likely",), ("B1 is left from before",)
    ),
    "INT 1": Row(event(0xFFFF0FF0, code="cd01"), ("software-interrupt guest likely",), ("`int 1` (CD 01) at 0x1000",)),
    "INT 1 with DR6 unknown": Row(event(None, code="cd01"), ("software-interrupt guest possible",)),
    "the bytes of INT 1 in front of a single step": Row(
        event(0xFFFF4FF0, code="66b8cd01", rflags=TF, on=TCG), ("single-step guest certain",)
    ),
    "INT 1 with DR6 before unknown": Row(
        event(0xFFFF0FF1, code="cd01", old=None), ("software-interrupt guest possible",)
    ),
    "nothing in DR6": Row(event(0xFFFF0FF0), ("injected hypervisor possible",), ("put there by the hypervisor",)),
    "F1 in front of another instruction that is known to have run": Row(
        event(0xFFFF0FF0, code="b0f1", last_frame=Frame(CODE, 8, 2)), ("injected hypervisor possible",)
    ),
    "a stop beside an unaligned write": Row(
        event(0xFFFF4FF2, code="90", rflags=TF, dr7=0x10040A, dr={1: 0x5000}, on=TCG),
        ("single-step guest certain", "data-write guest likely"),
    ),
    "a single step behind INT1 that is no step": Row(
        event(0xFFFF0FF2, code=STORE, dr7=0xD0040B, dr={0: CODE + 3, 1: 0x5000}, registers=RBX, rest="f3a4"),
        ("data-write guest certain",),
    ),
    "nothing in DR6 in front of INT1": Row(event(0xFFFF0FF0, rest="f190"), ("unknown unknown possible",)),
    "nothing in a DR6 that was injected again": Row(event(0, on=KVM_AMD), ("injected hypervisor likely",)),
    "nothing in DR6 and no code": Row(
        event(0xFFFF0FF0, with_code=False), ("unknown unknown possible",), ("shows no cause",)
    ),
    "nothing known": Row(event(None, with_code=False), ("unknown unknown possible",), ("DR6 is not known",)),
    "RF set in a trap's frame": Row(
        event(0xFFFF0FF0, code="f1", rflags=0x10002), ("icebp guest likely",), ("RF is 1",)
    ),
    "a reserved bit": Row(
        event(0xFFFF5FF0, rflags=TF, on=TCG), ("single-step guest certain",), ("bit 12 must read 0",)
    ),
    "#BP": Row(
        event(0xFFFF0FF0, vector=3, code="cc"), ("software-breakpoint guest certain",), ("INT3 of the guest at 0x1000",)
    ),
    "#BP by CD 03": Row(event(0xFFFF0FF0, vector=3, code="cd03"), ("software-breakpoint guest certain",)),
    "#BP without an INT3": Row(event(0xFFFF0FF0, vector=3), ("software-breakpoint guest likely",)),
    "#BP of unknown code": Row(
        event(0xFFFF4FF0, vector=3, with_code=False), ("software-breakpoint guest likely",), ("the code in front",)
    ),
    "a page fault at its own RIP": Row(
        event(0xFFFF0FF0, vector=14, code="90", rest="488903", error_code=0, cr2=CODE + 1),
        ("exception guest certain",),
    ),
    "#PF": Row(
        event(0xFFFF0FF0, vector=14, code="90", rest="488903", error_code=2, cr2=0x7000),
        ("exception guest certain",),
        (
            "#PF page fault at `mov qword ptr [rbx], rax` (0x1001) (fault), error code page not present, write",
            "CR2 0x7000",
        ),
    ),
    "#DF": Row(
        event(0xFFFF0FF0, vector=8, error_code=0), ("exception guest certain",), ("#DF double fault at 0x1002 (abort)",)
    ),
    "an interrupt": Row(
        event(0xFFFF0FF0, vector=0x40), ("exception guest certain",), ("vector 64 interrupt at 0x1002",)
    ),
    "INT 0x80": Row(
        event(0xFFFF0FF0, vector=0x80, code="cd80"), ("exception guest certain",), ("`int 0x80` (0x1000)",)
    ),
    "INTO": Row(event(0xFFFF0FF0, vector=4, code="ce", mode=32), ("exception guest certain",), ("`into`",)),
    "an exception without a frame": Row(
        event(0xFFFF0FF0, vector=13, frame=False), ("exception guest certain",), ("exception frame: not given",)
    ),
    "a vector that does not exist": Row(event(0xFFFF0FF0, vector=300), ("unknown unknown possible",)),
    "STI and its next instruction under a step": Row(
        event(0xFFFF4FF0, code="fb90", rflags=TF, action=Action.STEP, before_rip=CODE, before_rflags=TF, on=TCG),
        ("single-step guest certain",),
        ("tcg-sti-hides-step",),
    ),
    "STI with the code behind it unknown": Row(
        event(0xFFFF4FF0, code="fb90", after=5, rflags=TF, rest="9090909090", last_frame=Frame(CODE, 8, TF), on=TCG),
        ("single-step guest certain",),
    ),
}


@pytest.mark.parametrize("name", [*STOPS, *EVENTS])
def test_the_rule_says(name: str) -> None:
    row = STOPS.get(name) or EVENTS[name]
    answer = explain(row.evidence)
    said = tuple(f"{cause.cause} {cause.owner} {cause.confidence}" for cause in answer.causes)
    texts = " | ".join((answer.summary, *answer.contradictions, *answer.unknowns, *answer.advice))
    if answer.instruction is not None:
        texts += " | " + answer.instruction.text
    assert sorted(said) == sorted(row.causes)
    for words in row.words:
        assert words in texts


def test_every_cause_of_the_contract_can_be_reached() -> None:
    reached = {cause.cause for row in (*STOPS.values(), *EVENTS.values()) for cause in explain(row.evidence).causes}
    reached |= {cause.cause for case in CASES.values() for cause in explain(case.evidence).causes}
    assert reached == set(CauseName.__args__)  # type: ignore[attr-defined]  # a Literal's values


def test_an_answer_without_sources_or_registers_is_text_too() -> None:
    assert render_text(explain(Evidence())) == (
        "unknown: the evidence accounts for no cause\n"
        "\n"
        "unknown, owner unknown, possible\n"
        "  because the evidence accounts for no cause\n"
        "\n"
        "Not known:\n"
        "  stop reply: not given\n"
        "  what was asked of the guest: not given\n"
        "  RIP: not given\n"
        "  the debugger's breakpoints: not given"
    )


def test_text_goes_from_the_sentence_to_the_sources() -> None:
    evidence = event(0xFFFF4FF6, rflags=TF, dr7=0xF0040A, dr={1: 0x5000}, code="488b03", registers=RBX, old=0xFFFF4FF0)
    assert render_text(explain(evidence)) == (
        "DR1 access watch hit by `mov rax, qword ptr [rbx]` at 0x1000 (trap: RIP is already behind it); and "
        "single-step by the guest over `mov rax, qword ptr [rbx]`\n"
        "\n"
        "data-access (DR1), of the guest, trap, certain\n"
        "  because DR6.B1 is set\n"
        "  because DR7 enables DR1 for data\n"
        "  because the instruction before the saved RIP accesses what it covers\n"
        "single-step, of the guest, trap, likely\n"
        "  because DR6.BS is set\n"
        "  because TF is 1 in the saved RFLAGS\n"
        "\n"
        "DR6 of the guest: 0xffff4ff6; set by this event: B1, BS; from before, or no cause: B2\n"
        "\n"
        "Contradictions:\n"
        "  DR6.B2 is set although DR7 does not enable DR2. Known quirk disabled-hits: Intel allows B bits of "
        "breakpoints that DR7 does not enable; they are no cause (SDM 3B 18.2.3).\n"
        "\n"
        "Not known:\n"
        "  DEBUGCTL before the event: not given\n"
        "\n"
        "Sources: SDM 3B 18.3.1.2; SDM 3B 18.3.1.4"
    )


def test_a_debugger_event_never_shows_the_guests_dr6_as_set() -> None:
    answer = explain(stop(dr6=0xFFFF4FF1))
    assert answer.guest_dr6 is not None
    assert answer.guest_dr6.set == ()
    assert answer.guest_dr6.stale == ("B0", "BS")
    assert answer.exit_dr6 == (0xFFFF4FF0, "reconstructed")


def test_a_known_vector_means_that_the_guest_stands_at_its_handler() -> None:
    evidence = replace(event(0xFFFF0FF0, code="f1"), at_handler=Unknown("not given"))
    assert explain(evidence).causes[0].cause == "icebp"
    assert explain(replace(evidence, at_handler=Known(False, "test"))).causes[0].cause != "icebp"


def test_a_dr6_that_the_guest_wrote_is_no_event() -> None:
    written = stop("0f23f0", on=TCG)
    written = replace(written, after=replace(written.after, dr6=Known(0xFFFF4FF0, "test")))
    assert explain(written).advice == ()
    nop = stop("90", on=TCG)
    assert explain(replace(nop, after=written.after)).advice != ()


def test_a_stop_without_dr6_has_no_guest_dr6() -> None:
    assert explain(stop(dr6=None)).guest_dr6 is None
    assert explain(event(None)).guest_dr6 is None


def test_the_shadow_of_mov_ss_needs_the_bytes() -> None:
    evidence = event(0xFFFF0FF2, code=MOV_SS_MEM + "90", dr7=0xF0040A, dr={1: 0x5000}, registers=RBX)
    assert explain(evidence).causes[0].confidence == "certain"
    cut = replace(evidence, code=(CodeBytes(CODE + 2, b"\x90\x90"),))
    assert explain(cut).causes[0].confidence == "likely"


def test_the_handler_of_a_32_bit_guest_pushes_no_stack_pointer() -> None:
    evidence = event(0xFFFF0FF2, code="50", dr7=0x5D040A, dr={1: 0x7FFC}, mode=32, registers={"rsp": 0x7000})
    frame = Frame(CODE + 1, 8, 2)
    assert explain(replace(evidence, frame=Known(frame, "test"))).causes[0].confidence == "likely"


def test_quirks_know_their_versions() -> None:
    assert applies("tcg-icebp-ud", TCG)
    assert applies("tcg-icebp-ud", platform("qemu-tcg"))
    assert not applies("tcg-icebp-ud", TCG_10)
    assert not applies("tcg-icebp-ud", KVM_AMD)
    assert not applies("tcg-icebp-ud", platform())
    assert applies("tcg-rep-last", TCG)
    assert applies("xen-hits-wiped", XEN_PV_418)
    assert not applies("xen-hits-wiped", XEN_PV)
    assert applies("kvm-no-btf", KVM_INTEL)
    assert not applies("kvm-no-btf", KVM_AMD)
    assert applies("disabled-hits", platform())
    assert version_of("7.2.22 (Debian)") == (7, 2)
    assert version_of("?") == ()


def test_every_quirk_has_its_source() -> None:
    for quirk in QUIRKS.values():
        assert quirk.source
        assert not quirk.sentence.endswith(".")


def test_every_phase_has_a_name_and_rules() -> None:
    names = [name for name, _ in (*STOP_PHASES, *EVENT_PHASES)]
    assert len(names) == len(set(names))
    assert all(rules for _, rules in STOP_PHASES)


def test_a_saved_rip_alone_is_enough_for_an_instruction_breakpoint() -> None:
    evidence = Evidence(
        mode=know(64),
        vector=know(1),
        saved_rip=know(CODE),
        after=CpuFacts(dr6=know(0xFFFF0FF1), dr7=know(0x401), dr0=know(CODE)),
    )
    assert explain(evidence).causes[0].confidence == "certain"
    assert platform().backend == Unknown("not given")
    assert HANDLER != CODE


def test_a_page_fault_at_its_own_rip_is_a_fetch() -> None:
    """Without NX the error code has no I/D bit; CR2 tells."""
    stopped = event(0xFFFF0FF0, vector=14, code="90", rest="488903", error_code=0, cr2=CODE + 1)
    assert "an instruction fetch" in " ".join(explain(stopped).causes[0].because)
    stopped = event(0xFFFF0FF0, vector=14, code="90", rest="488903", error_code=0, cr2=0x7000)
    assert "an instruction fetch" not in " ".join(explain(stopped).causes[0].because)
