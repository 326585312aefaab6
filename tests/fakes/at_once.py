"""Wires whose other end answers while the bytes are written: what a `NonblockingIO` meets on an idle machine."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import trio
from trio.abc import Stream

from gdbstub.debugger.debugger import Debugger, DebuggerOptions
from gdbstub.protocol import Link, Role, frame
from gdbstub.protocol.framing import FrameReader, Packet
from gdbstub.remote.nonblocking_io import NonblockingIO
from gdbstub.server import ClientConnection, Policy, RegisterFile
from gdbstub.sessions.shared_guest import SharedGuest
from tests.fakes.served import BOUND, FakeWords, qemu
from tests.fakes.stub import FakeStub


class Wire(Stream):
    """One end. ``take`` hears what is written; what comes back goes to `give`, a piece for each read. ``waits`` is what
    a `NonblockingIO.wait` does before it looks."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._pieces: deque[bytes] = deque()
        self._came = trio.Event()
        self.most = 1 << 20
        """Bytes that `NonblockingIO.send` takes at once."""
        self.waits: Callable[[], None] = lambda: None
        self.shortcut = NonblockingIO(self._send, self._receive, self._wait)

    def give(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._came.set()

    def _send(self, data: bytes) -> int:
        part = data[: self.most]
        if part:
            self._take(part)
        return len(part)

    def _receive(self) -> bytes | None:
        return self._next() if self._pieces else None

    def _wait(self, milliseconds: float) -> bool:
        self.waits()
        return bool(self._pieces)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        self._take(bytes(data))

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        while not self._pieces:
            self._came = trio.Event()
            await self._came.wait()
        return self._next()

    def _next(self) -> bytes:
        """The end of a stream stays."""
        return self._pieces.popleft() if self._pieces[0] else b""

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


class StubWire(Wire):
    """To a `FakeStub`. ``cut`` is the length of the pieces in which its answers come; ``spoil`` may change them."""

    def __init__(self, stub: FakeStub, *, cut: int = 1 << 20) -> None:
        super().__init__(self._ask)
        self.stub = stub
        self.cut = cut
        self.spoil: Callable[[bytes], bytes | None] = lambda data: data
        stub.link = Link(Role.SERVER)

    def _ask(self, data: bytes) -> None:
        for event in self.stub.link.receive(data):
            self.stub._take(event)
        self.flush()

    def flush(self) -> None:
        """Hand over what the stub has to say."""
        data = self.spoil(self.stub.link.data_to_send())
        for at in range(0, len(data or b""), self.cut):
            self.give((data or b"")[at : at + self.cut])


class Script(Wire):
    """A client that asks for the next thing as soon as it has the answer to the last. ``answers`` are the payloads that
    came, console output among them."""

    def __init__(self, requests: Iterable[bytes]) -> None:
        super().__init__(self._hear)
        self._requests = deque(requests)
        self._reader = FrameReader(run_lengths=True, verify=False)
        self.answers: list[bytes] = []
        self.done = trio.Event()

    def next(self) -> None:
        if self._requests:
            request = self._requests.popleft()
            self.client.give(request if request == b"\x03" else frame(request))
        else:
            self.done.set()

    @property
    def client(self) -> Wire:
        assert self._client is not None
        return self._client

    _client: Wire | None = None

    def _hear(self, data: bytes) -> None:
        self._reader.feed(data)
        while (got := self._reader.next_frame()) is not None:
            if isinstance(got, Packet):
                self.answers.append(got.payload)
                if got.payload[:1] != b"O" or got.payload == b"OK":
                    self.next()


GREETING = (b"qSupported:multiprocess+;swbreak+;hwbreak+;error-message+;vContSupported+", b"QStartNoAckMode", b"?")


class Ridden:
    """A guest, and one client that is served with a shortcut on both sides (or, to compare, on none)."""

    def __init__(
        self, debugger: Debugger, stub: FakeStub, wire: StubWire, shared: SharedGuest, *, direct: bool
    ) -> None:
        self.debugger = debugger
        self.stub = stub
        self.wire = wire
        self.shared = shared
        self._direct = direct

    async def play(self, *requests: bytes, nursery: trio.Nursery) -> tuple[list[bytes], ClientConnection]:
        """The answers to ``requests``, behind a handshake; the client stays."""
        script = Script((*GREETING, *requests))
        wire = Wire(script._hear)
        script._client = wire
        client = ClientConnection(
            wire,
            self.shared,
            RegisterFile(self.debugger.layout),
            Policy(),
            FakeWords(),
            shortcut=wire.shortcut if self._direct else None,
        )
        nursery.start_soon(client.serve)
        script.next()
        await script.done.wait()
        return script.answers[len(GREETING) :], client


@asynccontextmanager
async def ridden(stub: FakeStub | None = None, *, direct: bool = True, cut: int = 1 << 20) -> AsyncIterator[Ridden]:
    stub = stub or qemu()
    wire = StubWire(stub, cut=cut)
    with trio.fail_after(BOUND):
        debugger = Debugger(wire, "fake", DebuggerOptions(shortcut=wire.shortcut if direct else None))
        await debugger.attach()
        async with trio.open_nursery() as nursery:
            shared = SharedGuest(debugger, nursery)
            stub.log.clear()
            yield Ridden(debugger, stub, wire, shared, direct=direct)
            nursery.cancel_scope.cancel()
