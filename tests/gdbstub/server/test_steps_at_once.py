"""A client that steps and steps: whatever it asks in between, it hears what it would hear without the shortcut."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from gdbstub.debugger.light_steps import LightSteps, Rest, Told
from gdbstub.debugger.record import StopRecord
from gdbstub.protocol import frame
from gdbstub.server import ClientConnection
from gdbstub.sessions.guest_lock import IDLE_SECONDS
from tests.fakes.at_once import StubWire, Wire, ridden
from tests.fakes.served import STEP, qemu
from tests.fakes.stub import CODE, DATA

INC = CODE + 2
READS = (b"m%x,1" % CODE, b"m%x,40" % CODE, b"m%x,8" % DATA, b"m%x,40" % (DATA + 0x7C0), b"m%x,10" % (CODE + 0x38))
OTHERS = (
    b"g",
    b"p10",
    b"m0,40",
    b"qC",
    b"M%x,1:90" % CODE,
    b"Z1,%x,1" % INC,
    b"z1,%x,1" % INC,
    b"Z2,%x,8" % DATA,
    b"P0=0100000000000000",
)
SCRIPTS = st.lists(st.sampled_from((STEP,) * 8 + READS + OTHERS + (b"vCont;s:p1.1",)), max_size=60)


async def answers(
    script: tuple[bytes, ...], *, direct: bool, cut: int = 1 << 20
) -> tuple[list[bytes], list[StopRecord]]:
    async with ridden(direct=direct, cut=cut) as guest, trio.open_nursery() as nursery:
        said, _ = await guest.play(*script, nursery=nursery)
        nursery.cancel_scope.cancel()
    return said, list(guest.debugger.records)


def plain(record: StopRecord) -> tuple[object, ...]:
    """What a record says, but for the time. The bytes at RIP are those of a line, so there may be more of them."""
    evidence = record.evidence
    return (
        record.number,
        record.stop.raw,
        record.state.registers,
        evidence.before.rip,
        record.explanation.causes[0].cause,
    )


@settings(max_examples=40, deadline=None)
@given(SCRIPTS, st.integers(1, 400))
def test_it_hears_what_it_would_hear_without_the_shortcut(script: list[bytes], cut: int) -> None:
    fast = trio.run(lambda: answers(tuple(script), direct=True, cut=cut))
    slow = trio.run(lambda: answers(tuple(script), direct=False))
    assert fast[0] == slow[0]
    assert [plain(record) for record in fast[1]] == [plain(record) for record in slow[1]]


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each step that was taken at once: was it a plain one?"""
    steps: list[bool] = []
    step = LightSteps.step

    def counted(self: LightSteps, told: Told, *, others: bool = False) -> Rest | None:
        rest = step(self, told, others=others)
        steps.append(rest is None)
        return rest

    monkeypatch.setattr(LightSteps, "step", counted)
    return steps


async def test_steps_cost_two_packets_and_what_is_read_near_by_none(
    autojump_clock: MockClock, taken: list[bool]
) -> None:
    async with ridden() as guest, trio.open_nursery() as nursery:
        said, client = await guest.play(*(STEP, *READS[:2]) * 20, STEP, nursery=nursery)
        nursery.cancel_scope.cancel()
    assert taken == [True] * 21
    stepped = guest.stub.log[guest.stub.log.index(b"vCont;s:p1.1") :]
    assert stepped.count(b"vCont;s:p1.1") == stepped.count(b"g") == 21
    assert {request for request in stepped if request[:1] == b"m"} == {b"m1000,40", b"m4800,40"}
    numbers = [record.number for record in guest.debugger.records]
    assert numbers == list(range(22))
    assert [record.state.rip - CODE for record in guest.debugger.records][:9] == [0, 1, 2, 5, 0, 1, 2, 5, 0]
    assert all(record.explanation.causes[0].cause == "single-step" for record in guest.debugger.records[1:])
    assert client.session.participant.seen == 21
    assert len(said) == 61


