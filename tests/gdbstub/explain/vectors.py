"""The test vectors of the #DB reference, by id, as evidence and the answer that is due.

``causes`` are (cause, owner, class); confidence is at least ``likely`` unless it is in ``possible``. ``against`` are
words of contradictions. `NOT_EVIDENCE` lists the vectors that no stop can show, with the reason.
"""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.explain.evidence import Action, Evidence, SteppedOver
from gdbstub.explain.explanation import CauseName, Class
from gdbstub.x86.breakpoints import ArmedBreakpoint, BreakpointKind, Owner
from gdbstub.x86.exceptions import Frame
from tests.gdbstub.explain.build import (
    CODE,
    KVM_AMD,
    KVM_INTEL,
    TCG,
    XEN,
    XEN_INTEL,
    XEN_PV,
    XEN_PV_418,
    event,
    stop,
)

Row = tuple[CauseName, Owner, Class]


class Case(NamedTuple):
    evidence: Evidence
    causes: tuple[Row, ...]
    against: tuple[str, ...] = ()
    possible: tuple[CauseName, ...] = ()
    exit_dr6: int | None = None
    stale: tuple[str, ...] = ()
    instruction: str | None = None


STEP: Row = ("single-step", "guest", "trap")
OWN_STEP: Row = ("single-step", "debugger", "trap")
EXEC: Row = ("instruction-breakpoint", "guest", "fault")
WRITE: Row = ("data-write", "guest", "trap")
ACCESS: Row = ("data-access", "guest", "trap")
IO: Row = ("io-breakpoint", "guest", "trap")
ICEBP: Row = ("icebp", "guest", "trap")
DETECT: Row = ("general-detect", "guest", "fault")
INT_1: Row = ("software-interrupt", "guest", "none")
BP: Row = ("software-breakpoint", "guest", "trap")

STORE = "488903"  # mov [rbx], rax
RBX = {"rbx": 0x5000, "rdx": 0x60, "rsp": 0x8000}
MOV_SS_MEM = "8e13"  # mov ss, [rbx]
OWN_EXEC = (ArmedBreakpoint("debugger", BreakpointKind.EXECUTE, CODE + 0x10, 1, 2),)
OWN_WRITE = (ArmedBreakpoint("debugger", BreakpointKind.WRITE, 0x5000, 4, 0),)
TF = 0x102

