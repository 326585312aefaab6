"""The client's side of a link: requests out; replies, stops and output in."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from gdbstub.errors import LocalProtocolError, RemoteProtocolError
from gdbstub.protocol.events import (
    BadFrame,
    Event,
    FileCall,
    GuestOutput,
    Reply,
    Stale,
    StopReply,
    UnsolicitedStop,
)
from gdbstub.protocol.fields import decode_hex, shown
from gdbstub.protocol.framing import ACK, BREAK, NACK, Malformed, encode_binary, frame, whole_packets
from gdbstub.protocol.packets import PacketForm, find_packet
from gdbstub.protocol.states import State, Step
from gdbstub.protocol.stops import Exited, FileRequest, NoResumed, Stop, Terminated, parse_stop
from gdbstub.protocol.wire import RESENDS, Expect, LinkEnd, Pending

MOST_OUTPUT = 1 << 14
"""Packets of one monitor command's output: some 8 MiB from QEMU, which sends half a KiB in each."""
_STOP = re.compile(rb"[TS][0-9a-fA-F]{2}|[WX][0-9a-fA-F]+(?:;|\Z)|N\Z")
_STOP_LETTERS = frozenset((b"T", b"S", b"W", b"X", b"N"))
_SPECIAL = _STOP_LETTERS | {b"O", b"F"}
_ERROR = re.compile(rb"E(?:[0-9a-fA-F]{2}\Z|\.)")

_SENDING: Final = {
    Expect.REPLY: Step.SEND_REQUEST,
    Expect.MONITOR: Step.SEND_REQUEST,
    Expect.STOP: Step.SEND_RESUME,
    Expect.NOTHING: Step.SEND_LAST,
}


