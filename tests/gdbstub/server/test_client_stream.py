"""What a client is sent: slowly where it reads slowly, and no longer where it does not."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from gdbstub.server.client_stream import PIECE, SLOW_SECONDS, ClientStream


class SlowStream(trio.abc.Stream):
    """Takes so many seconds for whatever it is sent."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.taken = 0

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.sleep(self._seconds)
        self.taken += len(data)

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.sleep_forever()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


class Owner:
    def __init__(self) -> None:
        self.heard = ""

    def send_away(self, why: str) -> None:
        self.heard = self.heard or why

    def gone(self) -> None:
        self.heard = self.heard or "gone"

    def written(self) -> None:
        self.heard = self.heard or "written"


@pytest.mark.parametrize(
    ("seconds", "heard"), [(SLOW_SECONDS - 1, "written"), (SLOW_SECONDS + 1, "it read less than 64 KiB in 30 seconds")]
)
async def test_a_client_is_sent_away_for_what_it_does_not_read_and_not_for_how_much_it_is(
    seconds: float, heard: str, autojump_clock: MockClock
) -> None:
    slow, owner = SlowStream(seconds), Owner()
    stream = ClientStream(slow, None, owner)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.write)
        stream.send(b"x" * (10 * PIECE))
        while not owner.heard:  # noqa: ASYNC110 (an owner tells nobody)
            await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert owner.heard == heard
    assert slow.taken == (10 * PIECE if heard == "written" else 0)


async def test_a_client_that_acknowledges_each_packet_is_sent_any_length() -> None:
    """Its acks are read while it is sent more; otherwise it waits to send them, and dr6 for it to read."""
    near, far = (trio.SocketStream(one) for one in trio.socket.socketpair())
    stream, packet, count = ClientStream(far, None, Owner()), b"$" + b"x" * 32_000 + b"#00", 1000
    got = 0

    async def acknowledge() -> None:
        nonlocal got
        while got < count * len(packet):
            data = bytes(await near.receive_some(65536))
            got += len(data)
            for _ in range(max(1, data.count(b"$"))):
                await near.send_all(b"+")

    with trio.fail_after(60):
        async with near, far, trio.open_nursery() as nursery:
            nursery.start_soon(stream.write)
            nursery.start_soon(acknowledge)
            for _ in range(count):
                stream.send(packet)
                await stream.drain(65536)
            await stream.drain()
            assert (await stream.next())[:1] == b"+"
            nursery.cancel_scope.cancel()
