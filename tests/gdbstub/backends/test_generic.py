"""Any other stub: what is found out of it as it goes."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.snapshot import PUT_BACK
from gdbstub.explain.evidence import Action, Known, Unknown
from gdbstub.protocol import Stopped, format_description, make_layout
from gdbstub.x86.breakpoints import BreakpointKind
from tests.fakes.stub import CODE, CONTROL, FakeStub, connected


class LeavesRipBehind(FakeStub):
    """Linux' kgdb and gdb's i386-stub.c: an int3 in memory, no ``swbreak``, and RIP as the exception left it."""

    def __init__(self) -> None:
        super().__init__(patches=True)

    def _run(self, *, step: bool) -> bytes | None:
        stop = super()._run(step=step)
        if stop is not None and self._at_breakpoint() and not step:
            self.registers["rip"] += 1
        return stop


async def test_rip_behind_an_int3_of_ours_is_put_back_before_anything_runs() -> None:
    stub = LeavesRipBehind()
    async with connected(stub) as stream:
        debugger = Debugger(stream, "fake")
        await debugger.attach()
        await debugger.add_breakpoint(
            BreakpointKind.EXECUTE, CODE + 2
        )  # of three bytes: behind its first is no instruction
        for value in (1, 2):
            record = await debugger.resume()
            assert (record.state.pc, stub.registers["rip"]) == (CODE + 2, CODE + 2)
            assert [(c.cause, c.owner) for c in record.explanation.causes] == [("software-breakpoint", "debugger")]
            rip = record.evidence.after.rip
            assert rip == Known(CODE + 2, PUT_BACK), "the record says so"
            record = await debugger.step()
            assert record.state.pc == CODE + 5
            assert int.from_bytes(stub.peek(0x4000, 8) or b"", "little") == value
        assert sum(request.startswith(b"P") for request in stub.log) == 2


async def test_a_stub_that_stops_at_its_int3_is_seen_to_and_left_alone() -> None:
    """Two breakpoints side by side: RIP behind the first is RIP at the second."""
    stub = FakeStub(patches=True)
    async with connected(stub) as stream:
        debugger = Debugger(stream, "fake")
        await debugger.attach()
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, CODE)
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, CODE + 1)
        places = [(await debugger.resume()).state.pc for _ in range(4)]
        assert places == [CODE + 1, CODE, CODE + 1, CODE]
        assert not any(request.startswith(b"P") for request in stub.log)


async def test_two_int3s_side_by_side_are_told_once_it_is_seen_where_rip_is_left() -> None:
    stub = LeavesRipBehind()
    async with connected(stub) as stream:
        debugger = Debugger(stream, "fake")
        await debugger.attach()
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, CODE + 1)
        assert (await debugger.resume()).state.pc == CODE + 1
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, CODE)
        assert [(await debugger.resume()).state.pc for _ in range(3)] == [CODE, CODE + 1, CODE]


@pytest.mark.parametrize("signal", [0, 2, 5])
async def test_a_stop_that_ctrl_c_brings_is_an_interrupt_whatever_its_signal(signal: int) -> None:
    """Bochs says ``S00``, in-kernel stubs ``S05``."""
    stub = FakeStub()
    stub._stop = lambda *reasons, signal=signal: b"S%02x" % signal  # type: ignore[method-assign]
    async with connected(stub) as stream, trio.open_nursery() as nursery:
        debugger = Debugger(stream, "fake")
        await debugger.attach()

        async def interrupt() -> None:
            await wait_all_tasks_blocked()
            stub._stop = lambda *reasons, signal=5: b"S%02x" % wanted  # type: ignore[method-assign]
            await debugger.interrupt()

        wanted = signal
        nursery.start_soon(interrupt)
        record = await debugger.resume()
    assert record.stop == Stopped(signal)
    assert record.action is Action.INTERRUPT


class AtReset(FakeStub):
    """A stub that shows no control register, and a CPU as it is after reset, its code an image of the BIOS."""

    def __init__(self) -> None:
        super().__init__()
        shown = [register for register in self.layout.registers if register.name not in CONTROL]
        self.layout = make_layout(shown, self.layout.features, "i386:x86-64")
        self.description = format_description(self.layout)
        self.registers |= {"rip": 0xFFF0, "cs": 0xF000}
        self.place(0xFFFF0, bytes.fromhex("ea 5be0 00f0"))
        self.place(0xFFF0, bytes(16))
        self.place(0xE05B, bytes(16))
        self.place(0xFE05B, bytes.fromhex("2e 833e"))

    def _run(self, *, step: bool) -> bytes | None:
        self.registers["rip"] = 0xE05B
        return self._stop()


async def test_code_is_read_in_no_mode_where_nothing_shows_it_until_the_user_says_it() -> None:
    async with connected(AtReset()) as stream:
        debugger = Debugger(stream, "fake")
        record = await debugger.attach()
        assert (record.state.code_mode, record.state.pc) == (None, 0xFFF0)
        assert isinstance(record.evidence.mode, Unknown)
        debugger.set_architecture(16)
        record = await debugger.step()
        ran = record.explanation.instruction
        assert ran is not None
        assert (ran.address, ran.text) == (0xFFFF0, "ljmp 0xf000:0xe05b")
        assert (record.state.pc, record.state.cpl) == (0xFE05B, 0)
        assert record.evidence.mode == Known(16, "set architecture")
        debugger.set_architecture(None)
        assert (await debugger.state()).code_mode is None


async def test_what_the_user_says_of_code_does_not_change_the_mode_of_a_cpu_that_shows_it() -> None:
    async with connected(FakeStub()) as stream:
        debugger = Debugger(stream, "fake")
        await debugger.attach()
        debugger.set_architecture(16)
        record = await debugger.step()
        assert (record.state.mode, record.state.code_mode, record.state.pc) == (64, 16, CODE + 1)
        assert isinstance(record.evidence.mode, Known)
        assert record.evidence.mode.value == 64