class ClientSide(LinkEnd):
    """What a client does with a link."""

    def send(self, payload: bytes, expects: Expect = Expect.REPLY) -> int:
        """Queue a request and return its token, which its answer will carry.

        Refused while the guest runs, while a request is unanswered unless pipelined, before the handshake's
        first answer for what resumes, and for a payload that is empty or longer than ``packet_size``.
        """
        state = self._next(_SENDING[expects])
        if not payload:
            raise LocalProtocolError("There is no empty request; gdbsx would end at one.")
        if self._pending and not self.pipelined:
            waiting = shown(self._pending[0].payload)
            raise LocalProtocolError(f"The request {shown(payload)} was made before {waiting} was answered.")
        most = self.packet_size
        if most is not None and 2 * len(payload) > most and len(encode_binary(payload)) > most:
            raise LocalProtocolError(
                f"The request {shown(payload)} is longer than the stub's limit of {self.packet_size} bytes."
            )
        self._state = state
        return self._queue_request(payload, expects)

    def begin_exchange(self, requests: tuple[bytes, ...]) -> bytes:
        """The bytes that ask ``requests`` (payloads) at once, to be written by the caller; `exchanged` or
        `came_otherwise` follows. Empty where the link is not `at_rest`."""
        if not self.at_rest or (len(requests) > 1 and not self.pipelined):
            return b""
        acks: bytes = ACK.value * self._owed
        self._owed = 0
        return acks + _frames(requests)

    def exchanged(self, data: bytes, count: int, expects: Expect) -> tuple[bytes, ...] | None:
        """The payloads in ``data``, all that came since `begin_exchange`, where it is ``count`` whole, undamaged
        answers of the kind that such requests have; empty where more is to come, None for anything else."""
        whole = whole_packets(data)
        if whole is None or len(whole.payloads) < count:
            return None if data[-3:-2] == b"#" and whole is None else ()
        if len(whole.payloads) > count or not _as_expected(whole.payloads, expects):
            return None
        self._owed = count if self._acking else 0
        return whole.payloads

    def came_otherwise(self, requests: tuple[bytes, ...], expects: Expect, unsent: bytes) -> list[int]:
        """The tokens of ``requests``, which `begin_exchange` gave, all but the bytes ``unsent``: from now on they are
        requests like any other. What came since goes to `receive`."""
        tokens = [self.send(request, expects) for request in requests]
        self._out[:] = [unsent] if unsent else []
        return tokens

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
            self._pending.append(Pending(self._token, payload, expects))
        return self._token

    def _reply_damaged(self, bad: Malformed, events: list[Event]) -> None:
        """Ask for it again where that is safe; otherwise say that an answer is lost."""
        if self._acking and not self.pipelined and self._asked_again < RESENDS:
            self._asked_again += 1
            self._out.append(NACK.value)
            events.append(BadFrame(bad.reason, None))
        elif not self._pending or self._prefix or self._pending[0].expects is Expect.STOP:
            events.append(BadFrame(bad.reason, None))
        elif self._pending[0].expects is Expect.MONITOR and bad.raw[:1] == b"O" and bad.raw != b"OK":
            self._pending[0].damage = bad.reason
        else:
            self._move(Step.RECEIVE_REPLY)
            events.append(BadFrame(bad.reason, self._answered().token))

    def _take_reply(self, payload: bytes, events: list[Event]) -> None:
        pending = self._pending
        if not pending:
            self._take_unasked(payload, events)
            return
        head = pending[0]
        expects = head.expects
        if self._state is State.DRAINING and not self._ends_draining(payload, events):
            return
        if payload[:1] == b"O" and payload != b"OK":
            if expects is Expect.MONITOR:
                if len(head.output) < MOST_OUTPUT:
                    head.output.append(payload[1:])
                else:
                    head.damage = f"the output has more than {MOST_OUTPUT} packets"
            else:
                self._take_output(payload, events)
        elif expects is Expect.STOP:
            self._take_stop(head, payload, events)
        elif payload[:1] in _STOP_LETTERS and _STOP.match(payload) and not _may_answer_with_stop(head.payload):
            self._take_unasked(payload, events)
        else:
            self._move(Step.RECEIVE_REPLY)
            self._answered()
            events.append(self._finish(head, payload))

    def _ends_draining(self, payload: bytes, events: list[Event]) -> bool:
        """Whether ``payload`` is for us; if not, say what it is."""
        if not self._prefix or payload.startswith(self._prefix):
            return True
        if _STOP.match(payload):
            self._take_unasked(payload, events)
        else:
            events.append(Stale(payload))
        return False

    def _finish(self, head: Pending, payload: bytes) -> Event:
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

    def _take_stop(self, head: Pending, payload: bytes, events: list[Event]) -> None:
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

    def _answered(self) -> Pending:
        pending = self._pending.popleft()
        self._resent = self._asked_again = 0
        if self._unacked > len(self._pending):  # an answer acknowledges, too
            self._unacked = len(self._pending)
        return pending


@lru_cache(maxsize=512)
def _frames(payloads: tuple[bytes, ...]) -> bytes:
    return b"".join([frame(payload) for payload in payloads])


def _as_expected(payloads: tuple[bytes, ...], expects: Expect) -> bool:
    """Are they stop replies that end a resume, or replies of which none can be anything else?"""
    if expects is Expect.STOP:
        return all(payload[:1] in (b"T", b"S") and _STOP.match(payload) for payload in payloads)
    return _SPECIAL.isdisjoint([payload[:1] for payload in payloads])


def _step_of(stop: Stop) -> Step:
    return Step.RECEIVE_END if isinstance(stop, Exited | Terminated | NoResumed) else Step.RECEIVE_STOP


def _may_answer_with_stop(request: bytes) -> bool:
    """Whether a stop reply can be the answer to ``request``. Of packets that we don't know, it can."""
    row = find_packet(request)
    return row is None or row.shape is PacketForm.STOP


def _monitor_reply(head: Pending, payload: bytes) -> Event:
    """Join the output; gdbsx puts it into the answer itself, as hex."""
    text = b"".join(head.output)
    if payload not in (b"", b"OK") and not _ERROR.match(payload):
        text += payload
    try:
        return Reply(head.token, payload, decode_hex(text))
    except RemoteProtocolError as error:
        return BadFrame(str(error), head.token)
