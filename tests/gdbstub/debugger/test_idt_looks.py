"""Looks at the IDT of a running guest, which may end while it is stopped for one."""

from __future__ import annotations

import pytest
import trio

from gdbstub.debugger.debugger import Debugger, DebuggerOptions
from gdbstub.protocol import Break, parse_stop
from gdbstub.x86.breakpoints import BreakpointKind
from tests.fakes.served import qemu
from tests.fakes.stub import connected


async def at_once(seconds: float) -> None:
    await trio.lowlevel.checkpoint()


async def test_a_guest_that_ends_where_it_is_looked_at_is_gone_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    stub = qemu()
    take = stub._take

    def end_instead_of_stopping(event: object) -> None:
        if stub.running and isinstance(event, Break):
            stub.running = False
            stub.link.stop(parse_stop(b"W00"))
        else:
            take(event)

    monkeypatch.setattr(stub, "_take", end_instead_of_stopping)
    async with connected(stub) as stream:
        debugger = Debugger(stream, "fake", DebuggerOptions(pace=at_once))
        await debugger.attach()
        await debugger.add_breakpoint(BreakpointKind.CATCH, vector=1)
        record = await debugger.resume()
    assert record.ended
    assert record.explanation.summary == "shutdown: the stub said W00"
