"""The way of a client that steps and steps: its requests and the stub's answers, with nothing in between.

While it lasts the guest is the client's alone, and its reader rests. A request that is neither the same step again nor
about memory near by goes back to the reader, as does the wire where the client takes its time.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import trio

from gdbstub.debugger.plain_steps import Detour, Express
from gdbstub.protocol import format_stop, frame
from gdbstub.remote.connection import NonblockingIO
from gdbstub.server.stop_replies import PlainStops
from gdbstub.sessions.shared_guest import Tell

if TYPE_CHECKING:
    from gdbstub.server.session import Client

THINKING_MILLISECONDS = 10.0
"""How long a client may take to ask for the next thing; gdb takes a tenth of that."""
STEPS = 32
"""Steps after which other tasks get a turn: some 20 ms."""
_READ = re.compile(rb"\$m([0-9a-f]{1,16}),([0-9a-f]{1,4})#..\Z")


async def ride(client: Client, others: bool, tell: Tell) -> None:
    """Go on from a plain step for as long as the client does nothing but step, in the client's turn."""
    express = client.debugger.express(others=others)
    wire = None if express is None else client.lend_wire()
    if express is None or wire is None:
        return
    rest, detour = b"", None
    try:
        rest, detour = await Lane(client, express, wire).run()
    finally:
        express.leave(detour)
        client.take_wire_back(rest, under_way=detour is not None)
    if detour is not None:
        await client.debugger.finish_step(detour, tell)


class Lane:
    """One such way, on the client's own ``wire``."""

    def __init__(self, client: Client, express: Express, wire: NonblockingIO) -> None:
        self._wire = wire
        self._client = client
        self._express = express
        self._request = client.stepped_with
        self._answers: dict[bytes, bytes] = {}
        self._stops = PlainStops(client.manners.thread(express.brief.cpu), client.expedited)

    async def run(self) -> tuple[bytes, Detour | None]:
        """What the client asked for that is not for the lane (nothing where it rests), and the step that is still to be
        taken care of."""
        client, express = self._client, self._express
        wire, send = self._wire, client.wire.send
        if format_stop(client.newest_stop()) != self._stops.payload(express.raw):
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
                    if not client.alone:
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
