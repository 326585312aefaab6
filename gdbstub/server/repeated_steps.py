"""The step that a client asked for last, asked for again: taken and told of with nothing in between.

For who steps thousands of times, at half of what it costs through the handlers (docs/adr/0011-one-fast-road.md).
Whatever is not as it was at the step before goes the ordinary way.
"""

from __future__ import annotations

from gdbstub.debugger.record import StopSummary
from gdbstub.errors import GdbError
from gdbstub.protocol import format_stop, frame
from gdbstub.server.handlers.resume import repeatable
from gdbstub.server.session import ClientSession


class RepeatedStep:
    """Of one client. `remember` hears of each resume that went the ordinary way."""

    def __init__(self, session: ClientSession) -> None:
        self._session = session
        self._request = b""
        """The frame; empty where the last resume was no plain step."""
        self._others = False
        self._tail = b""

    def remember(self, payload: bytes) -> None:
        session, newest = self._session, self._session.debugger.newest
        request = repeatable(session, payload)
        self._request = b""
        if request is None or newest is None or not self._at_rest:
            return
        self._tail = b"thread:%b;" % session.features.thread(newest.cpu).format()
        if format_stop(session.newest_stop(), session.expedited(newest)) == self._reply(newest):
            self._request, self._others = frame(payload), request.others

    def take(self, data: bytes) -> bool:
        """Step, where ``data`` asks for just that. Was it so?"""
        session = self._session
        if data != self._request or not self._at_rest or session.lines:
            return False
        shared, me = session.shared, session.participant
        if not shared.may_step_alone(me):
            return False
        me.interrupted = False
        session.breakpoints.stepped_at_once()
        try:
            rest = session.debugger.step_at_once(self._tell, others=self._others)
        except GdbError as error:
            session.link.receive(data)
            shared.fail(me, error)
            return True
        if rest is not None:  # from here on it is a resume like any other
            session.link.receive(data)
            shared.finish(me, lambda tell: session.debugger.finish_step(rest, tell))
        return True

    @property
    def _at_rest(self) -> bool:
        link = self._session.link
        return link.at_rest and not link.acknowledging

    def _tell(self, stop: StopSummary) -> None:
        self._session.participant.seen, self._session.cpu = stop.number, None
        self._session.stream.send(frame(self._reply(stop)))

    def _reply(self, stop: StopSummary) -> bytes:
        """As `format_stop` has it for a plain step of the client's own."""
        pairs = [b"%02x:%b;" % pair for pair in self._session.expedited(stop)]
        return b"T05%b%b" % (b"".join(pairs), self._tail)
