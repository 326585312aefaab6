"""gdbsx as it speaks itself: one packet out, one answer in. For the self-check, which wants no debugger in between."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import AsyncIterator
from typing import NamedTuple

import trio

from gdbstub.protocol.framing import FrameReader, Packet, frame
from tests.labs.errors import LabError

ANSWER_SECONDS = 30.0
LAYOUT = struct.Struct("<17Q7I")
RIP, RSP, EFLAGS = 16, 7, 17
RF = 1 << 16


class Registers(NamedTuple):
    """What ``g`` answers: RAX RBX RCX RDX RSI RDI RBP RSP R8-R15 RIP, EFLAGS CS SS DS ES FS GS."""

    values: tuple[int, ...]

    @property
    def rip(self) -> int:
        return self.values[RIP]

    def changed(self, register: int, value: int) -> Registers:
        return Registers((*self.values[:register], value, *self.values[register + 1 :]))


class Rsp:
    """One connection to gdbsx, which acknowledges each packet."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._reader = FrameReader()

    async def send(self, payload: bytes) -> None:
        await self._stream.send_all(frame(payload))

    async def answer(self, seconds: float = ANSWER_SECONDS) -> str:
        with trio.move_on_after(seconds):
            while True:
                while (got := self._reader.next_frame()) is not None:
                    if isinstance(got, Packet):
                        await self._stream.send_all(b"+")
                        return got.payload.decode("latin-1")
                data = await self._stream.receive_some()
                if not data:
                    raise LabError("gdbsx closed the connection.")
                self._reader.feed(bytes(data))
        raise LabError(f"gdbsx did not answer within {seconds:g} seconds.")

    async def ask(self, payload: str, seconds: float = ANSWER_SECONDS) -> str:
        await self.send(payload.encode("latin-1"))
        return await self.answer(seconds)

    async def registers(self) -> Registers:
        return Registers(LAYOUT.unpack(bytes.fromhex(await self.ask("g"))))

    async def set_registers(self, registers: Registers) -> None:
        await self._expect_ok(f"G{LAYOUT.pack(*registers.values).hex()}")

    async def read(self, address: int, size: int) -> bytes:
        said = await self.ask(f"m{address:x},{size:x}")
        try:
            return bytes.fromhex(said)
        except ValueError:
            raise LabError(f"gdbsx cannot read {size} bytes at {address:#x}: {said}") from None

    async def read_integer(self, address: int) -> int:
        return int.from_bytes(await self.read(address, 8), "little")

    async def write(self, address: int, data: bytes) -> None:
        await self._expect_ok(f"M{address:x},{len(data):x}:{data.hex()}")

    async def detach(self) -> None:
        """gdbsx acknowledges it, answers nothing, and ends."""
        await self.send(b"D")
        while await self._stream.receive_some():
            pass

    async def _expect_ok(self, payload: str) -> None:
        if (said := await self.ask(payload)) != "OK":
            raise LabError(f"gdbsx answered {said!r} to {payload[:20]}.")


@contextlib.asynccontextmanager
async def connected(target: str) -> AsyncIterator[Rsp]:
    """A client of the gdbsx at ``target``, for the length of the block."""
    host, _, port = target.rpartition(":")
    async with await trio.open_tcp_stream(host, int(port)) as stream:
        stream.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, 1)
        yield Rsp(stream)
