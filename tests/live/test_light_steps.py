"""A step of which only the registers are read says what one says that is read whole, in 16-, 32- and 64-bit code."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import trio

from gdbstub.debugger.debugger import Debugger, DebuggerOptions
from gdbstub.debugger.record import StopRecord
from gdbstub.remote.nonblocking_io import NonblockingIO
from gdbstub.x86.breakpoints import BreakpointKind
from tests.guests.build import build
from tests.guests.image import read_image
from tests.live.machine import SECONDS, machine
from transports.sockets import open_unix, shortcut

pytestmark = pytest.mark.live

LOOP = build("loop")
STEPS = 400


async def stepped(path: Path, *, lightly: bool, to: int | None) -> list[StopRecord]:
    """The stops of ``STEPS`` steps from reset, or from linear address ``to``."""
    with trio.fail_after(SECONDS):
        stream = await open_unix(str(path))
        debugger = Debugger(stream, "test", DebuggerOptions(shortcut=NonblockingIO(*shortcut(stream))))
        await debugger.attach()
        if to is not None:
            await debugger.add_breakpoint(BreakpointKind.EXECUTE, to, means="hw", temporary=True)
            await debugger.resume()
        before = len(debugger.records)
        for _ in range(STEPS):
            if lightly:
                await step(debugger)
            else:
                await debugger.step()
        records = list(debugger.records[before:])
        await debugger.detach(resume=False)
    return records


async def step(debugger: Debugger) -> None:
    """As a client's step is taken."""
    if not debugger.may_step_at_once:
        await debugger.step_lightly(lambda stop: None)
    elif (rest := debugger.step_at_once(lambda stop: None)) is not None:
        await debugger.finish_step(rest, lambda stop: None)


def said(record: StopRecord) -> tuple[object, ...]:
    state = record.state
    return record.number, state.pc, state.mode, state.cpl, state.registers, record.explanation.causes[:1]


def stops_of(directory: Path, *, lightly: bool, to: int | None) -> list[StopRecord]:
    with machine(directory, LOOP, "-m", "32") as guest:
        return trio.run(lambda: stepped(guest.path, lightly=lightly, to=to))


@pytest.mark.parametrize("start", ["reset", "main_loop"])
def test_it_says_the_same(start: str, tmp_path: Path) -> None:
    to = None if start == "reset" else read_image(LOOP).symbols[start]
    whole, light = (stops_of(tmp_path, lightly=lightly, to=to) for lightly in (False, True))
    assert [said(record) for record in light] == [said(record) for record in whole]
    plain = Counter(record.state.mode for record in light if record.state.tables is None)
    assert sum(plain.values()) > STEPS * 0.8
    assert set(plain) == ({16, 32} if start == "reset" else {64})
