"""bhyve's row, before a stub that answers as usr.sbin/bhyve/gdb.c does; bhyve itself runs on FreeBSD alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from gdbstub.backends.bhyve import FIRST_VCPU, NAMED
from gdbstub.debugger.debugger import Debugger
from gdbstub.errors import GdbError, Refused, Unsupported
from gdbstub.explain.evidence import Action, Known
from gdbstub.protocol import BreakReason, Stopped, StopReason, ThreadId, format_stop
from gdbstub.x86.breakpoints import BreakpointKind
from tests.fakes.stub import CODE, GENERAL, NARROW, FakeStub, connected

OFFER = b"PacketSize=4096;swbreak+"


class Bhyve(FakeStub):
    """The packets of gdb.c: ``Z0`` alone, no ``vCont``, no ``P`` and no ``G``, ``S05`` for 0x03."""

    def __init__(self) -> None:
        super().__init__(xml=False, patches=True)
        self.layout = type(self.layout)(tuple(r for r in self.layout.registers if r.name in (*GENERAL, *NARROW)))

    def _answer(self, payload: bytes) -> bytes:
        if payload.startswith(b"qSupported"):
            return OFFER
        if payload[:1] in b"vPGXQk" or (payload[:1] in b"Zz" and payload[1:2] != b"0") or payload.startswith(b"qRcmd"):
            return b""
        fixed = {FIRST_VCPU: NAMED, b"qfThreadInfo": b"m1", b"qC": b"QC1", b"D": b"OK", b"?": b"S05", b"Hg1": b"OK"}
        return fixed[payload] if payload in fixed else super()._answer(payload)

    def _run(self, *, step: bool) -> bytes | None:
        assert not (step and self._at_breakpoint()), "bhyve ends here: assert(vs->stepping == false)"
        return super()._run(step=step)

    def _stop(self, *reasons: StopReason, signal: int = 5) -> bytes:
        if signal == 2:
            return b"S05"
        hit = (BreakReason.SOFTWARE,) if self._at_breakpoint() else ()
        return format_stop(Stopped(5, ThreadId(None, 1), hit))


@asynccontextmanager
async def attached(stub: FakeStub) -> AsyncIterator[Debugger]:
    async with connected(stub) as stream:
        debugger = Debugger(stream, "fake")
        await debugger.attach()
        yield debugger


async def test_it_is_known_by_what_it_offers_and_calls_its_first_vcpu() -> None:
    async with attached(Bhyve()) as debugger:
        assert debugger.backend.name == "bhyve"
        assert debugger.platform.backend == Known("bhyve", "the stub's answers")
        assert debugger.platform.guest == Known("hvm", "bhyve runs whole machines")


@pytest.mark.parametrize(("offer", "vcpu"), [(OFFER, b"43505523"), (b"PacketSize=1000;swbreak+", NAMED)])
async def test_a_stub_that_is_like_it_in_one_thing_only_is_any_stub(offer: bytes, vcpu: bytes) -> None:
    stub = Bhyve()
    request = b"qSupported:multiprocess+;swbreak+;hwbreak+;xmlRegisters=i386;vContSupported+"
    stub.answers |= {request: offer, FIRST_VCPU: vcpu}
    async with attached(stub) as debugger:
        assert debugger.backend.name == "generic"
    assert (FIRST_VCPU in stub.log) == (offer == OFFER), "who offers something else is not asked"


async def test_a_breakpoint_is_lifted_before_the_step_that_would_end_bhyve() -> None:
    stub = Bhyve()
    async with attached(stub) as debugger:
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, CODE + 1)
        for _ in range(2):
            record = await debugger.resume()
            assert record.state.pc == CODE + 1
            assert [(c.cause, c.owner) for c in record.explanation.causes] == [("software-breakpoint", "debugger")]
        await debugger.step()
        assert stub.peek(CODE + 1, 1) == b"\xcc", "it is in again behind the step"
        await debugger.detach()
    assert stub.peek(CODE + 1, 1) == b"\x90"


async def test_the_s05_that_ctrl_c_brings_is_an_interrupt() -> None:
    async with attached(Bhyve()) as debugger, trio.open_nursery() as nursery:

        async def interrupt() -> None:
            await wait_all_tasks_blocked()
            await debugger.interrupt()

        nursery.start_soon(interrupt)
        record = await debugger.resume()
        assert record.stop == Stopped(5)
        assert record.action is Action.INTERRUPT


async def test_what_it_has_not_is_said_in_a_sentence() -> None:
    async with attached(Bhyve()) as debugger:
        with pytest.raises(Refused, match="bhyve has neither hardware breakpoints nor watchpoints"):
            await debugger.add_breakpoint(BreakpointKind.WRITE, CODE, 4)
        with pytest.raises(Unsupported):
            await debugger.set_register("rax", 1)
        with pytest.raises(GdbError, match="can't be left stopped"):
            await debugger.detach(resume=False)
