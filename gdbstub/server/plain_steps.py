"""The way of a client that steps and steps: its requests and the stub's answers, with nothing in between.

While it lasts the guest is the client's alone, and its reader rests. A request that is neither the same step again nor
about memory near by goes back to the reader, as does the wire where the client takes its time.
"""

from __future__ import annotations

import re

import trio

from gdbstub.debugger.plain_steps import Detour, Express
from gdbstub.protocol import format_stop, frame
from gdbstub.remote.connection import NonblockingIO
from gdbstub.server.session import ClientSession
from gdbstub.server.stop_replies import PlainStops
from gdbstub.sessions.participants import Tell

THINKING_MILLISECONDS = 10.0
"""How long a client may take to ask for the next thing; gdb takes a tenth of that."""
STEPS = 32
"""Steps after which other tasks get a turn: some 20 ms."""
_READ = re.compile(rb"\$m([0-9a-f]{1,16}),([0-9a-f]{1,4})#..\Z")


async def ride(session: ClientSession, others: bool, tell: Tell) -> None:
    """Go on from a plain step for as long as the client does nothing but step, with the guest locked."""
    express = session.debugger.express(others=others)
    wire = None if express is None else _lend(session)
    if express is None or wire is None:
        return
    rest, detour = b"", None
    try:
        rest, detour = await Lane(session, express, wire).run()
    finally:
        express.leave(detour)
        _take_back(session, rest, under_way=detour is not None)
    if detour is not None:
        await session.debugger.finish_step(detour, tell)


def _lend(session: ClientSession) -> NonblockingIO | None:
    """The client's stream until `_take_back`; None where there is more under way than steps."""
    link = session.link
    waits = session.participant.waits or link.outstanding or link.acknowledging or session.lines or session.leaving
    if waits or session.physical or not _alone(session):
        return None
    link.prepare({})
    return session.stream.lend()


def _take_back(session: ClientSession, rest: bytes, *, under_way: bool) -> None:
    """Go on, with what was read and not answered. ``under_way``: the step that was asked for last is not over."""
    newest = session.debugger.newest
    session.participant.seen = None if newest is None else newest.number
    if under_way:
        session.link.receive(session.stepped_with)
        session.participant.waits, session.participant.due = True, False
    session.stream.take_back(rest)


def _alone(session: ClientSession) -> bool:
    """Does nobody else want anything of the guest?"""
    shared = session.shared
    wanted = session.debugger.deferred.waiting or session.participant.interrupted or shared.lost is not None
    return len(shared.participants) == 1 and session.here and shared.light and not wanted


class Lane:
    """One such way, on the client's own ``wire``."""

    def __init__(self, session: ClientSession, express: Express, wire: NonblockingIO) -> None:
        self._wire = wire
        self._session = session
        self._express = express
        self._request = session.stepped_with
        self._answers: dict[bytes, bytes] = {}
        self._stops = PlainStops(session.features.thread(express.brief.cpu), session.expedited)

    async def run(self) -> tuple[bytes, Detour | None]:
        """What the client asked for that is not for the lane (nothing where it rests), and the step that is still to be
        taken care of."""
        session, express = self._session, self._express
        wire, send = self._wire, session.stream.send
        if format_stop(session.newest_stop()) != self._stops.payload(express.raw):
            return b"", None
        request, stops, answers, steps = self._request, self._stops, self._answers, 0
        while wire.wait(THINKING_MILLISECONDS):
            data = wire.receive()
            if not data:
                break  # it left, which the reader will hear
            if data == request:
                steps += 1
                if steps % STEPS == 0:
                    await trio.lowlevel.checkpoint()
                    if not _alone(session):
                        return data, None
                if (detour := express.step()) is not None:
                    return (b"", detour) if detour.begun else (data, None)
                answers.clear()
                whole = send(frame(stops.payload(express.raw)))
                express.settle()
            elif (answer := answers.get(data) or self._memory(data)) is not None:
                whole = send(answer)
            else:
                return data, None
            if not whole:
                break
        return b"", None

    def _memory(self, data: bytes) -> bytes | None:
        """The frame that answers a read near by; gdb asks for some things twice."""
        asked = _READ.match(data)
        digits = None if asked is None else self._express.memory(int(asked[1], 16), int(asked[2], 16))
        if digits is None:
            return None
        answer = self._answers[data] = frame(digits)
        return answer
