"""Stop records as a 64-bit guest under QEMU gives them, for tests of what is made from records."""

from __future__ import annotations

from gdbstub.debugger.record import CaughtEvent, StopRecord
from gdbstub.explain.evidence import Action, Evidence
from gdbstub.explain.explanation import Cause, ExitDr6, Explanation, GuestDr6
from gdbstub.protocol.stops import parse_stop
from gdbstub.x86.cpu_state import CpuState, DebugState
from gdbstub.x86.exceptions import Frame
from gdbstub.x86.instructions import Instruction

GENERAL = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", *(f"r{n}" for n in range(8, 16)))
OTHERS = ("rip", "rflags", "cs", "ss", "ds", "es", "fs", "gs", "fs_base", "gs_base", "k_gs_base")
CONTROL = ("cr0", "cr2", "cr3", "cr4", "cr8", "efer")
RESET = DebugState(0, 0, 0, 0, 0xFFFF0FF0, 0x400, "monitor")
REPLY = parse_stop(b"T05thread:p01.01;")

STEP = Cause(
    "single-step",
    "debugger",
    "trap",
    "certain",
    ("a step was asked for", "RIP moved past one instruction"),
    ("SDM 3B 18.3.1.4",),
)
ICEBP = Cause("icebp", "guest", "trap", "certain", ("the instruction before RIP is F1",), ("SDM 3B 18.3.1.3",))


def state(**registers: int) -> CpuState:
    """A CPU in 64-bit mode: all registers zero but those given; RIP is 0x100402 unless given."""
    values = dict.fromkeys((*GENERAL, *OTHERS, *CONTROL), 0) | {"rip": 0x100402, "rflags": 2, "cs": 8}
    return CpuState(0, values | registers, RESET, 64, 0)


def step_record(number: int = 0, rip: int = 0x100402) -> StopRecord:
    """A step over a NOP."""
    instruction = Instruction(rip - 1, b"\x90", "nop", "nop")
    explanation = Explanation(
        "single-step by the debugger over nop",
        (STEP,),
        GuestDr6(0xFFFF0FF0, (), (), ()),
        ExitDr6(0xFFFF4FF0, "reconstructed"),
        instruction,
    )
    return StopRecord(number, 0, Action.STEP, REPLY, state(rip=rip), Evidence(), explanation, b"\x90\xf4")


def event_record(number: int = 7) -> StopRecord:
    """The guest's #DB for an INT1, caught at its handler."""
    instruction = Instruction(0x10041B, b"\xf1", "int1", "int1")
    explanation = Explanation(
        "INT1 (ICEBP) by the guest",
        (ICEBP,),
        GuestDr6(0xFFFF0FF0, (), ("B0",), ()),
        ExitDr6(None, "unknown"),
        instruction,
        ("DR6.B0 is set but DR7 does not enable slot 0",),
        ("CPL before the event",),
        ("clear DR6 in the handler",),
    )
    frame = Frame(0x10041C, 8, 0x10002, 0x200000, 0x10)
    return StopRecord(
        number,
        0,
        Action.CONTINUE,
        REPLY,
        state(rip=0x100149),
        Evidence(),
        explanation,
        b"\x48\xcf",
        CaughtEvent(1, 0x100149, frame),
    )
