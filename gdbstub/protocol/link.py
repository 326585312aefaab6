"""One end of a remote protocol conversation, without the wire: requests and bytes in, bytes and events out.

What is legal when is `states.TRANSITIONS`; this file keeps the queue of unanswered requests and the
acknowledgments. A client link is *pipelined* or not:

* not pipelined (gdbsx, any stub not known better): one request at a time, each packet acknowledged at once.
* pipelined (QEMU): several requests may be on their way, a resume last. Acknowledgments are owed, and leave
  in front of the next request, never while the guest may run: a ``+`` that comes late pauses a QEMU guest
  for good. QEMU takes the ``$`` of a request for the acknowledgment of what it sent before.

A NACK is answered by sending the packet again when it is clear which one is meant, at most `RESENDS` times.
"""

from __future__ import annotations

import re
from collections import deque
from enum import Enum
from typing import Final

from gdbstub.errors import LocalProtocolError, RemoteProtocolError
from gdbstub.protocol.events import (
    BadFrame,
    Break,
    Event,
    FileCall,
    GuestOutput,
    Lost,
    Notified,
    Reply,
    Request,
    Stale,
    StopReply,
    UnsolicitedStop,
)
from gdbstub.protocol.fields import decode_hex, encode_hex, shown
from gdbstub.protocol.framing import (
    ACK,
    BREAK,
    MAX_FRAME,
    NACK,
    Frame,
    FrameReader,
    Malformed,
    Mark,
    Notification,
    Packet,
    encode_binary,
    frame,
)
from gdbstub.protocol.packets import Shape, find_packet
from gdbstub.protocol.states import INITIAL, TRANSITIONS, Role, State, Step
from gdbstub.protocol.stops import Exited, FileRequest, NoResumed, Stop, Terminated, format_stop, parse_stop

RESENDS: Final = 3
"""How often one packet is sent again, or asked for again, before the link is given up."""

_STOP = re.compile(rb"[TS][0-9a-fA-F]{2}|[WX][0-9a-fA-F]+(?:;|\Z)|N\Z")
_ERROR = re.compile(rb"E(?:[0-9a-fA-F]{2}\Z|\.)")
_RUNNING = frozenset({State.RUNNING, State.INTERRUPTING})


class Expect(Enum):
    """What is to come for a request."""

    REPLY = "one packet"
    MONITOR = "console output, then one packet"
    STOP = "a stop reply, when the guest has run"
    NOTHING = "nothing"


_SENDING: Final = {
    Expect.REPLY: Step.SEND_REQUEST,
    Expect.MONITOR: Step.SEND_REQUEST,
    Expect.STOP: Step.SEND_RESUME,
    Expect.NOTHING: Step.SEND_LAST,
}


class _Pending:
    """A request without its answer."""

    __slots__ = ("damage", "expects", "output", "payload", "token")

    def __init__(self, token: int, payload: bytes, expects: Expect) -> None:
        self.token = token
        self.payload = payload
        self.expects = expects
        self.output: list[bytes] = []
        self.damage: str | None = None


