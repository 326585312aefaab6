"""A client that says anything at all, before a whole server; and what has to hold afterwards."""

from __future__ import annotations

from collections.abc import Iterable

import trio
from trio.testing import wait_all_tasks_blocked

from gdbstub.server import Policy
from tests.fakes.served import STEP, qemu, serving
from tests.fakes.stub import FakeStub
from tests.gdbstub.server.test_breakpoints import rip

MOST_LEFT = 0x100000
"""Bytes that one short conversation may leave in a client's queue."""


class Lenient(FakeStub):
    """A stub whose guest stands still, as at a fault without end, where it has no instruction."""

    def __init__(self) -> None:
        super().__init__()
        self.monitor = qemu().monitor

    def _step(self) -> bytes | None:
        if self.peek(self.registers["rip"], 3) is None or self.peek(self.registers["rdi"], 8) is None:
            return self._stop()
        try:
            return super()._step()
        except AssertionError:
            return self._stop()


async def spoken(said: Iterable[bytes], policy: Policy | None = None) -> None:
    """Say it, piece by piece, and leave."""
    stub = Lenient()
    async with serving(stub) as served:
        bystander = await served.gdb()
        peer = served.connect(policy)
        for piece in said:
            try:
                await peer.stream.send_all(piece)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                break
            await wait_all_tasks_blocked()
        link = peer.session.link
        assert len(peer.session.stream.left) < MOST_LEFT
        if peer.session.participant.number in served.shared.participants.present:  # what is behind a D is not read
            assert len(link.outstanding) < 2
        assert len(link._reader._buffer) < MOST_LEFT
        await trio.sleep(5)
        await peer.close()
        await trio.sleep(5)
        assert list(served.shared.participants.present) == [bystander.session.participant.number], "it is still there"
        await bystander.monitor("drive")
        if stub.running:
            await bystander.go()
            await bystander.interrupt()
            assert (await bystander.stop())[:1] == b"T"
        assert stub.points == [], "a breakpoint stayed in the guest"
        told = await bystander.run(
            STEP
        )  # of a stop that it missed without registers, where something was written since
        assert b"10:" not in told or rip(told) == stub.registers["rip"]
        assert rip(await bystander.run(STEP)) == stub.registers["rip"]
        assert await bystander.ask(b"qC") == b"QCp1.1"
