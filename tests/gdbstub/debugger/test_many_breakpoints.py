"""What many breakpoints cost: packets where the guest goes on, and none at a step."""

from __future__ import annotations

from gdbstub.debugger.debugger import Debugger
from gdbstub.x86.breakpoints import BreakpointKind
from tests.fakes.served import qemu
from tests.fakes.stub import CODE, connected

MANY = 200


async def packets(breakpoints: int) -> list[bytes]:
    """What goes to the stub for ten steps, none of which meets one."""
    stub = qemu()
    async with connected(stub) as stream:
        debugger = Debugger(stream, "fake")
        await debugger.attach()
        for number in range(breakpoints):
            await debugger.add_breakpoint(BreakpointKind.EXECUTE, CODE + 0x100 + number, means="hw")
        await debugger.step()
        stub.log.clear()
        await debugger.run_steps(10)
        return list(stub.log)


async def test_a_step_costs_no_packet_more_with_many_of_them() -> None:
    without = await packets(0)
    assert await packets(MANY) == without
    assert len(without) >= 10
