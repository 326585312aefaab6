"""What a client is told of a stop: gdbsx's signal 2, and the end of a process."""

from __future__ import annotations

import pytest

from gdbstub.debugger.breakpoints import Breakpoint
from gdbstub.debugger.record import StopSummary
from gdbstub.explain.evidence import Action
from gdbstub.protocol.stops import BreakReason, Exited, Stop, Stopped, StopReason, Terminated, Watch, parse_stop
from gdbstub.server.client_features import ClientFeatures
from gdbstub.server.stop_replies import stop_reply
from gdbstub.x86.breakpoints import BreakpointKind

SIGINT, SIGTRAP = 2, 5


def told(action: Action, *hit: Breakpoint) -> Stopped:
    record = StopSummary(1, 0, action, parse_stop(b"T02thread:0;"), 0x1000)
    stop = stop_reply(record, ClientFeatures(hwbreak=True), hit, own=True, interrupted=False)
    assert isinstance(stop, Stopped)
    return stop


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (BreakpointKind.EXECUTE, BreakReason.HARDWARE),
        (BreakpointKind.WRITE, Watch("write", 0x1000)),
        (BreakpointKind.ACCESS, Watch("access", 0x1000)),
    ],
)
def test_a_breakpoint_of_the_clients_is_sigtrap_with_its_reason(kind: BreakpointKind, reason: StopReason) -> None:
    stop = told(Action.CONTINUE, Breakpoint(1, kind, 0x1000, text="Z1"))
    assert (stop.signal, stop.reasons) == (SIGTRAP, (reason,))


def test_without_one_it_is_what_the_stub_said() -> None:
    assert (told(Action.CONTINUE).signal, told(Action.INTERRUPT).signal) == (SIGINT, SIGINT)


@pytest.mark.parametrize("of_the_stub", [b";process:fb6", b""])
def test_an_end_names_the_process_that_the_client_knows(of_the_stub: bytes) -> None:
    """gdb aborts at a process that it has never heard of."""

    def told_of(reply: bytes, *, multiprocess: bool) -> Stop:
        record = StopSummary(1, 0, Action.CONTINUE, parse_stop(reply + of_the_stub), 0x1000)
        features = ClientFeatures(multiprocess=multiprocess)
        return stop_reply(record, features, (), own=True, interrupted=False)

    assert told_of(b"W07", multiprocess=True) == Exited(7, 1)
    assert told_of(b"X0b", multiprocess=True) == Terminated(11, 1)
    assert told_of(b"W07", multiprocess=False) == Exited(7)
    assert told_of(b"X0b", multiprocess=False) == Terminated(11)
