"""Which steps may still have left TF in the guest's memory."""

from __future__ import annotations

import pytest

from gdbstub.debugger.record import CaughtEvent
from gdbstub.debugger.snapshot import Leak, Snapshot, may_leak
from gdbstub.explain.evidence import NOTHING_KNOWN, SteppedOver
from gdbstub.protocol.stops import Stopped, parse_stop
from gdbstub.x86.cpu_state import CpuState, DebugState
from gdbstub.x86.exceptions import Frame

PUSHF = SteppedOver(0x1000, b"\x9c")
TF = 0x102


def seen(rsp: int, rflags: int = 2, event: CaughtEvent | None = None) -> Snapshot:
    stop = parse_stop(b"T05thread:p01.01;")
    assert isinstance(stop, Stopped)
    state = CpuState(0, {"rip": 0x2000, "rsp": rsp, "rflags": rflags}, DebugState(), 64, 0)
    return Snapshot(stop, stop, state, b"", NOTHING_KNOWN, None, event)


@pytest.mark.parametrize(
    ("rsp", "rflags", "may"),
    [
        (0x7FF8, 2, True),  # what PUSHF saved is on the stack
        (0x7000, 2, True),
        (0x8000, 2, False),  # popped, and TF is clear
        (0x8010, 2, False),
        (0x8000, TF, True),  # popped, and TF is back
        (0x9_0000, 2, True),  # another stack
    ],
)
def test_a_saved_tf_is_gone_when_the_stack_is_back_and_tf_clear(rsp: int, rflags: int, may: bool) -> None:
    assert may_leak(Leak(PUSHF, 0x8000), seen(rsp, rflags)) is may


def test_at_a_handler_the_interrupted_code_counts() -> None:
    gone = CaughtEvent(1, 0x2000, Frame(0x3000, 8, 2, 0x8000, 0x10))
    assert not may_leak(Leak(PUSHF, 0x8000), seen(0x7000, event=gone))
    still = CaughtEvent(1, 0x2000, Frame(0x3000, 8, TF, 0x8000, 0x10))
    assert may_leak(Leak(PUSHF, 0x8000), seen(0x8000, event=still))
    assert may_leak(Leak(PUSHF, 0x8000), seen(0x8000, event=CaughtEvent(1, 0x2000, None)))


def test_without_a_stack_pointer_nothing_is_known_to_be_gone() -> None:
    assert may_leak(Leak(PUSHF, None), seen(0x8000))