CASES: dict[str, Case] = {
    "A01": Case(event(0xFFFF0FF4, dr7=0x420, dr={2: CODE + 2}), (EXEC,)),
    "A02": Case(event(0xFFFF4FF4, dr7=0x420, dr={2: CODE + 2}, old=0xFFFF4FF2), (EXEC,), stale=("BS",)),
    "A03": Case(event(0xFFFF4FF0, rflags=TF, on=TCG), (STEP,), instruction="nop"),
    "A04": Case(event(0xFFFF4FF0, code="9d", old=0xFFFF4FF0), (STEP,), instruction="popfq"),
    "A05": Case(event(0xFFFF4FF0, code="0fa2", rflags=TF), (STEP,), instruction="cpuid"),
    "A06": Case(event(0xFFFF4FF0, code="fb", rflags=TF), (STEP,), instruction="sti"),
    "A07": Case(event(0xFFFF4FF0, code="8ed090", rflags=TF), (STEP,), instruction="nop"),
    "A08": Case(event(0xFFFF0FF0, code="8ed0f1", rflags=TF), (ICEBP,), instruction="int1"),
    "A09": Case(event(0xFFFF0FF0, code="90f1", rflags=TF), (ICEBP,)),
    "A10": Case(event(0xFFFF2FF0, code="8ed0", rest="0f23f0", rflags=TF), (DETECT,), instruction="mov dr6, rax"),
    "A11": Case(event(0xFFFF4FF0, code="0f23f0", rflags=TF, old=0xFFFF2FF0), (STEP,), instruction="mov dr6, rax"),
    "A12": Case(event(0xFFFF4FF0, code="fbf4", rflags=TF), (STEP,), instruction="hlt"),
    "A13": Case(
        event(0xFFFF4FF2, code=STORE, dr7=0xD0040A, dr={1: 0x5000}, old=0xFFFF4FF0, registers=RBX),
        (WRITE,),
        stale=("BS",),
    ),
    "A14": Case(event(0xFFFF0FF2, code=STORE, dr7=0xD0040A, dr={1: 0x5004}, registers=RBX), (WRITE,)),
    "A15": Case(event(0xFFFF0FF0, code="f1"), (ICEBP,)),
    "A16": Case(
        event(0xFFFF0FF2, code=MOV_SS_MEM + "2e2ef1", dr7=0xF0040A, dr={1: 0x5000}, registers=RBX),
        (ACCESS, ICEBP),
        possible=("icebp",),
    ),
    "A17": Case(event(0xFFFF0FF2, code="cd01", dr7=0xF0040A, old=0xFFFF0FF2), (ACCESS, INT_1)),
    "A18": Case(event(0xFFFF0FF2, code="90", dr7=0xF0040A, dr={1: 0x5000}, registers=RBX), (ACCESS,), instruction=None),
    "A20": Case(event(0xFFFF0FF1, code="8ed0", dr7=0x401, dr={0: CODE + 2}, on=KVM_AMD), (EXEC,)),
    "A22": Case(
        event(0xFFFF0FF0, vector=6, code="90", rest="0f21e0", rflags=0x10002), (("exception", "guest", "fault"),)
    ),
    "A23": Case(event(0xFFFF0FF0, vector=3, code="cc"), (BP,), instruction="int3"),
    "A25": Case(event(0xFFFF4FF0, rflags=TF, cs=0x33, last_frame=Frame(0x9000, 0x8, TF)), (STEP,)),
    "A26": Case(event(0xFFFF4FF0, rflags=TF), (STEP,)),
    "A27": Case(event(0xFFFF4FF0, rflags=TF), (STEP,)),
    "A28": Case(event(0xFFFF4FF4, rflags=TF, dr7=0x420, dr={2: CODE + 2}), (STEP, EXEC)),
    "A31": Case(event(0xFFFE0FF0, rest="c7f802000000", dr7=0xC00, debugctl=0x8000), (("rtm", "guest", "trap"),)),
    "A35": Case(event(0xFFFF4FF0, rflags=TF), (STEP,)),
    "A36": Case(event(0xFFFF4FF0, code="0f01d8", rflags=TF), (STEP,), instruction="vmrun rax"),
    "A37": Case(
        event(
            0xFFFF0FF2,
            code="90",
            rest="f3a4",
            rflags=0x10002,
            dr7=0x10040A,
            dr={1: 0x5000},
            registers={"rdi": 0x5001, "rsi": 0x7001},
        ),
        (WRITE,),
        instruction="rep movsb byte ptr [rdi], byte ptr [rsi]",
    ),
    "A38": Case(
        event(0xFFFF0FF8, code="90", rest="f36e", rflags=0x10002, dr7=0x20000480, dr={3: 0x60}, registers=RBX),
        (IO,),
        instruction="rep outsb dx, byte ptr [rsi]",
    ),
    "A39": Case(event(0xFFFF8FF0, mode=32, tr=(0x28, 0x30)), (("task-switch", "guest", "trap"),)),
    "A40": Case(event(0xFFFF07F0, code="f00fc103", cs=0x33), (("bus-lock", "guest", "trap"),)),
    "A42": Case(
        event(0xFFFF0FF2, dr7=0x10040A, dr={1: 0x8000}, handler=CODE + 2), (WRITE,), against=("handler itself",)
    ),
    "A43": Case(event(0xFFFF4FF0, rflags=TF, debugctl=2), (("branch-step", "guest", "trap"),)),
    "K01": Case(
        stop(
            "90",
            0,
            reply="T05thread:01;",
            action=Action.CONTINUE,
            own=(ArmedBreakpoint("debugger", BreakpointKind.SOFTWARE, CODE, 1),),
        ),
        (("software-breakpoint", "debugger", "trap"),),
    ),
    "K02": Case(
        stop("90", 0x10, action=Action.CONTINUE, own=OWN_EXEC, on=KVM_INTEL),
        (("instruction-breakpoint", "debugger", "fault"),),
        exit_dr6=0xFFFF0FF4,
    ),
    "K03": Case(
        stop(STORE, reply="T05thread:01;watch:5000;", action=Action.CONTINUE, own=OWN_WRITE, registers=RBX, on=KVM_AMD),
        (("data-write", "debugger", "trap"),),
        exit_dr6=0xFFFF0FF1,
    ),
    "K04": Case(stop("fb", on=KVM_INTEL), (OWN_STEP,), exit_dr6=0xFFFF4FF0),
    "K06": Case(event(0x4000, rflags=TF, on=KVM_AMD), (STEP,), against=("kvm-reinjected-polarity",)),
    "K07": Case(event(0xFFFF4FF0, rflags=TF, on=KVM_AMD), (STEP,)),
    "K08": Case(
        event(0xFFFE07F0, cs=0x33, dr7=0xC00),
        (("bus-lock", "guest", "trap"), ("rtm", "guest", "trap")),
        possible=("rtm",),
    ),
    "K09": Case(event(0xFFFF0FF4, dr7=0x420, dr={2: CODE + 2}), (EXEC,)),
    "K10": Case(event(0xFFFF0FF0), (("injected", "hypervisor", "none"),), possible=("injected",)),
    "K11": Case(
        stop("90", 0, dr7=0x401, dr={0: CODE}, on=KVM_AMD),
        (EXEC,),
        against=("kvm-step-takes-db",),
        exit_dr6=0xFFFF0FF1,
    ),
    "K12": Case(stop(rflags=TF, on=KVM_AMD), (OWN_STEP, STEP), possible=("single-step",), exit_dr6=0xFFFF4FF0),
    "K14": Case(stop("9c", on=KVM_AMD), (OWN_STEP,), exit_dr6=0xFFFF4FF0),
    "K15": Case(
        event(0xFFFF4FF0, rflags=TF, on=KVM_AMD, stepped=(SteppedOver(0x900, b"\xcd\x20"),)),
        (("single-step", "debugger-leak", "trap"),),
        against=("kvm-leaks-tf",),
    ),
    "K17": Case(event(0xFFFF0FF1, dr7=0x401, dr={0: CODE + 2}, on=KVM_AMD), (EXEC,)),
    "K18": Case(event(0xFFFF2FF0, rest="0f21c3", on=KVM_AMD), (DETECT,), instruction="mov rbx, dr0"),
    "K19": Case(stop("8ed0", 3, on=KVM_AMD), (OWN_STEP,), exit_dr6=0xFFFF4FF0),
    "K20": Case(
        event(0x0, rest="f190", on=KVM_INTEL),
        (ICEBP,),
        against=("kvm-reinjected-polarity", "kvm-icebp-reinjected"),
    ),
    "K21": Case(event(0xFFFF0FF0, code="f1", on=KVM_AMD), (ICEBP,)),
    "K22": Case(
        stop(STORE, own=OWN_WRITE, registers=RBX, on=KVM_AMD),
        (OWN_STEP, ("data-write", "debugger", "trap")),
        against=("kvm-step-hides-watch",),
        exit_dr6=0xFFFF4FF1,
    ),
    "T01": Case(
        event(0xFFFF4FF4, rflags=TF, dr={2: CODE + 2}, on=TCG), (STEP,), against=("does not enable DR2",), stale=("B2",)
    ),
    "T02-first": Case(
        event(0xFFFF4FF2, code=STORE, rflags=TF, dr7=0xD0040A, dr={1: 0x5000}, registers=RBX, on=TCG), (STEP, WRITE)
    ),
    "T02-second": Case(
        event(
            *(0xFFFF4FF2,),
            old=0xFFFF4FF2,
            dr7=0xD0040A,
            dr={1: 0x5000},
            handler=CODE + 2,
            on=TCG,
        ),
        (WRITE,),
        against=("tcg-nested-step-data",),
        stale=("BS",),
    ),
    "T03": Case(
        event(0xFFFF4FF0, code="", rest="f3a4", rflags=TF, on=TCG, last_frame=Frame(CODE, 8, TF)),
        (STEP,),
        against=("tcg-rep-rf",),
    ),
    "T04": Case(
        event(0xFFFF0FF8, code="ec", rflags=TF, dr7=0x20000480, dr={3: 0x60}, registers=RBX, on=TCG),
        (IO,),
        against=("tcg-io-without-step",),
        instruction="in al, dx",
    ),
    "T05": Case(event(0xFFFF4FF1, rflags=TF, dr7=0x401, dr={0: CODE + 2}, on=TCG), (STEP, EXEC)),
    "T06": Case(
        event(0xFFFF0FF2, code=MOV_SS_MEM, dr7=0xF0040A, dr={1: 0x5000}, registers=RBX, on=TCG),
        (ACCESS,),
        against=("tcg-mov-ss-data",),
    ),
    "T07": Case(
        stop("0f21f0", dr7=0x2400, on=TCG), (OWN_STEP,), against=("tcg-no-general-detect",), exit_dr6=0xFFFF4FF0
    ),
    "T08": Case(
        event(0xFFFF0FF0, vector=6, code="90", rest="f190", on=TCG),
        (("exception", "guest", "fault"),),
        against=("tcg-icebp-ud",),
        instruction="int1",
    ),
    "T09": Case(
        event(0xFFFF4FF0, code="fb90", rflags=TF, on=TCG, last_frame=Frame(CODE, 8, TF)),
        (STEP,),
        against=("tcg-sti-hides-step",),
    ),
    "T10": Case(event(0xFFFF0FF0, code="cd01", on=TCG), (INT_1,), instruction="int 1"),
    "T11": Case(
        event(0xFFFF4FF0, rflags=TF, action=Action.STEP, before_rip=CODE + 1, before_rflags=TF, on=TCG), (STEP,)
    ),
    "T12": Case(
        stop(STORE, reply="T05thread:01;watch:5000;", action=Action.CONTINUE, own=OWN_WRITE, registers=RBX, on=TCG),
        (("data-write", "debugger", "trap"),),
        exit_dr6=0xFFFF0FF1,
    ),
    "T13": Case(event(0xFFFF0FF1, dr7=0x401, dr={0: CODE + 2}, on=TCG), (EXEC,)),
    "T14": Case(event(0xFFFF0FF1, dr7=0x401, dr={0: CODE + 2}, action=Action.STEP, on=TCG), (EXEC,)),
    "T15": Case(event(0xFFFF0FF0, vector=3, code="cc", on=TCG), (BP,)),
    "T16": Case(
        stop(reply="T02thread:01;", action=Action.INTERRUPT, on=TCG), (("interrupt-request", "debugger", "none"),)
    ),
    "X01": Case(
        stop(
            "90",
            0x10,
            reply="T02thread:0;",
            action=Action.CONTINUE,
            dr6=0xFFFF0FF1,
            dr7=0x401,
            dr={0: CODE + 0x10},
            on=XEN,
        ),
        (EXEC,),
        against=("xen-takes-db",),
    ),
    "X02": Case(
        stop("cc", reply="T05thread:0;", action=Action.CONTINUE, on=XEN), (BP,), ("xen-takes-db",), instruction="int3"
    ),
    "X03": Case(stop(on=XEN, reply="T05thread:0;"), (OWN_STEP,), exit_dr6=0xFFFF4FF0),
    "X04": Case(stop(on=XEN, reply="T05thread:0;", dr6=0xFFFF4FF0), (OWN_STEP,), exit_dr6=0xFFFF4FF0, stale=("BS",)),
    "X05": Case(event(0xFFFF4FF0, code="f1", rflags=TF, on=XEN), (ICEBP, STEP), ("xen-false-step",), ("single-step",)),
    "X06": Case(
        event(0xFFFF0FF0, mode=32, tr=(0x28, 0x30), on=XEN), (("task-switch", "guest", "trap"),), ("xen-no-task-bit",)
    ),
    "X08": Case(
        stop("90", reply="T02thread:0;", action=Action.CONTINUE, rflags=TF, dr6=0xFFFF4FF0, on=XEN),
        (STEP,),
        against=("xen-takes-db",),
    ),
    "X09": Case(event(0xFFFF4FF0, rflags=TF, cs=0xE033, on=XEN), (STEP,)),
    "X10": Case(
        event(0xFFFF4FF8, code="ee", rflags=TF, dr7=0x20000480, dr={3: 0x60}, registers=RBX, on=XEN), (STEP, IO)
    ),
    "X11": Case(
        event(0xFFFF0FF3, old=0xFFFF0FF2, dr7=0x401, dr={0: CODE + 2}, on=XEN_PV),
        (EXEC,),
        against=("xen-hits-accumulate",),
        stale=("B1",),
    ),
    "X07": Case(
        event(0xFFFF0FF0, code="f00fc103", cs=0x33, on=XEN_INTEL),
        (("bus-lock", "guest", "trap"),),
        against=("xen-loses-bus-lock",),
        possible=("bus-lock",),
    ),
    "X12": Case(event(0xFFFF0FF0, dr7=0x401, dr={0: CODE + 2}, on=XEN_PV_418), (EXEC,), against=("xen-hits-wiped",)),
    "X13": Case(
        stop("f1", 0, reply="T02thread:0;", action=Action.CONTINUE, on=XEN),
        (ICEBP,),
        against=("xen-icebp-at-f1", "xen-takes-db"),
    ),
}

NOT_EVIDENCE = {
    "A19": "no #DB comes, so nothing stops; the architecture model has it",
    "A21": "no #DB comes, so nothing stops; the architecture model has it",
    "A24": "no #DB comes, so nothing stops; the architecture model has it",
    "A29": "the state of a VM exit, which no stub shows; the architecture model has its bits",
    "A30": "the state of a VM exit, which no stub shows; the architecture model has its bits",
    "A32": "the order of two VM exits",
    "A33": "the order of two VM exits",
    "A34": "the order of two VM exits; the architecture model has the bits of the first",
    "A41": "the order of two deliveries",
    "K05": "the debugger never sets GD, and QEMU injects such an exit into the guest again",
    "K13": "no #DB comes, so nothing stops",
    "K16": "the guest runs on, so nothing stops",
    "K23": "the exit of an old kernel, which QEMU does not pass on",
    "K24": "no #DB comes, so nothing stops",
}

ALL = (
    *(f"A{n:02}" for n in range(1, 44)),
    *(f"K{n:02}" for n in range(1, 25)),
    *(f"T{n:02}" for n in range(1, 17)),
    *(f"X{n:02}" for n in range(1, 14)),
)
