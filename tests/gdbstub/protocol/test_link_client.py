"""The client's end of the link, against a peer that is written out byte by byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.errors import LocalProtocolError
from gdbstub.protocol.events import (
    BadFrame,
    Event,
    FileCall,
    GuestOutput,
    Lost,
    Notified,
    Reply,
    Stale,
    StopReply,
    UnsolicitedStop,
)
from gdbstub.protocol.fields import ThreadId
from gdbstub.protocol.framing import frame
from gdbstub.protocol.link import RESENDS, Expect, Link
from gdbstub.protocol.states import TRANSITIONS, Role, State, Step
from gdbstub.protocol.stops import Exited, FileRequest, Stopped, Terminated

STEPPED = Stopped(5, ThreadId(1, 1))
T05 = b"T05thread:p01.01;"


def fresh(*, pipelined: bool = False) -> Link:
    return Link(Role.CLIENT, pipelined=pipelined)


def connected(*, pipelined: bool = False) -> Link:
    """A link whose handshake is over and whose acknowledgments are paid."""
    link = fresh()
    link.send(b"qSupported")
    link.receive(b"+" + frame(b"PacketSize=1000"))
    link.data_to_send()
    link.pipelined = pipelined
    assert link.state is State.STOPPED
    return link


def resumed(*, pipelined: bool = False) -> tuple[Link, int]:
    link = connected(pipelined=pipelined)
    token = link.send(b"vCont;c", Expect.STOP)
    link.data_to_send()
    return link, token


def reasons(events: list[Event]) -> list[str]:
    return [event.reason for event in events if isinstance(event, BadFrame | Lost)]


class TestRequests:
    def test_a_request_gets_its_reply(self) -> None:
        link = connected()
        token = link.send(b"g")
        assert list(link.outstanding) == [token]
        assert link.data_to_send() == b"$g#67"
        assert link.data_to_send() == b""
        assert link.receive(b"+$00#60") == [Reply(token, b"00", None)]
        assert len(link.outstanding) == 0
        assert link.data_to_send() == b"+"

    def test_several_requests_get_their_replies_in_order(self) -> None:
        link = connected(pipelined=True)
        first, second = link.send(b"m0,1"), link.send(b"m1,1")
        assert link.data_to_send() == frame(b"m0,1") + frame(b"m1,1")
        assert link.receive(b"+$00#60+$0") == [Reply(first, b"00", None)]
        assert link.receive(b"1#61") == [Reply(second, b"01", None)]

    def test_a_stub_not_known_to_keep_requests_apart_gets_one_at_a_time(self) -> None:
        link = connected()
        link.send(b"g")
        with pytest.raises(LocalProtocolError, match="'g' was answered"):
            link.send(b"m0,1")

    def test_a_request_longer_than_the_stub_takes_is_refused(self) -> None:
        link = connected()
        link.packet_size = 8
        with pytest.raises(LocalProtocolError, match="limit of 8 bytes"):
            link.send(b"X0,1:###")
        link.send(b"X0,1:ab#"[:7])

    def test_an_empty_request_is_refused(self) -> None:
        with pytest.raises(LocalProtocolError, match="no empty request"):
            connected().send(b"")

    def test_an_unknown_packet_may_be_answered_with_anything(self) -> None:
        link = connected()
        token = link.send(b"qUnheardOf")
        assert link.receive(frame(b"T05")) == [Reply(token, b"T05", None)]

    def test_the_answer_to_why_is_a_reply(self) -> None:
        link = connected()
        token = link.send(b"?")
        assert link.receive(frame(T05)) == [Reply(token, T05, None)]

    def test_kill_has_no_answer(self) -> None:
        link = connected()
        link.send(b"k", Expect.NOTHING)
        assert link.data_to_send() == b"$k#6b"
        assert not link.outstanding
        assert link.receive(frame(b"W00")) == [UnsolicitedStop(Exited(0), b"W00")]
        assert link.state is State.ENDED


class TestMonitor:
    def test_output_is_collected_until_ok(self) -> None:
        link = connected()
        token = link.send(b"qRcmd,00", Expect.MONITOR)
        assert link.receive(b"+" + frame(b"O4849") + frame(b"O0d0a")) == []
        assert link.receive(frame(b"OK")) == [Reply(token, b"OK", b"HI\r\n")]

    @pytest.mark.parametrize("cut", [1, 7, 100])
    def test_a_long_answer_is_the_same_however_it_is_cut(self, cut: int) -> None:
        text = b"RAX=0000000000000000 RBX=0000000000000000\r\n" * 30
        wire = b"".join(frame(b"O" + text[at : at + 43].hex().encode()) for at in range(0, len(text), 43))
        link = connected(pipelined=True)
        token = link.send(b"qRcmd,00", Expect.MONITOR)
        after = link.send(b"g")
        wire += frame(b"OK") + b"+" + frame(b"00")
        events = [it for at in range(0, len(wire), cut) for it in link.receive(wire[at : at + cut])]
        assert events == [Reply(token, b"OK", text), Reply(after, b"00", None)]
        link.data_to_send()
        link.send(b"g")
        assert link.data_to_send() == b"+" * 32 + b"$g#67"

    def test_each_packet_of_an_answer_is_acknowledged(self) -> None:
        link = connected()
        link.send(b"qRcmd,00", Expect.MONITOR)
        link.data_to_send()
        link.receive(frame(b"O4849") * 3 + frame(b"OK"))
        assert link.data_to_send() == b"++++"

    def test_an_escaped_or_long_part_is_read_as_well(self) -> None:
        link = connected()
        token = link.send(b"qRcmd,00", Expect.MONITOR)
        long = b"61" * 300
        wire = b"$O6}\x11#13" + frame(b"O" + long) + frame(b"OK")
        assert link.receive(wire) == [Reply(token, b"OK", b"a" + b"a" * 300)]

    @pytest.mark.parametrize(
        ("last", "output"),
        [(b"E01", b"HI"), (b"E.no", b"HI"), (b"", b"HI"), (b"OK", b"HI"), (b"4a", b"HIJ")],
    )
    def test_the_answer_ends_with_any_other_packet(self, last: bytes, output: bytes) -> None:
        """gdbsx writes its text into that packet itself."""
        link = connected()
        token = link.send(b"qRcmd,00", Expect.MONITOR)
        assert link.receive(frame(b"O4849") + frame(last)) == [Reply(token, last, output)]

    def test_output_that_is_not_hex_loses_the_answer(self) -> None:
        link = connected()
        token = link.send(b"qRcmd,00", Expect.MONITOR)
        (event,) = link.receive(frame(b"O4z") + frame(b"OK"))
        assert isinstance(event, BadFrame)
        assert event.token == token


class TestResume:
    def test_a_stop_answers_a_resume(self) -> None:
        link, token = resumed()
        assert link.running
        assert link.receive(b"+" + frame(T05)) == [StopReply(token, STEPPED, T05)]
        assert not link.running

    @pytest.mark.parametrize(
        ("payload", "stop"), [(b"W00", Exited(0)), (b"X09", Terminated(9)), (b"W21;process:1", Exited(33, 1))]
    )
    def test_an_exit_answers_a_resume_and_ends_the_guest(self, payload: bytes, stop: Exited | Terminated) -> None:
        link, token = resumed()
        assert link.receive(frame(payload)) == [StopReply(token, stop, payload)]
        assert link.state is State.ENDED
        with pytest.raises(LocalProtocolError, match="while it is ended"):
            link.send(b"vCont;c", Expect.STOP)
        link.send(b"qC")

    @pytest.mark.parametrize("payload", [b"E22", b"", b"vCont;c", b"OK"])
    def test_any_other_answer_means_that_the_guest_did_not_run(self, payload: bytes) -> None:
        link, token = resumed()
        assert link.receive(frame(payload)) == [Reply(token, payload, None)]
        assert link.state is State.STOPPED

    def test_a_broken_stop_reply_still_means_a_stop(self) -> None:
        link, token = resumed()
        (event,) = link.receive(frame(b"T05thread:zz;"))
        assert isinstance(event, BadFrame)
        assert event.token == token
        assert link.state is State.STOPPED

    @pytest.mark.parametrize("expects", Expect)
    def test_nothing_is_sent_while_the_guest_runs(self, expects: Expect) -> None:
        link, _ = resumed(pipelined=True)
        with pytest.raises(LocalProtocolError, match="while it is running"):
            link.send(b"g", expects)
        assert link.data_to_send() == b""

    def test_only_a_break_is_sent_while_the_guest_runs(self) -> None:
        link, token = resumed(pipelined=True)
        link.interrupt()
        link.interrupt()
        assert link.data_to_send() == b"\x03\x03"
        assert link.state is State.INTERRUPTING
        assert link.receive(frame(b"T02thread:p01.01;")) == [
            StopReply(token, Stopped(2, ThreadId(1, 1)), b"T02thread:p01.01;")
        ]

    def test_a_stopped_guest_is_not_interrupted(self) -> None:
        with pytest.raises(LocalProtocolError, match="can't send 0x03 while it is stopped"):
            connected().interrupt()

    def test_a_resume_may_follow_reads_that_are_not_answered(self) -> None:
        link = connected(pipelined=True)
        read = link.send(b"m0,1")
        step = link.send(b"vCont;s", Expect.STOP)
        with pytest.raises(LocalProtocolError):
            link.send(b"g")
        assert link.data_to_send() == frame(b"m0,1") + frame(b"vCont;s")
        assert link.receive(b"+$00#60") == [Reply(read, b"00", None)]
        assert link.running
        assert link.data_to_send() == b""
        assert link.receive(b"+" + frame(T05)) == [StopReply(step, STEPPED, T05)]

    def test_the_console_speaks_while_the_guest_runs(self) -> None:
        link, token = resumed()
        assert link.receive(frame(b"O4849")) == [GuestOutput(b"HI")]
        assert reasons(link.receive(frame(b"O4")))
        assert link.running
        assert link.receive(frame(T05)) == [StopReply(token, STEPPED, T05)]

    def test_a_file_request_is_served_and_the_guest_runs_on(self) -> None:
        link, token = resumed()
        assert link.receive(frame(b"Fopen,1,2")) == [FileCall(FileRequest("open", ("1", "2")))]
        assert link.receive(frame(b"Fopen,1,2")) == [FileCall(FileRequest("open", ("1", "2")))]
        assert link.receive(frame(b"O4849")) == [GuestOutput(b"HI")]
        with pytest.raises(LocalProtocolError, match="while it is serving"):
            link.send(b"g")
        link.data_to_send()
        link.send_file_reply(b"F-1,270f")
        assert link.data_to_send() == b"" + frame(b"F-1,270f")
        assert link.receive(frame(T05)) == [StopReply(token, STEPPED, T05)]


class TestAcknowledgments:
    def test_they_leave_at_once_when_not_pipelined(self) -> None:
        link, _ = resumed()
        link.receive(frame(T05))
        assert link.data_to_send() == b"+"

    def test_they_leave_in_front_of_the_next_request_when_pipelined(self) -> None:
        link, _ = resumed(pipelined=True)
        link.receive(b"+" + frame(T05))
        assert link.data_to_send() == b""
        link.send(b"vCont;s", Expect.STOP)
        assert link.data_to_send() == b"+" + frame(b"vCont;s")

    def test_they_never_leave_while_the_guest_may_run(self) -> None:
        """A late ``+`` pauses QEMU, and QEMU 10 never says so."""
        link = connected(pipelined=True)
        for address in range(3):
            link.send(b"m%x,1" % address)
        link.send(b"vCont;s", Expect.STOP)
        link.data_to_send()
        link.receive((b"+" + frame(b"00")) * 3)
        assert link.data_to_send() == b""
        link.interrupt()
        assert link.data_to_send() == b"\x03"
        link.receive(frame(T05))
        assert link.data_to_send() == b""
        link.send(b"g")
        assert link.data_to_send() == b"++++$g#67"

    def test_no_ack_mode_ends_them_after_its_own_answer(self) -> None:
        for pipelined in (False, True):
            link = connected(pipelined=pipelined)
            link.send(b"QStartNoAckMode")
            link.data_to_send()
            link.receive(b"+" + frame(b"OK"))
            assert not link.acknowledging
            assert link.data_to_send() == b"+"
            token = link.send(b"g")
            assert link.data_to_send() == b"$g#67"
            assert link.receive(b"+$00#99") == [Reply(token, b"00", None)]
            assert link.data_to_send() == b""
            assert reasons(link.receive(b"-")) == ["a packet was asked for again that had arrived"]

    def test_a_stub_without_no_ack_mode_goes_on_as_before(self) -> None:
        link = connected()
        link.send(b"QStartNoAckMode")
        link.receive(frame(b""))
        assert link.acknowledging

    def test_a_notification_is_not_acknowledged(self) -> None:
        link = connected()
        assert link.receive(b"%Stop:T05#99") == [Notified(b"Stop:T05")]
        assert link.data_to_send() == b""


class TestNegativeAcknowledgments:
    def test_the_packet_is_sent_again(self) -> None:
        link = connected()
        token = link.send(b"g")
        link.data_to_send()
        assert link.receive(b"-") == []
        assert link.data_to_send() == b"$g#67"
        assert link.receive(b"+$00#60") == [Reply(token, b"00", None)]

    def test_not_for_ever(self) -> None:
        link = connected()
        token = link.send(b"g")
        assert link.receive(b"-" * RESENDS) == []
        (event,) = link.receive(b"-$00#60")
        assert event == Lost("The peer asked 4 times for the same packet.", (token,))
        assert link.state is State.CLOSED
        assert link.data_to_send() == b""

    def test_the_last_of_several_is_sent_again_once_the_others_are_acknowledged(self) -> None:
        link = connected(pipelined=True)
        link.send(b"m0,1")
        link.send(b"m1,1")
        link.data_to_send()
        assert link.receive(b"+-") == []
        assert link.data_to_send() == frame(b"m1,1")

    def test_which_of_several_was_meant_is_not_guessed(self) -> None:
        link = connected(pipelined=True)
        tokens = link.send(b"m0,1"), link.send(b"m1,1")
        assert [event for event in link.receive(b"-") if isinstance(event, Lost) and event.tokens == tokens]

    def test_an_answer_acknowledges_its_request(self) -> None:
        link = connected()
        link.send(b"g")
        link.receive(b"$00#60")
        assert reasons(link.receive(b"-")) == ["a packet was asked for again that had arrived"]


class TestDamage:
    BAD = b"$00#61"

    def test_a_damaged_reply_is_asked_for_again(self) -> None:
        link = connected()
        token = link.send(b"g")
        link.data_to_send()
        assert reasons(link.receive(b"+" + self.BAD)) == ["a packet says checksum 61 and has 60"]
        assert link.data_to_send() == b"-"
        assert link.receive(b"$00#60") == [Reply(token, b"00", None)]

    def test_not_for_ever(self) -> None:
        link = connected()
        token = link.send(b"g")
        events = link.receive(self.BAD * (RESENDS + 1))
        assert [event.token for event in events if isinstance(event, BadFrame)] == [None] * RESENDS + [token]
        assert not link.outstanding

    def test_a_pipelined_reply_is_lost_and_those_behind_it_keep_their_requests(self) -> None:
        link = connected(pipelined=True)
        first, second = link.send(b"m0,1"), link.send(b"m1,1")
        link.data_to_send()
        bad, good = link.receive(b"+" + self.BAD + b"+$01#61")
        assert isinstance(bad, BadFrame)
        assert bad.token == first
        assert good == Reply(second, b"01", None)
        assert link.data_to_send() == b""

    def test_a_monitor_answer_with_a_hole_is_lost_as_a_whole(self) -> None:
        link = connected(pipelined=True)
        token = link.send(b"qRcmd,00", Expect.MONITOR)
        (event,) = link.receive(frame(b"O48") + b"$O49#00" + frame(b"O4a") + frame(b"OK"))
        assert isinstance(event, BadFrame)
        assert event.token == token

    def test_a_damaged_stop_reply_leaves_the_guest_running_as_far_as_we_know(self) -> None:
        link, _ = resumed(pipelined=True)
        assert reasons(link.receive(b"$T05#00"))
        assert link.running

    @pytest.mark.parametrize("garbage", [b"junk", b"$OK#00", b"\x03"])
    def test_garbage_without_a_request_is_reported(self, garbage: bytes) -> None:
        for pipelined in (False, True):
            assert len(reasons(connected(pipelined=pipelined).receive(garbage))) == 1

    def test_an_answer_to_nothing_is_reported(self) -> None:
        assert reasons(connected().receive(frame(b"00"))) == ["the stub answered '00' to nothing"]
        assert reasons(connected().receive(frame(b"T05thread:zz;")))


class TestDraining:
    T02 = b"T02thread:p01.01;"
    STALE = UnsolicitedStop(Stopped(2, ThreadId(1, 1)), T02)

    def test_the_stop_owed_to_a_previous_client_is_not_the_answer(self) -> None:
        """QEMU sends it to who connects next, before or after the first request has arrived."""
        link = fresh()
        assert link.receive(frame(self.T02)) == [self.STALE]
        token = link.send(b"qSupported")
        assert link.receive(frame(self.T02)) == [self.STALE]
        assert link.outstanding == (token,)
        assert link.receive(frame(b"PacketSize=1000")) == [Reply(token, b"PacketSize=1000", None)]
        assert link.state is State.STOPPED

    def test_an_empty_answer_ends_it_too(self) -> None:
        link = fresh()
        token = link.send(b"qSupported")
        assert link.receive(frame(b"")) == [Reply(token, b"", None)]
        assert link.state is State.STOPPED

    def test_output_of_before_is_output(self) -> None:
        link = fresh()
        assert link.receive(frame(b"O4849")) == [GuestOutput(b"HI")]

    def test_a_stop_is_not_the_answer_later_either(self) -> None:
        link = connected()
        token = link.send(b"m0,1")
        assert link.receive(frame(self.T02)) == [self.STALE]
        assert link.receive(frame(b"00")) == [Reply(token, b"00", None)]

    def test_nor_is_it_the_answer_to_the_resume_behind_a_read(self) -> None:
        link = connected(pipelined=True)
        link.send(b"m0,1")
        token = link.send(b"vCont;s", Expect.STOP)
        assert link.receive(frame(self.T02)) == [self.STALE]
        assert link.running
        assert link.receive(frame(b"00") + frame(T05))[1:] == [StopReply(token, STEPPED, T05)]

    def test_nothing_is_resumed_before_the_handshake(self) -> None:
        with pytest.raises(LocalProtocolError, match="while it is draining"):
            fresh().send(b"vCont;c", Expect.STOP)


class TestResynchronise:
    def test_after_silence_the_probe_tells_which_answers_are_ours(self) -> None:
        link = connected(pipelined=True)
        link.send(b"qThreadExtraInfo,9")
        link.send(b"qRcmd,00", Expect.MONITOR)
        link.data_to_send()
        token = link.resynchronise()
        assert link.data_to_send() == b"$qC#b4"
        assert link.outstanding == (token,)
        late = frame(b"O4849") + frame(b"OK") + frame(b"T05") + b"$bad#00"
        events = link.receive(late)
        assert events[:2] == [Stale(b"O4849"), Stale(b"OK")]
        assert events[2] == UnsolicitedStop(Stopped(5), b"T05")
        assert isinstance(events[3], BadFrame)
        assert events[3].token is None
        assert link.receive(frame(b"QCp01.01")) == [Reply(token, b"QCp01.01", None)]
        assert link.state is State.STOPPED
        again = link.send(b"g")
        assert link.receive(frame(b"00")) == [Reply(again, b"00", None)]

    def test_a_guest_that_says_nothing_any_more_is_taken_for_stopped(self) -> None:
        link, _ = resumed(pipelined=True)
        link.interrupt()
        link.data_to_send()
        token = link.resynchronise(b"qfThreadInfo", b"m")
        assert link.receive(b"+" + frame(b"T02") + frame(b"m0,1l"))[1:] == [Reply(token, b"m0,1l", None)]
        assert link.state is State.STOPPED

    def test_a_damaged_answer_does_not_end_it(self) -> None:
        link = connected(pipelined=True)
        token = link.resynchronise()
        assert [it.token for it in link.receive(b"$QC1#00") if isinstance(it, BadFrame)] == [None]
        assert link.outstanding == (token,)

    def test_an_ended_guest_is_beyond_it(self) -> None:
        link, _ = resumed()
        link.receive(frame(b"W00"))
        with pytest.raises(LocalProtocolError):
            link.resynchronise()


def test_the_end_of_the_stream_is_data() -> None:
    link, token = resumed()
    assert link.receive(b"") == [Lost("The stub closed the connection.", (token,))]
    assert link.receive(b"") == []
    assert link.receive(frame(T05)) == []
    with pytest.raises(LocalProtocolError, match="while it is closed"):
        link.send(b"g")


MOVES = {
    Step.SEND_REQUEST: lambda link: link.send(b"g"),
    Step.SEND_RESUME: lambda link: link.send(b"c", Expect.STOP),
    Step.SEND_LAST: lambda link: link.send(b"k", Expect.NOTHING),
    Step.SEND_BREAK: lambda link: link.interrupt(),
    Step.SEND_FILE_REPLY: lambda link: link.send_file_reply(b"F0"),
    Step.RESYNCHRONISE: lambda link: link.resynchronise(),
}
WIRE = st.one_of(
    st.sampled_from(
        [b"OK", b"", b"00", b"E01", T05, b"T05thread:zz;", b"W00", b"X09", b"N", b"O4849", b"O4", b"Fopen,1", b"QC1"]
    ).map(frame),
    st.sampled_from([b"+", b"-", b"\x03", b"$OK#00", b"$O48#00", b"junk", b"%Stop:T05#99", b"$T05", b"$X*#"]),
    st.binary(min_size=1, max_size=8),
)


@given(st.booleans(), st.lists(st.one_of(WIRE, st.sampled_from(list(MOVES))), max_size=40))
def test_whatever_comes_nothing_is_raised_and_the_table_is_kept(pipelined: bool, story: list[bytes | Step]) -> None:
    """Our own moves succeed just when the table has them; the peer's bytes never raise."""
    link = fresh(pipelined=pipelined)
    for part in story:
        if isinstance(part, bytes):
            link.receive(part)
        elif part in TRANSITIONS[Role.CLIENT][link.state] and (pipelined or not link.outstanding):
            MOVES[part](link)
            if link.running:
                assert not link.data_to_send().endswith(b"+")
        elif part not in TRANSITIONS[Role.CLIENT][link.state]:
            with pytest.raises(LocalProtocolError):
                MOVES[part](link)
        if pipelined and link.running:
            assert b"+" not in link.data_to_send().rpartition(b"#")[2]


@given(st.lists(WIRE, max_size=30))
def test_how_the_bytes_are_cut_changes_nothing(parts: list[bytes]) -> None:
    def story(cut: int) -> tuple[list[Event], State, bytes]:
        link = connected(pipelined=True)
        link.send(b"qRcmd,00", Expect.MONITOR)
        link.send(b"g")
        link.send(b"c", Expect.STOP)
        data = b"".join(parts)
        events = [it for at in range(0, len(data), cut) for it in link.receive(data[at : at + cut])]
        kept: list[Event] = [it for it in events if not isinstance(it, BadFrame)]
        return kept, link.state, link.data_to_send()

    assert story(1) == story(10_000)