class Link:
    """One end of a conversation.

    ``pipelined`` may be set when the stub is known for one that keeps requests apart (QEMU), ``packet_size``
    when its PacketSize is known: a longer request is refused here, since QEMU drops it in silence.
    Methods raise `LocalProtocolError` for what the link forbids, and nothing for what the peer sent.
    """

    def __init__(self, role: Role, *, pipelined: bool = False, max_size: int = MAX_FRAME) -> None:
        self.role = role
        self.pipelined = pipelined
        self.packet_size: int | None = None
        self._table = TRANSITIONS[role]
        self._state = INITIAL[role]
        self._reader = FrameReader(max_size, run_lengths=role is Role.CLIENT)
        self._acking = True
        self._out: list[bytes] = []
        self._pending: deque[_Pending] = deque()
        self._token = 0
        self._owed = 0  # acknowledgments that we owe the peer
        self._unacked = 0  # packets of ours that the peer has not acknowledged
        self._last = b""
        self._resent = 0  # how often the last packet went out again
        self._asked_again = 0  # how often the peer was asked for the same packet
        self._prefix = b""  # draining: how the answer begins that ends it
        self._take = self._take_reply if role is Role.CLIENT else self._take_request

    @property
    def state(self) -> State:
        """Where the automaton is."""
        return self._state

    @property
    def running(self) -> bool:
        """Whether the guest runs, as far as the link can know."""
        return self._state in _RUNNING

    @property
    def acknowledging(self) -> bool:
        """Whether packets are acknowledged: until ``QStartNoAckMode`` is answered with OK."""
        return self._acking

    @property
    def outstanding(self) -> tuple[int, ...]:
        """The tokens of the requests without an answer (as a server: those that we owe one), oldest first."""
        return tuple(pending.token for pending in self._pending)

    def data_to_send(self) -> bytes:
        """All bytes that are to be written now; they are forgotten here."""
        out = self._out
        if len(out) == 1:
            return out.pop()
        data = b"".join(out)
        out.clear()
        return data

    # -- client ---------------------------------------------------------------------------------------------

    def send(self, payload: bytes, expects: Expect = Expect.REPLY) -> int:
        """Queue a request and return its token, which its answer will carry.

        Refused while the guest runs, while a request is unanswered unless pipelined, before the handshake's
        first answer for what resumes, and for a payload longer than ``packet_size``.
        """
        state = self._next(_SENDING[expects])
        if self._pending and not self.pipelined:
            waiting = shown(self._pending[0].payload)
            raise LocalProtocolError(f"The request {shown(payload)} was made before {waiting} was answered.")
        if self.packet_size is not None and len(encode_binary(payload)) > self.packet_size:
            raise LocalProtocolError(
                f"The request {shown(payload)} is longer than the stub's limit of {self.packet_size} bytes."
            )
        self._state = state
        return self._queue_request(payload, expects)

    def interrupt(self) -> None:
        """Queue 0x03: the only byte that may follow a resume. Legal only while the guest runs."""
        self._move(Step.SEND_BREAK)
        self._out.append(BREAK.value)

    def resynchronise(self, probe: bytes = b"qC", prefix: bytes = b"QC") -> int:
        """Give up all unanswered requests and ask ``probe``; its token is returned.

        For use when a deadline has passed (after an `interrupt`, if the guest was running). Until an answer
        that begins with ``prefix`` comes, others are reported as `Stale` or `UnsolicitedStop`.
        """
        self._move(Step.RESYNCHRONISE)
        self._pending.clear()
        self._prefix = prefix
        self._unacked = 0
        return self._queue_request(probe, Expect.REPLY)

    def send_file_reply(self, payload: bytes) -> None:
        """Answer a `FileCall` (``F-1,270f``: not possible). The guest runs on, under the same token."""
        self._move(Step.SEND_FILE_REPLY)
        self._pay_acks()
        self._queue_packet(payload)

    def _queue_request(self, payload: bytes, expects: Expect) -> int:
        self._token += 1
        if self._owed:
            self._pay_acks()
        self._queue_packet(payload)
        if expects is not Expect.NOTHING:
            self._pending.append(_Pending(self._token, payload, expects))
        return self._token

    # -- server ---------------------------------------------------------------------------------------------

    def reply(self, payload: bytes) -> None:
        """Answer the oldest request. For one that resumes, this is a refusal: the guest did not run."""
        pending = self._owing()
        self._move(Step.SEND_REFUSAL if pending.expects is Expect.STOP else Step.SEND_REPLY)
        self._pending.popleft()
        self._queue_packet(payload)
        if pending.payload == b"QStartNoAckMode" and payload == b"OK":
            self._stop_acknowledging()

    def stop(self, stop: Stop) -> None:
        """Answer the request that resumed the guest."""
        pending = self._owing()
        if pending.expects is not Expect.STOP:
            raise LocalProtocolError(f"A stop reply does not answer {shown(pending.payload)}.")
        self._move(Step.SEND_END if isinstance(stop, Exited | Terminated) else Step.SEND_STOP)
        self._pending.popleft()
        self._queue_packet(format_stop(stop))

    def console(self, text: bytes) -> None:
        """Send text to the client's console, while the guest runs or as part of a monitor's answer."""
        self._owing()
        self._move(Step.SEND_OUTPUT)
        self._queue_packet(b"O" + encode_hex(text))

    def _owing(self) -> _Pending:
        if not self._pending:
            raise LocalProtocolError("There is no request to answer.")
        return self._pending[0]

    # -- both -----------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> list[Event]:
        """What ``data`` brings; ``b""`` is the end of the stream. Call `data_to_send` afterwards."""
        events: list[Event] = []
        if self._state is State.CLOSED:
            return events
        if not data:
            self._lose("The stub closed the connection." if self.role is Role.CLIENT else "The client left.", events)
            return events
        reader, take = self._reader, self._take
        reader.feed(data)
        while True:
            if self._pending and self._pending[0].expects is Expect.MONITOR:
                self._take_console_run(self._pending[0])
            if (got := reader.next_frame()) is None:
                return events
            if type(got) is Packet:
                if self._acking:
                    self._owed += 1
                    if not self.pipelined:
                        self._pay_acks()
                take(got.payload, events)
            else:
                self._take_other(got, events)

    def _take_console_run(self, head: _Pending) -> None:
        """The many packets of a monitor's answer, in one go."""
        if self._prefix or not (texts := self._reader.console_run()):
            return
        head.output += texts
        if self._acking:
            self._owed += len(texts)
            if not self.pipelined:
                self._pay_acks()

    def _take_other(self, got: Frame, events: list[Event]) -> None:
        if isinstance(got, Mark):
            self._take_mark(got, events)
        elif isinstance(got, Notification):
            events.append(Notified(got.payload))
        elif isinstance(got, Malformed):
            self._take_malformed(got, events)

    def _take_mark(self, mark: Mark, events: list[Event]) -> None:
        if mark is ACK:
            self._resent = 0
            if self._unacked:
                self._unacked -= 1
        elif mark is NACK:
            self._take_nack(events)
        elif Step.RECEIVE_BREAK in self._table[self._state]:
            self._move(Step.RECEIVE_BREAK)
            events.append(Break())
        else:
            events.append(BadFrame("0x03 came from the stub", None))

    def _take_nack(self, events: list[Event]) -> None:
        if not self._acking or not self._unacked:
            events.append(BadFrame("a packet was asked for again that had arrived", None))
        elif self._unacked > 1 and self.role is Role.CLIENT:
            self._lose(
                "The stub did not understand one of several requests; their answers can't be told apart.",
                events,
            )
        elif self._resent >= RESENDS:
            self._lose(f"The peer asked {RESENDS + 1} times for the same packet.", events)
        else:
            self._resent += 1
            self._out.append(self._last)

    def _take_malformed(self, bad: Malformed, events: list[Event]) -> None:
        """Ask for a damaged packet again where that is safe; otherwise say that an answer is lost."""
        if not bad.packet:
            events.append(BadFrame(bad.reason, None))
        elif self.role is Role.SERVER or (self._acking and not self.pipelined and self._asked_again < RESENDS):
            if self._acking:
                self._out.append(NACK.value)
            self._asked_again += 1
            events.append(BadFrame(bad.reason, None))
        elif not self._pending or self._prefix or self._pending[0].expects is Expect.STOP:
            events.append(BadFrame(bad.reason, None))
        elif self._pending[0].expects is Expect.MONITOR and bad.raw[:1] == b"O" and bad.raw != b"OK":
            self._pending[0].damage = bad.reason
        else:
            self._move(Step.RECEIVE_REPLY)
            events.append(BadFrame(bad.reason, self._answered().token))

    def _take_request(self, payload: bytes, events: list[Event]) -> None:
        row = find_packet(payload)
        step, expects = Step.RECEIVE_REQUEST, Expect.REPLY
        if row is not None and row.resumes:
            step, expects = Step.RECEIVE_RESUME, Expect.STOP
        elif row is not None and row.shape is Shape.NOTHING:
            step, expects = Step.RECEIVE_LAST, Expect.NOTHING
        if step not in self._table[self._state]:
            events.append(BadFrame(f"the request {shown(payload)} came while the guest was {self._state.value}", None))
            return
        self._move(step)
        if expects is not Expect.NOTHING:
            self._token += 1
            self._pending.append(_Pending(self._token, payload, expects))
        events.append(Request(payload))

    def _take_reply(self, payload: bytes, events: list[Event]) -> None:
        pending = self._pending
        if not pending:
            self._take_unasked(payload, events)
            return
        head = pending[0]
        expects = head.expects
        if self._state is State.DRAINING and not self._ends_draining(head, payload, events):
            return
        if payload[:1] == b"O" and payload != b"OK":
            if expects is Expect.MONITOR:
                head.output.append(payload[1:])
            else:
                self._take_output(payload, events)
        elif expects is Expect.STOP:
            self._take_stop(head, payload, events)
        elif _STOP.match(payload) and not _may_answer_with_stop(head.payload):
            self._take_unasked(payload, events)
        else:
            self._move(Step.RECEIVE_REPLY)
            self._answered()
            events.append(self._finish(head, payload))

    def _ends_draining(self, head: _Pending, payload: bytes, events: list[Event]) -> bool:
        """Whether ``payload`` is for us; if not, say what it is."""
        if not self._prefix or payload.startswith(self._prefix):
            return True
        if _STOP.match(payload):
            self._take_unasked(payload, events)
        else:
            events.append(Stale(payload))
        return False

    def _finish(self, head: _Pending, payload: bytes) -> Event:
        self._prefix = b""
        if head.damage is not None:
            return BadFrame(head.damage, head.token)
        if head.expects is Expect.MONITOR:
            return _monitor_reply(head, payload)
        if payload == b"OK" and head.payload == b"QStartNoAckMode":
            if self._owed:
                self._pay_acks()
            self._stop_acknowledging()
        return Reply(head.token, payload, None)

    def _take_stop(self, head: _Pending, payload: bytes, events: list[Event]) -> None:
        """The answer to a resume: a stop, a file request, or anything else, which is a refusal."""
        try:
            stop = parse_stop(payload) if payload[:1] == b"F" or _STOP.match(payload) else None
        except RemoteProtocolError as error:
            self._move(Step.RECEIVE_STOP)
            events.append(BadFrame(str(error), self._answered().token))
            return
        if stop is None:
            self._move(Step.RECEIVE_REFUSAL)
            self._answered()
            events.append(Reply(head.token, payload, None))
        elif isinstance(stop, FileRequest):
            self._move(Step.RECEIVE_FILE_REQUEST)
            events.append(FileCall(stop))
        else:
            self._move(_step_of(stop))
            self._answered()
            events.append(StopReply(head.token, stop, payload))

    def _take_unasked(self, payload: bytes, events: list[Event]) -> None:
        if payload[:1] == b"O" and payload != b"OK":
            self._take_output(payload, events)
            return
        if not _STOP.match(payload):
            events.append(BadFrame(f"the stub answered {shown(payload)} to nothing", None))
            return
        try:
            stop = parse_stop(payload)
        except RemoteProtocolError as error:
            events.append(BadFrame(str(error), None))
            return
        if not self.running:  # a resume of ours is still on its way: this stop came before it
            self._move(_step_of(stop))
        events.append(UnsolicitedStop(stop, payload))

    def _take_output(self, payload: bytes, events: list[Event]) -> None:
        self._move(Step.RECEIVE_OUTPUT)
        try:
            events.append(GuestOutput(decode_hex(payload[1:])))
        except RemoteProtocolError as error:
            events.append(BadFrame(str(error), None))

    def _answered(self) -> _Pending:
        pending = self._pending.popleft()
        self._resent = self._asked_again = 0
        if self._unacked > len(self._pending):  # an answer acknowledges, too
            self._unacked = len(self._pending)
        return pending

    def _queue_packet(self, payload: bytes) -> None:
        self._last = frame(payload)
        self._out.append(self._last)
        if self._acking:
            self._unacked += 1

    def _pay_acks(self) -> None:
        self._out.append(ACK.value * self._owed)
        self._owed = 0

    def _stop_acknowledging(self) -> None:
        """No-ack mode begins: what is still on its way may be acknowledged, checksums are not looked at."""
        self._acking = False
        self._reader.verify = False
        self._unacked = 0

    def _lose(self, reason: str, events: list[Event]) -> None:
        self._move(Step.LOSE)
        events.append(Lost(reason, self.outstanding))
        self._pending.clear()
        self._out.clear()
        self._reader.clear()

    def _next(self, step: Step) -> State:
        try:
            return self._table[self._state][step]
        except KeyError:
            raise LocalProtocolError(
                f"The {self.role.value}'s link can't {step.value} while it is {self._state.value}."
            ) from None

    def _move(self, step: Step) -> None:
        self._state = self._next(step)


def _step_of(stop: Stop) -> Step:
    return Step.RECEIVE_END if isinstance(stop, Exited | Terminated | NoResumed) else Step.RECEIVE_STOP


def _may_answer_with_stop(request: bytes) -> bool:
    """Whether a stop reply can be the answer to ``request``. Of packets that we don't know, it can."""
    row = find_packet(request)
    return row is None or row.shape is Shape.STOP


def _monitor_reply(head: _Pending, payload: bytes) -> Event:
    """Join the output; gdbsx puts it into the answer itself, as hex."""
    text = b"".join(head.output)
    if payload not in (b"", b"OK") and not _ERROR.match(payload):
        text += payload
    try:
        return Reply(head.token, payload, decode_hex(text))
    except RemoteProtocolError as error:
        return BadFrame(str(error), head.token)
