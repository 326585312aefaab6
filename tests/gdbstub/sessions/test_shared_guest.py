"""One guest, several participants: who drives, who follows, and that nobody misses a stop."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, lockstep_stream_pair, wait_all_tasks_blocked

from gdbstub.errors import GdbError
from gdbstub.protocol import Expect, frame
from gdbstub.server.client_stream import MOST_QUEUED, SLOW_SECONDS
from gdbstub.sessions.guest_lock import IDLE_SECONDS
from gdbstub.sessions.shared_guest import PATIENCE
from tests.fakes.served import RUN_ON, STEP, Peer, Served, serving
from tests.fakes.stub import CODE, DATA
from tests.gdbstub.server.test_breakpoints import rip


async def two(served: Served) -> tuple[Peer, Peer]:
    """A client that drives, and one that follows."""
    first, second = await served.gdb(), await served.gdb()
    await first.monitor("drive")
    return first, second


async def test_a_follower_is_told_of_every_stop(autojump_clock: MockClock) -> None:
    async with serving() as served:
        first, second = await two(served)
        seen: list[int] = []
        for _ in range(4):
            await second.go()
            await wait_all_tasks_blocked()
            own = await first.run(STEP)
            other = await second.stop()
            assert rip(own) == rip(other)
            seen.append(rip(other) - CODE)
            assert own.startswith(b"T05")
            assert other.startswith(b"T00")  # no step of its own
        assert seen == [1, 2, 5, 0]
        assert "client 1 drives; this follows" in second.console


async def test_the_driver_waits_a_while_for_a_follower_that_looks_around(autojump_clock: MockClock) -> None:
    async with serving() as served:
        first, second = await two(served)
        await second.go()
        await wait_all_tasks_blocked()
        await first.run(STEP)
        await second.stop()
        began = trio.current_time()
        await first.run(STEP)  # the follower has not asked yet
        assert trio.current_time() - began == pytest.approx(PATIENCE, abs=0.01)
        began = trio.current_time()
        await first.run(STEP)  # it rests; nobody waits for it again
        assert trio.current_time() - began < PATIENCE / 2
        assert rip(await second.run()) == CODE + 5  # and is told what it missed, at once


async def test_who_waits_drives_once_the_driver_is_gone(autojump_clock: MockClock) -> None:
    async with serving() as served:
        first, second = await two(served)
        await second.ask(b"Z0,1005,1")
        await second.go()
        await wait_all_tasks_blocked()
        await first.close()
        stop = await second.stop()
        assert (rip(stop), stop[:3]) == (CODE + 5, b"T05")
        assert "drives" in await second.monitor("clients")


async def test_who_waits_is_told_of_the_stop_of_a_driver_that_is_gone(autojump_clock: MockClock) -> None:
    async with serving() as served:
        first, second = await two(served)
        await second.go()
        await first.go()
        await wait_all_tasks_blocked()
        assert served.shared.debugger.running
        await first.close()
        number = served.shared.debugger.records[-1].number
        await second.interrupt()
        assert (await second.stop())[:1] == b"T"
        assert served.shared.debugger.records[-1].number == number + 1


async def test_a_breakpoint_of_another_is_no_breakpoint_of_ours(autojump_clock: MockClock) -> None:
    async with serving() as served:
        first, second = await two(served)
        await second.ask(b"Z0,1002,1")
        await second.go()
        stop = await first.run()
        assert stop.startswith(b"T00")
        assert b"swbreak" not in stop
        theirs = await second.stop()
        assert theirs.startswith(b"T05")
        assert b"swbreak:;" in theirs


async def test_what_another_took_out_stops_nobody(autojump_clock: MockClock) -> None:
    async with serving() as served:
        first, second = await two(served)
        await second.ask(b"Z0,1002,1")
        await second.go()
        assert rip(await first.run()) == rip(await second.stop()) == CODE + 2
        await second.ask(b"z0,1002,1")  # as gdb does at each stop, and when its user deletes it
        await first.ask(b"Z0,1005,1")
        assert rip(await first.run()) == CODE + 5
        assert rip(await first.run()) == CODE + 5
        assert [point for point in served.stub.points if point[1] == CODE + 2] == []
        await second.ask(b"Z0,1002,1")
        await second.go()
        await wait_all_tasks_blocked()
        assert rip(await first.run()) == CODE + 2


@pytest.mark.parametrize("way", ["leaves", "detaches", "is cut off", "gives", "leaves in the middle"])
async def test_who_waits_gets_its_step_when_the_driver_is_gone(autojump_clock: MockClock, way: str) -> None:
    """The one in control had rested; what the follower asked for would never be done."""
    async with serving() as served:
        first, second = await two(served)
        await second.go(STEP)
        await wait_all_tasks_blocked()
        if way == "leaves in the middle":
            await first.go(STEP)
        if way == "detaches":
            assert await first.ask(b"D;1") == b"OK"
        elif way == "gives":
            await first.monitor("give")
        elif way == "is cut off":
            first.session.stream._owner.gone()
        else:
            await first.stream.aclose()
        assert rip(await second.stop()) == CODE + 1
        assert served.shared.participants.controller is second.session.participant
        assert rip(await second.run(STEP)) == CODE + 2


async def test_a_question_of_the_screen_holds_nobody_up(autojump_clock: MockClock) -> None:
    async with serving() as served:
        first, _ = await two(served)
        served.shared.give(first.session.participant)
        async with served.shared.exclusive():
            async with served.shared.guest.release_while():
                assert await first.ask(b"m1000,2") == b"9090"
                assert rip(await first.run(STEP)) == CODE + 1
                await first.go()
                await wait_all_tasks_blocked()
                ran = served.stub.running
            assert ran
            assert served.shared.guest.busy
            assert not served.stub.running  # a screen that is left must not wait for a run without end
            assert (await first.stop()).startswith(b"T02")
        assert not served.shared.guest.busy


async def test_only_the_driver_writes(autojump_clock: MockClock) -> None:
    async with serving() as served:
        first, second = await two(served)
        for packet in (b"M4000,1:01", b"X4000,1:a", b"P0=" + b"01" * 8):
            assert await second.ask(packet) == b"E.client 1 drives the guest; 'drive' takes it over."
        assert served.stub.peek(DATA, 1) == b"\0"
        await second.monitor("drive")
        assert await second.ask(b"M4000,1:01") == b"OK"
        assert (await first.ask(b"M4000,1:02")).startswith(b"E.client 2 drives")
        await second.monitor("give")
        assert await first.ask(b"M4000,1:02") == b"OK"


async def test_who_takes_over_a_running_guest_is_said_to_the_others(autojump_clock: MockClock) -> None:
    async with serving() as served:
        first, second = await two(served)
        await first.go()
        await wait_all_tasks_blocked()
        await second.monitor("drive")
        await second.monitor("clients")
        await second.go()
        await second.interrupt()
        assert (await second.stop()).startswith(b"T02")
        assert (await first.stop()).startswith(b"T02")
        assert "client 2 drives now" in first.console


async def test_who_was_told_of_a_stop_while_it_waited_for_its_turn_lets_nothing_run(autojump_clock: MockClock) -> None:
    async with serving() as served:
        first, second = await two(served)
        await first.ask(b"Z2,4800,8")
        await first.go()
        await wait_all_tasks_blocked()
        await second.monitor("drive")
        await second.go()
        await wait_all_tasks_blocked()
        await served.pause()
        assert rip(await second.stop()) == CODE
        await second.go(STEP)  # the earlier request may not come true instead
        assert rip(await second.stop()) == CODE + 1
        await first.stop()
        await trio.sleep(2 * PATIENCE)
        assert not served.stub.running
        assert [request for request in served.stub.log if request[:1] in b"v"][1:] == [b"vCont;s:p1.1"]


async def test_who_comes_is_not_passed_by_a_run_that_waits(autojump_clock: MockClock) -> None:
    async with serving() as served, trio.open_nursery() as nursery:
        first = await served.gdb()
        second = served.connect()
        async with served.shared.guest.lock():
            await first.go()
            await wait_all_tasks_blocked()
            nursery.start_soon(second.greet)
            await wait_all_tasks_blocked()
        assert rip(await first.stop()) == CODE
        assert not served.stub.running


async def test_a_guest_that_was_let_go_stands_for_who_comes_at_that_moment(autojump_clock: MockClock) -> None:
    async with serving() as served:
        first = await served.gdb()
        async with served.shared.guest.lock():
            assert await first.ask(b"D;1") == b"OK"
            await wait_all_tasks_blocked()
            assert not served.shared.participants.present
            served.shared.let_go()
            second = served.connect()
        assert rip(await second.greet()) == CODE
        assert not served.stub.running


async def test_who_comes_in_the_moment_in_which_the_stub_is_first_listened_to_gets_its_turn(
    autojump_clock: MockClock,
) -> None:
    async with serving() as served:
        with trio.fail_after(100):
            for _ in range(50):  # the order in which tasks wake is random
                async with served.shared.guest.lock():
                    await trio.sleep(IDLE_SECONDS)
                await trio.sleep(IDLE_SECONDS)
                async with served.shared.guest.lock():
                    pass


async def test_any_party_may_stop_the_guest(autojump_clock: MockClock) -> None:
    async with serving() as served:
        first, second = await two(served)
        await first.go()
        await second.go()
        await wait_all_tasks_blocked()
        await second.interrupt()
        assert (await second.stop()).startswith(b"T02")
        assert (await first.stop()).startswith(b"T02")
        assert "client 2 stopped the guest" in first.console


async def test_a_follower_that_breaks_off_has_the_last_stop_again(autojump_clock: MockClock) -> None:
    async with serving() as served:
        _, second = await two(served)
        await second.go()
        await wait_all_tasks_blocked()
        await second.interrupt()
        assert rip(await second.stop()) == CODE
        assert not served.stub.running


async def test_who_leaves_while_the_guest_runs_takes_its_breakpoints_along(autojump_clock: MockClock) -> None:
    async with serving() as served:
        first, second = await two(served)
        await first.ask(b"Z2,4800,8")
        await first.go()
        await wait_all_tasks_blocked()
        assert served.stub.points
        await first.close()
        await wait_all_tasks_blocked()
        assert served.stub.points == []
        assert served.stub.running
        await second.go()
        await second.interrupt()
        assert (await second.stop()).startswith(b"T02")


async def test_who_comes_while_the_guest_runs_stops_it_for_all(autojump_clock: MockClock) -> None:
    async with serving() as served:
        first = await served.gdb()
        await first.go()
        await wait_all_tasks_blocked()
        second = served.connect()
        assert (await second.greet()).startswith(b"T02")
        assert (await first.stop()).startswith(b"T02")
        assert "client 2 is here" in first.console


async def test_memory_is_read_while_another_lets_the_guest_run(autojump_clock: MockClock) -> None:
    async with serving() as served:
        first, second = await two(served)
        await first.go()
        await wait_all_tasks_blocked()
        assert await second.ask(b"m4800,1") == b"00"
        assert await second.ask(b"Z0,5000,1") == b"OK"
        await wait_all_tasks_blocked()
        assert served.stub.running
        await first.interrupt()
        assert (await first.stop()).startswith(b"T02")
        assert first.console.count("stopped the guest") == 0


async def test_a_stub_that_dies_is_told_to_every_client(autojump_clock: MockClock) -> None:
    async with serving() as served:
        first, second = await two(served)
        ends: list[str] = []
        served.shared.on_end = lambda: ends.append("end")
        await first.go()
        await wait_all_tasks_blocked()
        await served.hang_up()
        await first.end()
        await second.end()
        assert "dr6: " in first.console
        assert ends == ["end"]
        third = served.connect()
        assert (await third.ask(b"g")).startswith(b"E")


async def test_a_stub_that_dies_while_nobody_asks_is_noticed(autojump_clock: MockClock) -> None:
    async with serving() as served:
        first, second = await two(served)
        await trio.sleep(1)
        await served.hang_up()
        await first.end()
        await second.end()
        assert served.shared.lost is not None


async def test_a_caught_event_is_summed_up_on_the_console(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        assert "handler at 0x" in await peer.monitor("catch 1") or peer.session.own_breakpoints()[0].address is None
        row = peer.session.own_breakpoints()[0]
        brief = served.debugger.newest
        assert brief is not None
        await peer.go()
        await wait_all_tasks_blocked()
        peer.session.stopped(brief._replace(vector=1))
        stop = await peer.stop()
        assert peer.console.startswith("dr6: stop 0: ")
        assert stop.startswith(b"T05")
        assert row.vector == 1


async def test_who_does_not_read_is_sent_away(autojump_clock: MockClock) -> None:
    async with serving() as served:
        fast = await served.gdb()
        slow = served.connect(pair=lockstep_stream_pair())
        await slow.stream.send_all(b"+" + frame(b"m1000,7"))
        await trio.sleep(SLOW_SECONDS + 1)
        assert slow.client.ending == "it read less than 64 KiB in 30 seconds"
        assert list(served.shared.participants.present) == [fast.session.participant.number]
        assert rip(await fast.run(STEP)) == CODE + 1


async def test_the_queue_of_a_client_is_bounded(autojump_clock: MockClock) -> None:
    async with serving() as served:
        fast = await served.gdb()
        slow = served.connect(pair=lockstep_stream_pair())
        slow.session.stream.left = b"x"
        slow.session.link.receive(frame(b"m1000,7"))
        for _ in range(MOST_QUEUED // 0x10000):
            slow.session.print("x" * 0x8000)
            slow.session.flush()
        assert slow.client.ending == "it does not read what it is sent"
        await wait_all_tasks_blocked()
        assert list(served.shared.participants.present) == [fast.session.participant.number]


async def test_a_refused_run_is_told_with_where_the_guest_stands(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        await peer.ask(b"Z2,4000,8")
        await peer.ask(b"z2,4000,8")
        served.stub.answers[b"z2,4000,8"] = b"E22"
        stop = await peer.run()
        assert rip(stop) == CODE
        assert "refused" in peer.console


async def test_leaving_says_what_the_stub_does_not_give_back(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        await peer.ask(b"Z2,4000,8")
        await peer.ask(b"Z2,4100,8")
        served.stub.answers[b"z2,4000,8"] = b"E22"
        with pytest.raises(GdbError, match="refused"):
            await served.shared.leave(peer.session.participant)
        assert served.stub.points == [(2, DATA, 8)]
        await served.shared.leave(peer.session.participant)  # it is gone already


async def test_a_turn_is_for_one(autojump_clock: MockClock) -> None:
    async with serving() as served:
        order: list[str] = []

        async def other() -> None:
            async with served.shared.guest.lock():
                order.append("second")

        async with trio.open_nursery() as nursery, served.shared.guest.lock():
            assert served.shared.guest.busy
            nursery.start_soon(other)
            await wait_all_tasks_blocked()
            order.append("first")
        assert order == ["first", "second"]
        assert not served.shared.guest.busy


async def test_a_seat_tells_the_others_of_the_stop_in_the_end(autojump_clock: MockClock) -> None:
    async with serving() as served:
        peer = await served.gdb()
        served.shared.participants.take(served.shared.join("screen", peer.session))
        peer._token = peer.link.send(RUN_ON, Expect.STOP)
        await peer.send()
        await wait_all_tasks_blocked()
        async with served.shared.exclusive():
            await served.debugger.run_steps(2)
        assert rip(await peer.stop()) == CODE + 2
