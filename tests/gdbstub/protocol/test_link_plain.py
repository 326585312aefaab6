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
    assert link.send_plainly(LOOK) == owed + frame(b"g") + frame(b"m1000,40")
    came = owed + frame(b"0011") + owed + frame(b"E14")
    for end in range(len(came)):
        assert link.plain_answers(came[:end], 2) == ()
    assert link.plain_answers(came, 2) == (b"0011", b"E14")
    assert link.send_plainly(STEP) == 2 * owed + frame(STEP[0])
    assert link.is_plainly(b"+" * acking + frame(STOP), STOP)
    assert link.send_plainly(STEP) == owed + frame(STEP[0])


@pytest.mark.parametrize(
    "came",
    [
        b"+$0011#00",
        b"+" + frame(b"0011") + frame(b"0011"),
        b"+$0*#b4",
        b"x" + frame(b"0011"),
        b"-" + frame(b"0011"),
        b"",
        b"+",
        b"#00",
        b"$#",
        b"+%Stop:T05#00",
    ],
)
def test_anything_else_is_not_taken(came: bytes) -> None:
    link = at_rest()
    link.send_plainly((b"g",))
    assert link.plain_answers(came, 1) == ()


@pytest.mark.parametrize("other", [b"T05watch:4000;thread:p01.01;", b"W00", b"O41", b"E01"])
def test_another_stop_is_not_the_one_looked_for(other: bytes) -> None:
    link = at_rest()
    link.send_plainly(STEP)
    assert not link.is_plainly(b"+" + frame(other), STOP)


def test_what_came_otherwise_is_a_request_like_any_other() -> None:
    link = at_rest()
    link.send_plainly(LOOK)
    tokens = link.came_otherwise(LOOK, Expect.REPLY, b"")
    assert link.data_to_send() == b""
    events = link.receive(b"+" + frame(b"0011") + b"+" + frame(b"E14"))
    assert events == [Reply(tokens[0], b"0011", None), Reply(tokens[1], b"E14", None)]
    link.send_plainly(STEP)
    (token,) = link.came_otherwise(STEP, Expect.STOP, b"#5f")
    assert link.running
    assert link.data_to_send() == b"#5f"
    (event,) = link.receive(b"+" + frame(STOP))
    assert isinstance(event, StopReply)
    assert event.token == token


def test_nothing_is_sent_plainly_past_what_is_under_way() -> None:
    link = at_rest()
    link.send(b"g")
    assert link.send_plainly(LOOK) == b""
    link.data_to_send()
    assert link.send_plainly(LOOK) == b""
    link.receive(b"+" + frame(b"00"))
    assert link.send_plainly(LOOK)
    link.send(b"vCont;c", Expect.STOP)
    link.data_to_send()
    assert link.send_plainly(LOOK) == b""
    with pytest.raises(LocalProtocolError):
        link.came_otherwise(LOOK, Expect.REPLY, b"")
