"""Questions to a stub and their answers, over a stream: one caller at a time.

Requests are queued by ``ask…`` and leave in one write when something is awaited; answers come in order. `interrupt`
alone may be called while another task waits. Every wait has a deadline except that for a running guest. When one
passes, the link is brought back in step with ``qC``, and breakpoints stay where they are (``?`` would wipe QEMU's).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import suppress

import trio

from gdbstub.errors import (
    CannotBreakIn,
    LocalProtocolError,
    NoReply,
    Refused,
    RemoteProtocolError,
    TransportError,
    Unsupported,
)
from gdbstub.protocol import messages
from gdbstub.protocol.events import BadFrame, Event, Reply, StopReply
from gdbstub.protocol.fields import shown
from gdbstub.protocol.framing import frame
from gdbstub.protocol.link import Expect
from gdbstub.protocol.stops import Stop
from gdbstub.remote.exchange import ExchangingStream
from gdbstub.remote.link_stream import GOODBYE_SECONDS, READ_SIZE, Token

GREETING_DEADLINE = 5.0
FAREWELL_SECONDS = 2.0
GRACE = 0.5
"""Of a deadline's seconds, the last ones are waited for anew: where this machine stood still, and not the stub, the
answer lies there."""


class Connection(ExchangingStream):
    """The wire side of one stub. Raises `TransportError`, `RemoteProtocolError` and `Refused` only."""

    def ask(self, payload: bytes, expects: Expect = Expect.REPLY) -> Token:
        """Queue a request for the next write. A stub that isn't pipelined must have answered the last one."""
        if self._lost is not None:
            raise TransportError(self._lost)
        return Token(self._link.send(payload, expects))

    def ask_monitor(self, command: str) -> Token:
        return self.ask(messages.monitor(command), Expect.MONITOR)

    async def data(self, token: Token, name: str) -> bytes:
        """The answer to ``token`` as hex digits. Raises `Unsupported` for an empty one, `Refused` for an error."""
        return accepted(await self._reply(token, name), name).payload

    async def text(self, token: Token, name: str) -> str:
        """A monitor command's output, line ends as ``\\n``."""
        reply = accepted(await self._reply(token, name), name)
        return (reply.output or b"").decode("utf-8", "replace").replace("\r\n", "\n")

    async def request(self, payload: bytes, name: str = "") -> bytes:
        """Ask and wait. Raises `Unsupported` for an empty answer, `Refused` for an error."""
        return await self.data(self.ask(payload), name or shown(payload))

    async def stop(self, token: Token, patience: float = 0.0) -> Stop:
        """How the guest stopped after the resume ``token``; waits as long as it runs. May be cancelled and called
        again. With ``patience`` (milliseconds) a stop that comes so soon is taken while nobody else gets a turn, but
        for one now and then."""
        if patience and token not in self._answers:
            await self.flush()
            await self._wait_briefly(token, patience)
        event = await self._event(token, "resume", math.inf)
        if isinstance(event, StopReply):
            return event.stop
        if isinstance(event, Reply):
            accepted(event, "the resume")
            raise RemoteProtocolError(f"The stub answered {shown(event.payload)} to a resume.")
        raise RemoteProtocolError("The stub's stop reply was damaged on the way.")

    def drop(self, tokens: Iterable[Token]) -> None:
        """Nobody waits for these answers any more."""
        for token in tokens:
            if self._answers.pop(token, None) is None:
                self._unwanted.add(token)

    async def interrupt(self) -> None:
        """Ask a running guest to stop (0x03, or the transport's own way). No-op when it doesn't run."""
        if not self._link.running or self._lost is not None:
            return
        if self._break_in is not None:
            await self._break_in()
            return
        if self.no_break:
            raise CannotBreakIn(self.no_break)
        try:
            self._link.interrupt()
        except LocalProtocolError:
            return  # one is on its way already
        await self.flush()

    async def watch_idle(self) -> None:
        """Read while nobody asks anything: notices that the stub goes away. Cancel before the next request."""
        if self.acks_late:
            await self.flush()
        while self._lost is None:
            await self._receive()
            if not self._link.pipelined:
                await self.flush()
        await self._lost_reason()

    async def _reply(self, token: Token, name: str) -> Reply:
        event = await self._event(token, name, self._deadline if self.greeted else GREETING_DEADLINE)
        if isinstance(event, Reply):
            return event
        reason = event.reason if isinstance(event, BadFrame) else "it sent a stop reply"
        raise RemoteProtocolError(f"The stub's answer to {name} was damaged: {reason}.")

    async def _event(self, token: Token, name: str, seconds: float) -> Event:
        await self.flush()
        answers = self._answers
        if token not in answers and not await self._spin(token):
            if seconds == math.inf:
                await self._read_until(token)
            else:
                for patience in (seconds - GRACE, GRACE):
                    with trio.move_on_after(patience) as scope:
                        await self._read_until(token)
                    if not scope.cancelled_caught:
                        break
                else:
                    await self._recover(name, seconds)
        return answers.pop(token)

    async def resynchronise(self) -> bool:
        """Give up every unanswered request, a resume too, and ask whether the stub still answers (``qC``)."""
        token = None
        with trio.move_on_after(self._deadline, shield=True):
            if self._link.running and not self.no_break:
                with suppress(LocalProtocolError):  # a 0x03 is on its way already
                    self._link.interrupt()
            token = Token(self._link.resynchronise(*self.probe))
            await self.flush()
            await self._read_until(token)
        return token is not None and self._answers.pop(token, None) is not None

    async def _recover(self, name: str, seconds: float) -> None:
        """The deadline passed: stop the guest if it runs, get back in step, and say so. Always raises."""
        if not self.greeted:
            await self._fail(f"It did not answer {name} within {seconds:g} seconds.")
        if not await self.resynchronise():
            await self._fail(f"The stub does not answer any more (last asked: {name}).")
        raise NoReply(f"The stub did not answer {name} within {seconds:g} seconds; breakpoints stay as they are.")

    async def settle_down(self) -> None:
        """After a task was cancelled: wait for the answers to what it had asked, so that the next request can be made.
        Raises `TransportError` where they do not come."""
        with trio.move_on_after(GOODBYE_SECONDS):
            while self._link.outstanding and not self._link.running and self._lost is None:
                await self._receive()
                await self.flush()
            return
        await self._fail("The stub does not answer any more.")

    async def part(self, farewell: bytes) -> bool:
        """Say the last word to a stub whose handshake is not over; whether it was acknowledged with OK. Nothing else is
        asked of this connection afterwards."""
        heard = b""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError), trio.move_on_after(FAREWELL_SECONDS):
            await self._stream.send_all(b"+" + frame(farewell))
            while b"$OK#9a" not in heard:
                data = await self._stream.receive_some(READ_SIZE)
                if not data:
                    return False
                heard = heard[-len(b"$OK#9a") :] + bytes(data)
        return b"$OK#9a" in heard


def accepted(reply: Reply, name: str) -> Reply:
    """``reply`` unless it is a refusal."""
    payload = reply.payload
    if not payload and not reply.output:
        raise Unsupported(name)
    if payload[:1] == b"E" and (len(payload) == 3 or payload[1:2] == b"."):
        raise Refused(name, payload[1:].decode("latin-1"))
    return reply