async def test_a_breakpoint_ahead_is_told_as_one(autojump_clock: MockClock, taken: list[bool]) -> None:
    async with ridden() as guest, trio.open_nursery() as nursery:
        said, _ = await guest.play(STEP, STEP, STEP, STEP, b"Z1,%x,1" % INC, *[STEP] * 4, nursery=nursery)
        nursery.cancel_scope.cancel()
    assert taken[:4] == [True] * 4
    assert [b"hwbreak" in answer for answer in said] == [False] * 6 + [True] + [False] * 2


Spoil = Callable[[bytes], bytes | None]


def once(change: Spoil, *, at: int, of: bytes) -> Spoil:
    """Change the answer number ``at`` of those that hold ``of``."""
    seen = [0]

    def spoil(data: bytes) -> bytes | None:
        if of not in data:
            return data
        seen[0] += 1
        return change(data) if seen[0] == at else data

    return spoil


STOP = b"T05thread"
ODD: dict[str, Spoil] = {
    "output in front of the stop": once(lambda data: data.replace(b"$", b"$O41#90$", 1), at=4, of=STOP),
    "an acknowledgment too many": once(lambda data: b"+" + data, at=4, of=STOP),
}


@pytest.mark.parametrize("odd", ODD)
async def test_what_is_out_of_the_ordinary_is_read_as_ever(
    autojump_clock: MockClock, odd: str, taken: list[bool]
) -> None:
    def spoiled(wire: StubWire) -> None:
        wire.spoil = ODD[odd]

    async with ridden() as guest, trio.open_nursery() as nursery:
        guest.debugger.listen(lambda notice: None)
        spoiled(guest.wire)
        said, _ = await guest.play(*[STEP] * 8, nursery=nursery)
        nursery.cancel_scope.cancel()
    stops = [answer for answer in said if answer[:1] == b"T"]
    assert len(stops) == 8
    assert [record.state.rip - CODE for record in guest.debugger.records] == [0, 1, 2, 5, 0, 1, 2, 5, 0]
    assert taken.count(False) == (odd == "output in front of the stop")


async def test_a_step_that_takes_its_time_is_waited_for(autojump_clock: MockClock) -> None:
    held = trio.Event()
    kept: list[bytes] = []

    def hold(data: bytes) -> None:
        kept.append(data)
        held.set()

    async with ridden() as guest, trio.open_nursery() as nursery:

        async def release() -> None:
            await held.wait()
            guest.wire.give(kept.pop())

        nursery.start_soon(release)
        guest.wire.spoil = once(hold, at=4, of=STOP)
        said, _ = await guest.play(*[STEP] * 8, nursery=nursery)
        nursery.cancel_scope.cancel()
    assert len(said) == 8
    assert [record.state.rip - CODE for record in guest.debugger.records] == [0, 1, 2, 5, 0, 1, 2, 5, 0]


async def test_a_slow_step_behind_a_silence_has_the_guest_to_itself(autojump_clock: MockClock) -> None:
    """An idle stub is listened to meanwhile; the step is not to be taken past who listens."""
    held = trio.Event()
    kept: list[bytes] = []

    def hold(data: bytes) -> None:
        kept.append(data)
        held.set()

    async with ridden() as guest, trio.open_nursery() as nursery:
        nursery.start_soon(guest.shared.watch)
        _, client = await guest.play(*[STEP] * 4, nursery=nursery)
        await trio.sleep(10 * IDLE_SECONDS)
        assert not guest.shared.guest.free
        guest.wire.spoil = once(hold, at=1, of=STOP)
        assert isinstance(client._stream._stream, Wire)
        client._stream._stream.give(frame(STEP))
        await held.wait()
        guest.wire.give(kept.pop())
        await trio.testing.wait_all_tasks_blocked()
        assert client.session.here
        assert guest.debugger.newest is not None
        assert guest.debugger.newest.number == 5
        nursery.cancel_scope.cancel()


async def test_a_stub_that_goes_in_the_middle_is_told(autojump_clock: MockClock) -> None:
    async with ridden() as guest, trio.open_nursery() as nursery:
        guest.wire.spoil = once(lambda data: b"", at=4, of=STOP)
        give = guest.wire.give

        def gone() -> None:
            if guest.stub.log.count(b"vCont;s:p1.1") == 4:
                give(b"")

        guest.wire.waits = gone
        with trio.move_on_after(5):
            await guest.play(*[STEP] * 8, nursery=nursery)
        assert guest.shared.lost == "The stub closed the connection."
        nursery.cancel_scope.cancel()
    assert [record.state.rip - CODE for record in guest.debugger.records] == [0, 1, 2, 5]


