"""Which exceptions of QEMU's log were delivered: what came instead is found where, and only where, it is due."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from gdbstub.backends.qemu.exception_log import ExceptionLog, LoggedException, LogMark
from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.events import DebuggerEvent, Output
from gdbstub.debugger.failed_deliveries import Deliveries, came_instead
from gdbstub.debugger.witnessed_guest import MOST_FAILED
from gdbstub.x86.exceptions import FailedDelivery
from tests.fakes.served import qemu
from tests.fakes.stub import connected

LOG = Path(__file__).parent.parent / "backends" / "qemu" / "golden" / "log-int-undelivered.txt"
"""Of QEMU 7.2: the guest `undelivered`."""
READ = ExceptionLog().read(LOG.read_bytes())
FOUND = [one for one in READ if isinstance(one, LoggedException)]
UD, GP, DF = FOUND[-3:]


def decided(deliveries: Deliveries, *came: LoggedException | LogMark) -> list[LoggedException]:
    return [one for each in came for one in deliveries.take(each)] + list(deliveries.settle())


def test_a_real_log_says_what_came_instead() -> None:
    deliveries = Deliveries()
    told = [(one.vector, str(one.failed or ""), one.instead_of) for one in decided(deliveries, *READ)]
    assert told == [
        (1, "#GP(0x12)", None),
        (13, "", 1),
        (1, "#NP(0x12)", None),
        (11, "", 1),
        (13, "", None),  # the INT n in front of it was refused, and is none
        (1, "", None),
        (6, "#GP(0x62)", None),
        (13, "#DF(0x0)", 6),
        (8, "", 13),
        (6, "#GP(0x62)", None),
        (13, "#DF(0x0)", 6),
        (8, "a triple fault", 13),
    ]
    assert deliveries.gave_up is not None
    assert deliveries.gave_up.vectors == (6, 13, 8)
    idt = UD.shown.tables.idt[0]
    first = next(one for one in reversed(READ) if isinstance(one, LoggedException) and one.vector == 6)
    assert deliveries.gave_up[1:] == (first.pc, (idt + 6 * 16, idt + 13 * 16, idt + 8 * 16))


def moved(one: LoggedException, vector: int, error_code: int = 0, **changes: object) -> LoggedException:
    return one._replace(vector=vector, error_code=error_code, **changes)  # type: ignore[arg-type] # a test's own


def faulting(cr2: int) -> LoggedException:
    return moved(GP, 14, 0)._replace(shown=GP.shown._replace(cr2=cr2))


GATE = UD.shown.tables.idt[0] + 6 * 16


@pytest.mark.parametrize(
    ("before", "after", "came"),
    [
        (UD, moved(GP, 13, 0x32), True),
        (UD, moved(GP, 13, 0x33), True),
        (UD, moved(GP, 11, 0x33), True),
        (UD, moved(GP, 13, 0x62), True),
        (UD, moved(GP, 13, 0x30), False),
        (UD, moved(GP, 13, 0x3B), False),
        (UD, moved(GP, 13, 0), False),
        (UD, moved(GP, 13, 0x33, rip=UD.rip + 2), False),
        (UD, moved(GP, 13, 0x33, cs=0x18), False),
        (UD, moved(GP, 13, 0x33, cpl=3), False),
        (UD, moved(GP, 13, 0x33, software=True), False),
        (UD, moved(GP, 13, 0x33, general=UD.general | {"rax": 1}), False),
        (UD, moved(GP, 3, 0x33), False),
        (UD, DF, False),
        (GP, DF, True),
        (GP, moved(DF, 8, 0, interrupt=True), False),
        (GP, moved(DF, 8, 1), False),
        (moved(GP, 0), DF, True),
        (moved(GP, 14), DF, True),
        (DF, DF, False),
        (UD, faulting(GATE), True),
        (UD, faulting(GATE + 15), True),
        (UD, faulting(GATE + 16), False),
        (UD, faulting(GATE - 1), False),
        (moved(UD, 0x40, software=True), moved(GP, 13, 0x202), True),
        (moved(UD, 0x40, software=True), faulting(0x1000), True),
    ],
)
def test_only_what_names_it_or_doubles_it_came_instead(
    before: LoggedException, after: LoggedException, came: bool
) -> None:
    assert came_instead(before, after) == (FailedDelivery(after.vector, after.error_code) if came else None)


def test_a_gate_has_8_bytes_outside_of_long_mode() -> None:
    before, after = (one._replace(shown=one.shown._replace(efer=0)) for one in (UD, GP))
    assert came_instead(before, moved(after, 13, 0x62)) is None
    assert came_instead(before, moved(after, 13, 0x32)) == FailedDelivery(13, 0x32)


def test_the_last_one_waits_for_what_follows() -> None:
    deliveries = Deliveries()
    states = []
    for came in (UD, DF):
        assert list(deliveries.take(came)) == []
        states.append(deliveries.undecided)
        assert list(deliveries.settle()) == [came]
        states.append(deliveries.undecided)
    assert states == [True, False, True, False]


def test_a_triple_fault_without_a_double_fault_in_the_log_says_no_more() -> None:
    for came, failed, vectors in ((UD, None, ()), (DF, FailedDelivery(None), (8,))):
        deliveries = Deliveries()
        assert [one.failed for one in decided(deliveries, came, LogMark.TRIPLE_FAULT)] == [failed]
        assert deliveries.gave_up is not None
        assert deliveries.gave_up.vectors == vectors


def test_a_chain_ends_where_a_delivery_succeeds() -> None:
    deliveries = Deliveries()
    decided(deliveries, UD, GP, moved(UD, 1), DF, LogMark.TRIPLE_FAULT)
    assert deliveries.gave_up is not None
    assert deliveries.gave_up.vectors == (8,)


async def test_each_place_is_told_of_once_while_the_guest_runs_and_the_last_says_so() -> None:
    said: list[str] = []

    def hear(notice: DebuggerEvent) -> None:
        if isinstance(notice, Output) and "could not be delivered" in notice.text:
            said.append(notice.text)

    failed = UD._replace(failed=FailedDelivery(13, 0x62))
    async with connected(qemu()) as stream:
        debugger = Debugger(stream, "fake")
        await debugger.attach()
        debugger.listen(hear)
        debugger._say_failed(failed)
        assert not said, "a stop says it itself"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(debugger.resume)
            await wait_all_tasks_blocked()
            debugger._say_failed(UD)
            for place in (0, 0, *range(1, MOST_FAILED + 2)):
                debugger._say_failed(failed._replace(pc=UD.pc + place))
            await debugger.interrupt()
    assert said[0].startswith(f"#UD at {UD.pc:#x} could not be delivered (gate at 0x")
    assert said[0].endswith("): #GP(0x62) came instead.")
    assert (len(said), said[-1].endswith("Further places are not told of while the guest runs.")) == (MOST_FAILED, True)
