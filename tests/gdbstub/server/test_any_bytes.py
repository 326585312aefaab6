"""Whatever a client sends: it is answered or sent away, nobody else notices, and nothing of it stays in the guest."""

from __future__ import annotations

import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from gdbstub.protocol import frame
from gdbstub.protocol.packets import PACKETS
from tests.fakes.served import STEP, serving
from tests.fakes.stub import DATA
from tests.fuzz.hostile import Lenient, spoken
from tests.fuzz.long_run import many
from tests.gdbstub.server.test_breakpoints import rip

PREFIXES = [row.prefix for row in PACKETS if row.sender == "client"]
ARGUMENTS = st.sampled_from(
    (
        *(
            b"",
            b"0",
            b"1000,1",
            b"4000,8",
            b"9000,8",
            b"ffffffffffffffff,ffffffffffffffff",
            b":",
            b";",
            b"p1.1",
            b"p0.0",
        ),
        *(b"p-1.-1", b"c", b"s:p1.1;c", b"r1000,1005:1", b"1000,1;X1,27", b"4000,4:00010203", b"4000,2:ab", b"0=00"),
        *(b"77687920", b"636174636820313300", b"target.xml:0,fff", b":0,fff", b"1", b"4000;100;a", b"\x00\xff}*#$"),
    )
)
PACKET = st.builds(lambda prefix, rest: prefix + rest, st.sampled_from(PREFIXES), ARGUMENTS | st.binary(max_size=24))
ITEM = st.one_of(
    PACKET.map(frame),
    PACKET.map(lambda payload: b"$" + payload + b"#00"),
    st.sampled_from([b"\x03", b"+", b"-", b"$", b"#", b"}", frame(STEP), frame(b"vCont;c"), frame(b"QStartNoAckMode")]),
    st.binary(max_size=40),
)


@st.composite
def pieces(draw: st.DrawFn) -> list[bytes]:
    """A conversation, cut anywhere."""
    whole = b"".join(draw(st.lists(ITEM, max_size=24)))
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    return [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True) if a < b]


@settings(max_examples=25, deadline=None)
@given(pieces())
def test_any_bytes_are_survived(said: list[bytes]) -> None:
    trio.run(spoken, said, clock=MockClock(autojump_threshold=0))


def test_many_clients_one_after_another_leave_nothing_behind() -> None:
    left = trio.run(many, 400, 1, clock=MockClock(autojump_threshold=0))
    assert left.grown < 50 << 20


async def test_a_client_that_says_nothing_but_noise_costs_a_bounded_amount(autojump_clock: MockClock) -> None:
    async with serving(Lenient()) as served:
        peer = served.connect()
        for noise in (
            b"$" * 300_000,
            b"#" * 300_000,
            b"\x00" * 300_000,
            b"$m" + b"0" * 400_000,
            b"-" * 1000,
            b"+" * 1000,
        ):
            await peer.stream.send_all(noise)
            await wait_all_tasks_blocked()
        assert len(peer.session.link._reader._buffer) < 0x90000
        assert len(peer.session.stream.left) < 0x10000
        other = await served.gdb()
        assert rip(await other.run(STEP))
        assert await other.ask(b"m%x,1" % DATA) == b"00"


async def test_a_request_in_front_of_the_end_of_the_link_harms_nobody(autojump_clock: MockClock) -> None:
    async with serving() as served:
        other = await served.gdb()
        peer = served.connect()
        await peer.stream.send_all(frame(b"qC"))
        await wait_all_tasks_blocked()
        await peer.stream.send_all(frame(b"qC") + b"-----" + frame(b"g"))
        await wait_all_tasks_blocked()
        assert list(served.shared.participants.present) == [other.session.participant.number]
        assert await other.ask(b"qC") == b"QCp1.1"
