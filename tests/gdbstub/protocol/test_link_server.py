"""The server's end of the link, and both ends joined by a string."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.errors import LocalProtocolError
from gdbstub.protocol.events import BadFrame, Break, Event, GuestOutput, Lost, Reply, Request, StopReply
from gdbstub.protocol.framing import frame
from gdbstub.protocol.link import RESENDS, Expect, Link
from gdbstub.protocol.states import Role, State
from gdbstub.protocol.stops import Exited, NoResumed, Stopped


def server() -> Link:
    return Link(Role.SERVER)


class TestServer:
    def test_a_request_is_acknowledged_and_answered(self) -> None:
        link = server()
        assert link.receive(frame(b"g")) == [Request(b"g")]
        assert link.data_to_send() == b"+"
        link.reply(b"00")
        assert link.data_to_send() == b"$00#60"

    def test_requests_are_answered_in_order(self) -> None:
        link = server()
        assert link.receive(frame(b"m0,1") + frame(b"m1,1")) == [Request(b"m0,1"), Request(b"m1,1")]
        assert len(link.outstanding) == 2
        link.reply(b"00")
        link.reply(b"01")
        assert not link.outstanding

    def test_nothing_is_answered_twice(self) -> None:
        link = server()
        with pytest.raises(LocalProtocolError, match="no request to answer"):
            link.reply(b"")
        with pytest.raises(LocalProtocolError, match="no request to answer"):
            link.stop(Stopped(5))
        with pytest.raises(LocalProtocolError, match="no request to answer"):
            link.console(b"")

    def test_a_resume_is_answered_with_a_stop(self) -> None:
        link = server()
        assert link.receive(frame(b"vCont;c")) == [Request(b"vCont;c")]
        assert link.running
        link.console(b"HI")
        link.stop(Stopped(5))
        assert link.data_to_send() == b"+" + frame(b"O4849") + frame(b"T05")
        assert link.state is State.STOPPED

    @pytest.mark.parametrize("request_", [b"c", b"c1000", b"s", b"C05", b"S05;1000", b"vCont;s:p1.1", b"bs", b"bc"])
    def test_what_resumes_is_known_from_the_table(self, request_: bytes) -> None:
        link = server()
        link.receive(frame(request_))
        assert link.running

    @pytest.mark.parametrize("request_", [b"vCont?", b"vCtrlC", b"?", b"qC", b"g", b"unheard", b""])
    def test_what_does_not_resume_is_known_from_the_table(self, request_: bytes) -> None:
        link = server()
        link.receive(frame(request_))
        assert not link.running
        with pytest.raises(LocalProtocolError, match="stop reply does not answer"):
            link.stop(Stopped(5))

    def test_a_resume_can_be_refused(self) -> None:
        link = server()
        link.receive(frame(b"bs"))
        link.reply(b"E22")
        assert link.state is State.STOPPED

    def test_a_read_before_a_resume_is_answered_first(self) -> None:
        link = server()
        link.receive(frame(b"m0,1") + frame(b"c"))
        link.reply(b"00")
        assert link.running
        link.receive(b"\x03")
        link.stop(Stopped(2))
        assert link.data_to_send() == b"++$00#60" + frame(b"T02")

    def test_a_break_is_an_event_in_any_state(self) -> None:
        link = server()
        assert link.receive(b"\x03") == [Break()]
        link.receive(frame(b"c"))
        assert link.receive(b"\x03\x03") == [Break(), Break()]
        assert link.running
        link.console(b"")
        link.stop(Exited(0))
        assert link.state is State.ENDED
        assert link.receive(b"\x03") == [Break()]

    def test_a_request_while_the_guest_runs_is_the_clients_fault(self) -> None:
        link = server()
        link.receive(frame(b"c"))
        (event,) = link.receive(frame(b"g"))
        assert event == BadFrame("the request 'g' came while the guest was running", None)
        assert link.running

    def test_kill_gets_no_answer(self) -> None:
        link = server()
        assert link.receive(frame(b"k")) == [Request(b"k")]
        assert not link.outstanding

    def test_a_damaged_request_is_asked_for_again(self) -> None:
        link = server()
        for _ in range(2 * RESENDS):
            assert [it.token for it in link.receive(b"$g#00") if isinstance(it, BadFrame)] == [None]
            assert link.data_to_send() == b"-"
        assert link.receive(b"$g#67") == [Request(b"g")]

    def test_an_answer_is_sent_again_when_asked_for(self) -> None:
        link = server()
        link.receive(frame(b"g"))
        link.reply(b"00")
        link.data_to_send()
        assert link.receive(b"-") == []
        assert link.data_to_send() == b"$00#60"
        assert link.receive(b"+-") == [BadFrame("a packet was asked for again that had arrived", None)]

    def test_not_for_ever(self) -> None:
        link = server()
        link.receive(frame(b"g"))
        link.reply(b"00")
        assert [it for it in link.receive(b"-" * (RESENDS + 1)) if isinstance(it, Lost)]

    def test_no_ack_mode_begins_behind_its_answer(self) -> None:
        link = server()
        link.receive(frame(b"QStartNoAckMode"))
        link.reply(b"OK")
        assert link.data_to_send() == b"+$OK#9a"
        assert link.receive(b"+$g#00") == [Request(b"g")]
        link.reply(b"00")
        assert link.data_to_send() == b"$00#60"
        assert len(link.receive(b"$a*\x01}#00$}#7d")) == 2
        assert link.data_to_send() == b""

    def test_the_client_may_leave(self) -> None:
        link = server()
        link.receive(frame(b"c"))
        assert link.receive(b"") == [Lost("The client left.", (1,))]


def test_each_role_is_forbidden_the_verbs_of_the_other() -> None:
    link = server()
    link.receive(frame(b"c"))
    for refused in (link.interrupt, link.resynchronise, lambda: link.send(b"g"), lambda: link.send_file_reply(b"F0")):
        with pytest.raises(LocalProtocolError, match="The server's link can't"):
            refused()
    client = Link(Role.CLIENT)
    client.send(b"qC")
    for refused in (lambda: client.reply(b""), lambda: client.console(b"")):
        with pytest.raises(LocalProtocolError, match="The client's link can't"):
            refused()


class Pair:
    """A client and a server joined by a string; each `exchange` carries all bytes there and back."""

    def __init__(self, *, pipelined: bool) -> None:
        self.client = Link(Role.CLIENT, pipelined=pipelined)
        self.server = Link(Role.SERVER)

    def to_server(self) -> list[Event]:
        data = self.client.data_to_send()
        return self.server.receive(data) if data else []

    def to_client(self) -> list[Event]:
        data = self.server.data_to_send()
        return self.client.receive(data) if data else []


@pytest.mark.parametrize("pipelined", [False, True])
def test_a_session_from_hello_to_goodbye(pipelined: bool) -> None:
    pair = Pair(pipelined=pipelined)
    hello = pair.client.send(b"qSupported:swbreak+")
    assert pair.to_server() == [Request(b"qSupported:swbreak+")]
    pair.server.reply(b"PacketSize=1000;QStartNoAckMode+")
    assert pair.to_client() == [Reply(hello, b"PacketSize=1000;QStartNoAckMode+", None)]

    quiet = pair.client.send(b"QStartNoAckMode")
    assert pair.to_server() == [Request(b"QStartNoAckMode")]
    pair.server.reply(b"OK")
    assert pair.to_client() == [Reply(quiet, b"OK", None)]
    assert pair.to_server() == []
    assert not pair.client.acknowledging
    assert not pair.server.acknowledging

    why = pair.client.send(b"qRcmd,776879", Expect.MONITOR)
    assert pair.to_server() == [Request(b"qRcmd,776879")]
    pair.server.console(b"because ")
    pair.server.console(b"$#}*")
    pair.server.reply(b"OK")
    assert pair.to_client() == [Reply(why, b"OK", b"because $#}*")]

    go = pair.client.send(b"vCont;c", Expect.STOP)
    assert pair.to_server() == [Request(b"vCont;c")]
    pair.server.console(b"boot")
    assert pair.to_client() == [GuestOutput(b"boot")]
    pair.client.interrupt()
    assert pair.to_server() == [Break()]
    pair.server.stop(Stopped(2))
    assert pair.to_client() == [StopReply(go, Stopped(2), b"T02")]

    end = pair.client.send(b"c", Expect.STOP)
    pair.to_server()
    pair.server.stop(Exited(3))
    assert pair.to_client() == [StopReply(end, Exited(3), b"W03")]


@given(st.lists(st.tuples(st.binary(max_size=40), st.binary(max_size=40)), max_size=8), st.booleans())
def test_every_payload_passes_the_string(turns: list[tuple[bytes, bytes]], pipelined: bool) -> None:
    """Any bytes make a request (a marked one, lest it be a packet of the table) and any bytes its answer."""
    pair = Pair(pipelined=pipelined)
    for ask, answer in turns:
        token = pair.client.send(b"qTest:" + ask)
        assert pair.to_server() == [Request(b"qTest:" + ask)]
        pair.server.reply(b"." + answer)
        assert pair.to_client() == [Reply(token, b"." + answer, None)]


@given(st.lists(st.binary(max_size=12) | st.sampled_from([b"g", b"c", b"k", b"vCont;s"]).map(frame), max_size=20))
def test_no_bytes_of_a_client_raise(parts: list[bytes]) -> None:
    link = server()
    for part in parts:
        for event in link.receive(part):
            if isinstance(event, Request) and link.outstanding:
                link.reply(b"")


def test_nothing_left_to_run_ends_a_resume() -> None:
    pair = Pair(pipelined=False)
    pair.client.send(b"qC")
    pair.to_server()
    pair.server.reply(b"QC1")
    pair.to_client()
    token = pair.client.send(b"c", Expect.STOP)
    pair.to_server()
    pair.server.stop(NoResumed())
    assert pair.to_client() == [StopReply(token, NoResumed(), b"N")]
