"""A guest that waits in HLT with IF clear: who lets it go on, or interrupts it, is told what wakes it."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.events import DebuggerEvent, Output
from gdbstub.debugger.run_control import FOR_GOOD, HALTED
from tests.fakes.served import qemu
from tests.fakes.stub import connected
from tests.gdbstub.backends.qemu.test_monitor import golden

RUNS = golden("registers-64")
HALTS = RUNS.replace("HLT=0", "HLT=1")


@pytest.mark.parametrize(
    ("before", "then", "told"), [(RUNS, HALTS, [HALTED]), (HALTS, HALTS, [FOR_GOOD]), (RUNS, RUNS, [])]
)
async def test_what_wakes_it_is_said_once(before: str, then: str, told: list[str]) -> None:
    stub, said = qemu(), list[str]()

    def hear(notice: DebuggerEvent) -> None:
        if isinstance(notice, Output) and notice.text in (HALTED, FOR_GOOD):
            said.append(notice.text)

    async with connected(stub) as stream:
        debugger = Debugger(stream, "fake")
        stub.monitor["info registers"] = before
        await debugger.attach()
        debugger.listen(hear)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(debugger.resume)
            await wait_all_tasks_blocked()
            stub.monitor["info registers"] = then
            await debugger.interrupt()
    assert said == told
