"""A domain behind gdbsx, served: what costs a program in dom0 is asked only by who wants to know."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from trio.testing import MockClock, memory_stream_pair

from gdbstub.debugger.debugger import Debugger, DebuggerOptions
from gdbstub.protocol import encode_register
from gdbstub.server import ClientConnection, Policy, RegisterFile
from gdbstub.sessions.shared_guest import SharedGuest
from tests.fakes.gdbsx import CODE, Domain, FakeGdbsx, attached
from tests.fakes.served import BOUND, STEP, FakeWords, Peer

EDGE = 0xFFFF4FF1
"""A DR6 that no other register's value looks like."""


@asynccontextmanager
async def gdb(domain: Domain, *, helpers: bool = True) -> AsyncIterator[tuple[Peer, RegisterFile]]:
    """A client behind its handshake."""
    with trio.fail_after(BOUND):
        async with attached(FakeGdbsx(domain)) as stream, trio.open_nursery() as nursery:
            debugger = Debugger(stream, "fake", DebuggerOptions(helpers=domain if helpers else None))
            await debugger.attach()
            registers = RegisterFile(debugger.layout, outside_g=debugger.capabilities.debug_outside_g)
            near, far = memory_stream_pair()
            client = ClientConnection(far, SharedGuest(debugger, nursery), registers, Policy(), FakeWords())
            nursery.start_soon(client.serve)
            peer = Peer(near, client)
            await peer.greet()
            yield peer, registers
            nursery.cancel_scope.cancel()


def number(registers: RegisterFile, name: str) -> int:
    return registers.layout.by_name[name].number


async def test_g_asks_no_program_in_dom0_and_a_client_that_wants_dr6_gets_it(autojump_clock: MockClock) -> None:
    domain = Domain()
    async with gdb(domain) as (peer, registers):
        await peer.run(STEP)
        await peer.run(STEP)
        domain.asked.clear()
        domain.cpus[0].dr6 = EDGE
        g = await peer.ask(b"g")
        assert domain.asked == []
        assert len(g) == 2 * registers.layout.by_name["dr0"].offset, "gdb asks for what lies behind its end"
        assert await peer.ask(b"p%x" % number(registers, "dr6")) == encode_register(EDGE, 8)
        assert await peer.ask(b"p%x" % number(registers, "dr7")) == encode_register(0x400, 8)
        assert domain.asked == ["xenctx 0"], "once for all of them"
        assert await peer.ask(b"p%x" % number(registers, "idtr_base")) == b"x" * 16
        assert await peer.ask(b"p%x" % number(registers, "st0")) == b"x" * 20


async def test_registers_are_written_back_as_they_came(autojump_clock: MockClock) -> None:
    domain = Domain()
    async with gdb(domain) as (peer, _):
        g = await peer.ask(b"g")
        assert await peer.ask(b"G" + encode_register(7, 8) + g[16:]) == b"OK"
        assert (domain.cpus[0].values["rax"], domain.cpus[0].values["rip"]) == (7, CODE)
        assert (await peer.ask(b"G" + g + b"00" * 8)).startswith(b"E.Registers take")


async def test_without_helpers_debug_registers_are_not_known(autojump_clock: MockClock) -> None:
    async with gdb(Domain(), helpers=False) as (peer, registers):
        assert len(await peer.ask(b"g")) == 2 * registers.layout.size
        assert await peer.ask(b"p%x" % number(registers, "dr6")) == b"x" * 16
