"""A stream that ends with its domain."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from transports.errors import HelperFailed
from transports.watched import FIRST_LOOK, LAST_LOOK, WatchedStream


class Fate:
    """What dom0 says, and when it was asked."""

    def __init__(self, *answers: str | None) -> None:
        self._answers = iter(answers)
        self.asked: list[float] = []

    async def __call__(self) -> str:
        self.asked.append(trio.current_time())
        if (answer := next(self._answers, "")) is None:
            raise HelperFailed("xl is not there")
        return answer


async def test_dom0_is_asked_now_and_then_and_the_stream_ends_with_the_domain(autojump_clock: MockClock) -> None:
    near, _far = memory_stream_pair()
    fate = Fate("", None, "", "", "", "gone")
    assert await WatchedStream(near, fate).receive_some() == b""
    gaps = [later - earlier for earlier, later in zip(fate.asked, fate.asked[1:], strict=False)]
    assert fate.asked[0] == FIRST_LOOK
    assert gaps == [4, 8, 16, LAST_LOOK, LAST_LOOK]


async def test_what_comes_is_passed_on_and_a_quick_stub_costs_no_question(autojump_clock: MockClock) -> None:
    near, far = memory_stream_pair()
    fate = Fate()
    stream = WatchedStream(near, fate)
    async with trio.open_nursery() as nursery:

        async def answer() -> None:
            for seconds in (1.0, 3 * FIRST_LOOK, 1.0):
                await trio.sleep(seconds)
                await far.send_all(b"%d" % seconds)
            await far.aclose()

        nursery.start_soon(answer)
        assert await stream.receive_some() == b"1"
        assert fate.asked == []
        assert await stream.receive_some() == b"12"
        assert len(fate.asked) == 2
        assert await stream.receive_some() == b"1"
        assert await stream.receive_some() == b""


async def test_a_broken_stream_breaks_as_it_is(autojump_clock: MockClock) -> None:
    near, _ = memory_stream_pair()
    stream = WatchedStream(near, Fate())
    async with trio.open_nursery() as nursery:

        async def close() -> None:
            await trio.sleep(2 * FIRST_LOOK)
            await stream.aclose()

        nursery.start_soon(close)
        with pytest.raises(trio.ClosedResourceError):
            await stream.receive_some()


async def test_who_waits_can_be_cancelled_while_dom0_is_asked(autojump_clock: MockClock) -> None:
    near, far = memory_stream_pair()

    async def hangs() -> str:
        await trio.sleep_forever()

    stream = WatchedStream(near, hangs)
    with pytest.raises(trio.TooSlowError), trio.fail_after(2 * FIRST_LOOK):
        await stream.receive_some()
    await far.send_all(b"x")
    assert await stream.receive_some() == b"x"
