"""The screen beside stock gdb at one guest: neither touches the stub while the other has it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from frontend.cli.shared_screen import SharedScreen
from frontend.commands.session import Session
from frontend.symbols.names import Symbols
from frontend.tui.controls import KILL, LEAVE_RUNNING, Leave, Run, Screen
from frontend.tui.worker import Worker
from gdbstub.protocol import encode_hex
from tests.fakes.served import Served, qemu, serving
from tests.fakes.stub import CODE


class Beside:
    """A screen without a terminal, whose worker shares the guest with clients."""

    def __init__(self, served: Served, screen: Screen) -> None:
        self.served, self.screen = served, screen
        self.code: int | None = None

    def type(self, line: str) -> None:
        assert self.screen.work(Run((line,)))

    def said(self) -> list[str]:
        return [message.text for message in self.screen.view.messages]


@asynccontextmanager
async def beside() -> AsyncIterator[Beside]:
    stub = qemu()
    stub.place(CODE + 0x10000, bytes(0x30000) + b"needle")
    async with serving(stub) as served:
        session = Session(served.debugger, Symbols(), lambda text: None)
        session.shared = SharedScreen(session, served.shared, "served")
        home = Beside(served, Screen())

        async def work() -> None:
            home.code = await Worker(home.screen, session).serve()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(work)
            await wait_all_tasks_blocked()
            yield home
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "line", ["clients", "why", "events", "drive", "give", "help", "nonsense", "find 0x1000, +16, 1"]
)
async def test_a_command_while_gdb_inserts_a_breakpoint_harms_nobody(autojump_clock: MockClock, line: str) -> None:
    async with beside() as home:
        peer = await home.served.gdb()
        home.served.stub.mute.add(b"Z0,%x,1" % CODE)
        async with trio.open_nursery() as nursery:

            async def insert() -> None:
                assert await peer.ask(b"Z0,%x,1" % CODE) == b"OK"

            nursery.start_soon(insert)
            await wait_all_tasks_blocked()
            assert home.served.shared.guest.busy
            home.type(line)
            await wait_all_tasks_blocked()
            await home.served.answer(b"OK")
        await wait_all_tasks_blocked()
        assert home.code is None, "the screen lives"
        home.type("clients")
        await wait_all_tasks_blocked()
        assert any("client 2" in text for text in home.said())


@pytest.mark.parametrize("how", [LEAVE_RUNNING, KILL])
async def test_the_screen_leaves_while_a_client_runs_the_guest(autojump_clock: MockClock, how: str) -> None:
    async with beside() as home:
        peer = await home.served.gdb()
        await peer.go()
        await wait_all_tasks_blocked()
        assert home.served.stub.running
        assert home.screen.work(Leave(how))
        await wait_all_tasks_blocked()
        assert home.code == 0
        assert not any("can't" in text for text in home.said())


async def test_a_long_search_has_the_guest_a_window_at_a_time(autojump_clock: MockClock) -> None:
    async with beside() as home:
        peer = await home.served.gdb()
        answered: list[bytes] = []
        reads = home.served.stub.log
        async with trio.open_nursery() as nursery:

            async def ask() -> None:
                while not any(request.startswith(b"m") for request in reads):
                    await trio.lowlevel.checkpoint()
                answered.append(await peer.ask(b"m%x,3" % CODE))
                answered.append(b"%d" % sum(request.startswith(b"m") for request in reads))

            nursery.start_soon(ask)
            home.type(f'find {CODE + 0x10000:#x}, +0x30006, "needle"')
        await wait_all_tasks_blocked()
        assert any("1 pattern found" in text for text in home.said())
        assert answered[0] == encode_hex(bytes.fromhex("909048"))
        assert int(answered[1]) < 0.7 * sum(request.startswith(b"m") for request in reads)
