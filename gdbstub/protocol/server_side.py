"""The server's side of a link: requests in; replies, stops and console output out."""

from __future__ import annotations

from collections.abc import Iterable

from gdbstub.errors import LocalProtocolError
from gdbstub.protocol.events import BadFrame, Event, Request
from gdbstub.protocol.fields import encode_hex, shown
from gdbstub.protocol.framing import NACK, Malformed, frame_compressed
from gdbstub.protocol.packets import PacketForm, find_packet
from gdbstub.protocol.states import Step
from gdbstub.protocol.stops import Exited, Stop, Terminated, format_stop
from gdbstub.protocol.wire import Expect, LinkEnd, Pending


class ServerSide(LinkEnd):
    """What a server does with a link. Which request resumes is known from the packet table."""

    def reply(self, payload: bytes, *, compress: bool = False) -> None:
        """Answer the oldest request. For one that resumes, this is a refusal: the guest did not run. ``compress`` is
        for hex digits."""
        pending = self._owing()
        self._move(Step.SEND_REFUSAL if pending.expects is Expect.STOP else Step.SEND_REPLY)
        self._pending.popleft()
        self._queue_packet(payload, frame_compressed(payload) if compress else None)
        if pending.payload == b"QStartNoAckMode" and payload == b"OK":
            self._stop_acknowledging()

    def stop(self, stop: Stop, expedited: Iterable[tuple[int, bytes]] = ()) -> None:
        """Answer the request that resumed the guest; ``expedited`` as in `format_stop`."""
        pending = self._owing()
        if pending.expects is not Expect.STOP:
            raise LocalProtocolError(f"A stop reply does not answer {shown(pending.payload)}.")
        self._move(Step.SEND_END if isinstance(stop, Exited | Terminated) else Step.SEND_STOP)
        self._pending.popleft()
        self._queue_packet(format_stop(stop, expedited))

    def console(self, text: bytes) -> None:
        """Send text to the client's console, while the guest runs or as part of a monitor's answer."""
        self._owing()
        self._move(Step.SEND_OUTPUT)
        self._queue_packet(b"O" + encode_hex(text))

    def _owing(self) -> Pending:
        if not self._pending:
            raise LocalProtocolError("There is no request to answer.")
        return self._pending[0]

    def _take_request(self, payload: bytes, events: list[Event]) -> None:
        row = find_packet(payload)
        step, expects = Step.RECEIVE_REQUEST, Expect.REPLY
        if row is not None and row.resumes:
            step, expects = Step.RECEIVE_RESUME, Expect.STOP
        elif row is not None and row.shape is PacketForm.NOTHING:
            step, expects = Step.RECEIVE_LAST, Expect.NOTHING
        if (state := self._table[self._state].get(step)) is None:
            events.append(BadFrame(f"the request {shown(payload)} came while the guest was {self._state.value}", None))
            return
        self._state = state
        if expects is not Expect.NOTHING:
            self._token += 1
            self._pending.append(Pending(self._token, payload, expects))
        events.append(Request(payload))

    def _request_damaged(self, bad: Malformed, events: list[Event]) -> None:
        if self._acking:
            self._out.append(NACK.value)
        events.append(BadFrame(bad.reason, None))
