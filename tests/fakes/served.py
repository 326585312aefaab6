"""A guest that is served: `FakeStub` behind a real `Debugger` and `SharedGuest`, and raw clients in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from trio.abc import Stream
from trio.testing import memory_stream_pair, wait_all_tasks_blocked

from gdbstub.debugger.debugger import Debugger, DebuggerOptions
from gdbstub.debugger.record import StopRecord
from gdbstub.errors import GdbError
from gdbstub.protocol import Expect, GuestOutput, Link, Lost, Reply, Role, StopReply
from gdbstub.server import ClientConnection, Policy, RegisterFile
from gdbstub.sessions.guest_lock import Reach
from gdbstub.sessions.shared_guest import SharedGuest
from tests.fakes.stub import FakeStub, connected
from tests.gdbstub.backends.qemu.test_monitor import golden

GDB_SAYS = b"qSupported:multiprocess+;swbreak+;hwbreak+;error-message+;vContSupported+;xmlRegisters=i386"
"""What a gdb of 2025 says."""
RUN_ON = b"vCont;c:p1.-1"
STEP = b"vCont;s:p1.1;c:p1.-1"
BOUND = 1000.0
"""Seconds of a test's clock after which it hangs."""


def qemu() -> FakeStub:
    """A stub with the monitor of a QEMU of TCG."""
    stub = FakeStub()
    stub.monitor |= {"info kvm": golden("kvm"), "info version": golden("version")}
    stub.monitor |= {"info hotpluggable-cpus": "", "info registers": golden("registers-64")}
    return stub


def two_cpus() -> FakeStub:
    """The same with two vCPUs, which share their registers."""
    stub = qemu()
    stub.answers |= {b"qfThreadInfo": b"mp01.01,p01.02", b"Hgp1.2": b"OK"}
    return stub


class FakeWords:
    """`gdbstub.server.Words` without a session; ``asked`` are the command lines."""

    version = "1.2"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def summary(self, record: StopRecord) -> str:
        return f"stop {record.number}: {record.explanation.summary}"

    async def command(self, line: str, reach: Reach) -> str:
        async def ask() -> None:
            self.asked.append(line)

        await reach(ask)
        if line.startswith("no"):
            raise GdbError("There is no such command.")
        return f"[{line.strip()}]"

    def vectors(self, text: str) -> list[int]:
        if not text.isdecimal():
            raise GdbError(f"{text} is no vector.")
        return [int(text)]


class Peer:
    """A client's end: requests as they are, answers as they came. ``console`` is what its user would read."""

    def __init__(self, stream: Stream, client: ClientConnection) -> None:
        self.stream = stream
        self.client = client
        self.session = client.session
        self.link = Link(Role.CLIENT)
        self.console = ""
        self.gone = False
        self._answers: dict[int, bytes] = {}
        self._token = 0

    async def greet(self, *, says: bytes = GDB_SAYS) -> bytes:
        """The handshake; the answer to ``?``."""
        await self.ask(says)
        await self.ask(b"QStartNoAckMode")
        return await self.ask(b"?")

    async def ask(self, payload: bytes) -> bytes:
        """The answer to a request."""
        return await self._answer(self.link.send(payload, Expect.REPLY))

    async def go(self, payload: bytes = RUN_ON) -> None:
        """Send a resume."""
        self._token = self.link.send(payload, Expect.STOP)
        await self.send()

    async def stop(self) -> bytes:
        """The stop that the last `go` came to, or why it was refused."""
        return await self._answer(self._token)

    async def run(self, payload: bytes = RUN_ON) -> bytes:
        await self.go(payload)
        return await self.stop()

    async def monitor(self, command: str) -> str:
        """What ``monitor COMMAND`` prints."""
        token = self.link.send(b"qRcmd," + command.encode().hex().encode(), Expect.MONITOR)
        assert await self._answer(token) == b"OK"
        return self._output

    async def interrupt(self) -> None:
        self.link.interrupt()
        await self.send()

    async def send(self) -> None:
        if data := self.link.data_to_send():
            await self.stream.send_all(data)

    async def close(self) -> None:
        await self.stream.aclose()
        await wait_all_tasks_blocked()

    async def end(self) -> None:
        """Read until the server is gone."""
        while not self.gone:
            await self.read()
        await wait_all_tasks_blocked()

    async def _answer(self, token: int) -> bytes:
        await self.send()
        while token not in self._answers:
            assert not self.gone, f"the server left; console: {self.console!r}"
            await self.read()
        return self._answers.pop(token)

    async def read(self) -> None:
        for event in self.link.receive(bytes(await self.stream.receive_some(65536))):
            match event:
                case Reply(token, payload, output):
                    self._answers[token] = payload
                    self._output = (output or b"").decode()
                case StopReply(token, _, raw):
                    self._answers[token] = raw
                case GuestOutput(text):
                    self.console += text.decode()
                case Lost():
                    self.gone = True
                case _:
                    raise AssertionError(event)
        if not self.gone:
            await self.send()


class Served:
    """The guest, its participants, and who connects."""

    def __init__(self, stub: FakeStub, debugger: Debugger, shared: SharedGuest, nursery: trio.Nursery) -> None:
        self.stub = stub
        self.debugger = debugger
        self.shared = shared
        self.registers = RegisterFile(debugger.layout, outside_g=debugger.capabilities.debug_outside_g)
        self.words = FakeWords()
        self._nursery = nursery

    def connect(
        self, policy: Policy | None = None, *, pair: tuple[Stream, Stream] | None = None, name: str = "client"
    ) -> Peer:
        """A client that has said nothing yet."""
        near, far = pair or memory_stream_pair()
        client = ClientConnection(far, self.shared, self.registers, policy or Policy(), self.words, name=name)
        self._nursery.start_soon(client.serve)
        return Peer(near, client)

    async def gdb(self, policy: Policy | None = None, *, says: bytes = GDB_SAYS) -> Peer:
        """A client behind its handshake; the stub's log is empty again."""
        peer = self.connect(policy)
        await peer.greet(says=says)
        self.stub.log.clear()
        return peer

    async def answer(self, payload: bytes) -> None:
        """What the stub says at last to a request that it was silent about."""
        assert self.stub.send is not None
        self.stub.link.reply(payload)
        await self.stub.send.send_all(self.stub.link.data_to_send())

    async def hang_up(self) -> None:
        """The stub goes, as QEMU does when it is ended."""
        assert self.stub.send is not None
        await self.stub.send.aclose()

    async def pause(self) -> None:
        """The guest is stopped from outside, as by the monitor's ``stop``."""
        assert self.stub.send is not None
        self.stub.pause()
        await self.stub.send.send_all(self.stub.link.data_to_send())

    def points(self) -> list[bytes]:
        """The breakpoint packets that the stub got."""
        return [request for request in self.stub.log if request[:1] in b"Zz"]


@asynccontextmanager
async def serving(
    stub: FakeStub | None = None, *, backend: str | None = None, bound: float = BOUND
) -> AsyncIterator[Served]:
    """A stub with a debugger attached, and room for clients; fails where the test hangs."""
    stub = stub or qemu()
    failure: Exception | None = None
    with trio.fail_after(bound):
        async with connected(stub) as stream:
            debugger = Debugger(stream, "fake", DebuggerOptions(backend))
            await debugger.attach()
            async with trio.open_nursery() as nursery:
                shared = SharedGuest(debugger, nursery)
                nursery.start_soon(shared.watch)
                stub.log.clear()
                try:
                    yield Served(stub, debugger, shared, nursery)
                except Exception as error:  # carried out of the nursery as it is, not in a group
                    failure = error
                nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
