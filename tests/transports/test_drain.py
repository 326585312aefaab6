"""Output that is read at once and kept within a bound."""

from __future__ import annotations

import pytest
import trio
from trio.testing import memory_stream_one_way_pair, wait_all_tasks_blocked

from transports import Drain


async def test_it_reads_whether_or_not_anybody_asks() -> None:
    sender, receiver = memory_stream_one_way_pair()
    drain = Drain(receiver, limit=10)
    await sender.send_all(b"0123456789")
    await sender.send_all(b"abcde")
    await sender.aclose()
    await drain.ended.wait()
    assert drain.head == b"0123456789abcde"
    assert drain.dropped == 5
    assert await drain.receive_some(3) == b"567"
    assert await drain.receive_some() == b"89abcde"
    assert await drain.receive_some() == b""


async def test_a_reader_waits_for_the_next_bytes_and_for_the_end() -> None:
    sender, receiver = memory_stream_one_way_pair()
    drain = Drain(receiver)
    got: list[bytes] = []

    async def read() -> None:
        got.extend([bytes(data) async for data in drain])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        for chunk in (b"a", b"b"):
            await wait_all_tasks_blocked()
            await sender.send_all(chunk)
        await wait_all_tasks_blocked()
        await sender.aclose()
    assert got == [b"a", b"b"]


async def test_closing_wakes_its_reader() -> None:
    _, receiver = memory_stream_one_way_pair()
    drain = Drain(receiver)

    async def read() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await drain.receive_some()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        await drain.aclose()
    await drain.ended.wait()