async def test_a_wire_that_takes_part_of_a_request_gets_the_rest(autojump_clock: MockClock) -> None:
    async with ridden() as guest, trio.open_nursery() as nursery:
        guest.wire.most = 9
        said, _ = await guest.play(*[STEP] * 8, nursery=nursery)
        nursery.cancel_scope.cancel()
    assert len(said) == 8
    assert [record.state.rip - CODE for record in guest.debugger.records] == [0, 1, 2, 5, 0, 1, 2, 5, 0]


async def test_another_mode_is_read_whole(autojump_clock: MockClock, taken: list[bool]) -> None:
    stub = qemu()
    async with ridden(stub) as guest, trio.open_nursery() as nursery:
        step = stub._step

        def turn() -> bytes | None:
            hit = step()
            if stub.log.count(b"vCont;s:p1.1") == 4:
                stub.registers["cs"] = 0x10
            return hit

        stub._step = turn  # type: ignore[method-assign]
        await guest.play(*[STEP] * 8, nursery=nursery)
        nursery.cancel_scope.cancel()
    assert taken[:4] == [True] * 3 + [False]
    assert [record.state.registers["cs"] for record in guest.debugger.records] == [8] * 4 + [0x10] * 5
    assert "info registers" in [
        bytes.fromhex(request[6:].decode()).decode() for request in stub.log if request.startswith(b"qRcmd")
    ]


async def test_the_newest_of_many_is_completed_when_somebody_asks(autojump_clock: MockClock) -> None:
    async with ridden() as guest, trio.open_nursery() as nursery:
        await guest.play(*[STEP] * 8, nursery=nursery)
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await guest.debugger.explain_newest()
    newest = guest.debugger.records[-1]
    assert newest.state.debug.dr7 is not None
    assert newest.state.rip == CODE


class Silent:
    """A participant that hears of everything and does nothing."""

    async def before_resume(self) -> None:
        pass

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args: None


async def joined(*, reads_all: bool, taken: list[bool]) -> tuple[int, list[bytes]]:
    """Another comes while a client steps 400 times; how many steps were taken at once until then, and what the client
    was told."""
    async with ridden() as guest, trio.open_nursery() as nursery:
        at: list[int] = []

        async def join() -> None:
            while not taken:
                await trio.lowlevel.checkpoint()
            at.append(len(taken))
            guest.shared.join("another", Silent())
            guest.shared.light = not reads_all

        nursery.start_soon(join)
        said, _ = await guest.play(*[STEP] * 400, nursery=nursery)
        nursery.cancel_scope.cancel()
    return at[0], said


async def test_who_comes_while_a_client_steps_gets_its_turn(autojump_clock: MockClock, taken: list[bool]) -> None:
    """And where it reads every stop, each is read whole from then on."""
    at, said = await joined(reads_all=True, taken=taken)
    assert len([answer for answer in said if answer[:1] == b"T"]) == 400
    assert 0 < at < 400
    assert len(taken) == at


async def test_a_step_asked_for_again_costs_no_handler(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []
    answer = ClientConnection._answer

    async def counted(self: ClientConnection, payload: bytes) -> None:
        asked.append(payload)
        await answer(self, payload)

    monkeypatch.setattr(ClientConnection, "_answer", counted)
    async with ridden() as guest, trio.open_nursery() as nursery:
        said, _ = await guest.play(*(STEP, *READS[:2]) * 20, nursery=nursery)
        nursery.cancel_scope.cancel()
    assert asked.count(STEP) == 1
    assert len(said) == 60
    assert len(guest.debugger.records) == 21


async def test_who_only_follows_keeps_no_step_waiting(autojump_clock: MockClock, taken: list[bool]) -> None:
    at, said = await joined(reads_all=False, taken=taken)
    assert len([answer for answer in said if answer[:1] == b"T"]) == 400
    assert 0 < at < 400
    assert taken == [True] * 400
