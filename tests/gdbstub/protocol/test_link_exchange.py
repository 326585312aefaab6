"""Requests of which all is known beforehand: whole answers, or none of it."""

from __future__ import annotations

import pytest

from gdbstub.errors import LocalProtocolError
from gdbstub.protocol import Expect, Link, Reply, Role, StopReply, frame

STEP, LOOK = (b"vCont;s:p1.1",), (b"g", b"m1000,40")
STOP = b"T05thread:p01.01;"


def at_rest(*, acking: bool = True) -> Link:
    link = Link(Role.CLIENT, pipelined=True)
    if not acking:
        link.send(b"QStartNoAckMode")
        link.receive(b"+" + frame(b"OK"))
    else:
        link.send(b"qC")
        link.receive(b"+" + frame(b"QCp1.1"))
    link.data_to_send()
    return link


@pytest.mark.parametrize("acking", [True, False])
def test_answers_come_whole_and_acknowledgments_are_owed(acking: bool) -> None:
    link = at_rest(acking=acking)
    owed = b"+" if acking else b""
    assert link.begin_exchange(LOOK) == owed + frame(b"g") + frame(b"m1000,40")
    came = owed + frame(b"0011") + owed + frame(b"E14")
    for end in range(len(came)):
        assert link.exchanged(came[:end], 2, Expect.REPLY) == ()
    assert link.exchanged(came, 2, Expect.REPLY) == (b"0011", b"E14")
    assert link.begin_exchange(STEP) == 2 * owed + frame(STEP[0])
    assert link.exchanged(b"+" * acking + frame(STOP), 1, Expect.STOP) == (STOP,)
    assert link.begin_exchange(STEP) == owed + frame(STEP[0])


@pytest.mark.parametrize(
    "came",
    [
        b"+$0011#00",
        b"+" + frame(b"0011") + frame(b"0011"),
        b"+$0*#b4",
        b"x" + frame(b"0011"),
        b"-" + frame(b"0011"),
        b"#00",
        b"+%Stop:T05#00",
        b"+" + frame(b"O41"),
        b"+" + frame(STOP),
    ],
)
def test_anything_else_is_not_taken(came: bytes) -> None:
    link = at_rest()
    link.begin_exchange((b"g",))
    assert link.exchanged(came, 1, Expect.REPLY) is None


@pytest.mark.parametrize("part", [b"", b"+", b"$", b"+$0011", b"+$0011#", b"+$0011#c", b"+$0011#c2+"])
def test_a_part_is_waited_for(part: bytes) -> None:
    link = at_rest()
    link.begin_exchange((b"g",))
    assert link.exchanged(part, 1, Expect.REPLY) == ()


@pytest.mark.parametrize("other", [b"W00", b"O41", b"E01", b"OK", b"", b"F1,2", b"T0"])
def test_what_ends_no_step_is_no_stop(other: bytes) -> None:
    link = at_rest()
    link.begin_exchange(STEP)
    assert link.exchanged(b"+" + frame(other), 1, Expect.STOP) is None


def test_a_stub_that_takes_one_request_at_a_time_is_given_one() -> None:
    link = at_rest()
    link.pipelined = False
    assert link.begin_exchange(LOOK) == b""
    assert link.begin_exchange(STEP).endswith(frame(STEP[0]))


def test_what_came_otherwise_is_a_request_like_any_other() -> None:
    link = at_rest()
    link.begin_exchange(LOOK)
    tokens = link.came_otherwise(LOOK, Expect.REPLY, b"")
    assert link.data_to_send() == b""
    events = link.receive(b"+" + frame(b"0011") + b"+" + frame(b"E14"))
    assert events == [Reply(tokens[0], b"0011", None), Reply(tokens[1], b"E14", None)]
    link.begin_exchange(STEP)
    (token,) = link.came_otherwise(STEP, Expect.STOP, b"#5f")
    assert link.running
    assert link.data_to_send() == b"#5f"
    (event,) = link.receive(b"+" + frame(STOP))
    assert isinstance(event, StopReply)
    assert event.token == token


def test_nothing_is_exchanged_past_what_is_under_way() -> None:
    link = at_rest()
    link.send(b"g")
    assert link.begin_exchange(LOOK) == b""
    link.data_to_send()
    assert link.begin_exchange(LOOK) == b""
    link.receive(b"+" + frame(b"00"))
    assert link.begin_exchange(LOOK)
    link.send(b"vCont;c", Expect.STOP)
    link.data_to_send()
    assert link.begin_exchange(LOOK) == b""
    with pytest.raises(LocalProtocolError):
        link.came_otherwise(LOOK, Expect.REPLY, b"")
