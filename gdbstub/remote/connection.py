"""Questions to a stub and their answers, over a stream: one caller at a time.

Who waits for an answer reads the stream; nobody else does, so a trace costs no task switch. Requests are queued by
``ask…`` and leave in one write when something is awaited; answers come in order. `interrupt` alone may be called
while another task waits. Every wait has a deadline except that for a running guest. When one passes, the link is
brought back in step with ``qC``, and breakpoints stay where they are (``?`` would wipe QEMU's).
"""

from __future__ import annotations

import math
import os
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import NamedTuple, NewType, NoReturn, TypedDict

import trio
from trio.abc import Stream

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
from gdbstub.protocol.events import (
    BadFrame,
    Event,
    FileCall,
    GuestOutput,
    Lost,
    Reply,
    StopReply,
    UnsolicitedStop,
)
from gdbstub.protocol.fields import shown
from gdbstub.protocol.framing import frame
from gdbstub.protocol.link import Expect, Link
from gdbstub.protocol.states import Role
from gdbstub.protocol.stops import Stop

Token = NewType("Token", int)

READ_SIZE = 65536
DEADLINE = 10.0
"""Seconds that a stub may take for an answer; a loaded machine's QEMU takes milliseconds."""
GREETING_DEADLINE = 5.0
GOODBYE_SECONDS = 3.0
FAREWELL_SECONDS = 2.0
GRACE = 0.5
"""Of those, the last ones begin anew: where this machine stood still, and not the stub, the answer lies there."""
EXIT_REASON_SECONDS = 12.0
FIRST_BYTES = 64
TRIES = 24 if len(os.sched_getaffinity(0)) > 1 else 1
"""How often the shortcut is tried for an answer: some 40 µs, in which QEMU answers ``g`` on another core."""
TURNS = 32
"""Answers taken by the shortcut before other tasks get a turn: some 10 ms."""


class NonblockingIO(NamedTuple):
    """The stream's bytes without a turn through trio's scheduler, which costs more than a stub's answer takes.

    ``send`` writes what is taken at once and says how much that was; ``receive`` returns what is there, None for
    nothing; ``wait`` holds everything up until there is something, at most so many milliseconds, and says whether there
    is. All leave errors to the stream.
    """

    send: Callable[[bytes], int]
    receive: Callable[[], bytes | None]
    wait: Callable[[float], bool]


class Exchange(NamedTuple):
    """What `Connection.exchange` came to: all answers, or, where they did not come at once, the tokens of what was
    asked (none: it could not be asked so)."""

    answers: tuple[bytes, ...] = ()
    tokens: tuple[Token, ...] = ()


NOT_ASKED = Exchange()


class ConnectionOptions(TypedDict, total=False):
    """What a `Connection` is given beside its stream."""

    shortcut: NonblockingIO | None
    deadline: float
    on_output: Callable[[bytes], None]
    on_lost: Callable[[str], str]
    break_in: Callable[[], Awaitable[None]] | None
    exit_reason: Callable[[], Awaitable[str]] | None


class Connection:
    """The wire side of one stub. Raises `TransportError`, `RemoteProtocolError` and `Refused` only."""

    def __init__(
        self,
        stream: Stream,
        *,
        shortcut: NonblockingIO | None = None,
        deadline: float = DEADLINE,
        on_output: Callable[[bytes], None] = lambda text: None,
        on_lost: Callable[[str], str] = lambda why: why,
        break_in: Callable[[], Awaitable[None]] | None = None,
        exit_reason: Callable[[], Awaitable[str]] | None = None,
    ) -> None:
        """``break_in`` stops a running guest where 0x03 does not. ``last_words`` tells how the program behind died;
        ``on_lost`` hears of the end once, and gives the sentence for it that everybody gets."""
        self._stream = stream
        self._shortcut = shortcut
        self._spins = 0
        self._link = Link(Role.CLIENT)
        self._answers: dict[int, Event] = {}
        self._unwanted: set[int] = set()
        self._deadline = deadline
        self._on_output = on_output
        self._on_lost = on_lost
        self._break_in = break_in
        self._exit_reason = exit_reason
        self.first_bytes = b""
        """The first bytes that ever came."""
        self.probe = (b"qC", b"QC")
        """A request, and how its answer alone begins: what gets the link back in step."""
        self.no_break = ""
        """Why 0x03 does not stop a running guest, and what does; empty where it does."""
        self.acks_late = False
        """May the ack of an answer wait for the next request, and leave in one write with it?"""
        self.greeted = False
        """Is the handshake behind us? Before it, a missing answer is the end."""
        self.last_stop: Stop | None = None
        """The newest answer to a resume, whether anybody awaited it or not."""
        self._lost: str | None = None
        self._broken = ""
        self._sending = False
        self._reported = False
        self.unexpected_packets: list[str] = []
        """Stop replies and frames that answered nothing of ours, oldest first; for messages and tests."""

    # -- words on the wire ----------------------------------------------------------------------------------

    @property
    def pipelined(self) -> bool:
        """May several requests be under way? Set it for a stub that is known to keep them apart (QEMU)."""
        return self._link.pipelined

    @pipelined.setter
    def pipelined(self, value: bool) -> None:
        self._link.pipelined = value

    @property
    def running(self) -> bool:
        return self._link.running

    @property
    def lost(self) -> str | None:
        """Why there is no stub any more, or None."""
        return self._lost

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

    @property
    def may_exchange(self) -> bool:
        """Can anything be asked by `exchange` here?"""
        return self._shortcut is not None

    def exchange(self, requests: tuple[bytes, ...], milliseconds: float, expects: Expect = Expect.REPLY) -> Exchange:
        """Ask and take the answers while nobody else gets a turn: for what is answered within microseconds, thousands
        of times. Answers that are long in coming, damaged or out of the ordinary are left to whoever awaits the
        tokens."""
        link, shortcut = self._link, self._shortcut
        if shortcut is None or self._sending or self._lost is not None or not (data := link.begin_exchange(requests)):
            return NOT_ASKED
        sent = shortcut.send(data)
        came, count = b"", len(requests)
        while sent == len(data) and shortcut.wait(milliseconds):
            part = shortcut.receive()
            if not part:
                break  # the end of the stream, which is the stream's to tell
            came += part
            if answers := link.exchanged(came, count, expects):
                return Exchange(answers)
            if answers is None:
                break
        tokens = tuple([Token(token) for token in link.came_otherwise(requests, expects, data[sent:])])
        if came:
            self._digest(came)
        return Exchange((), tokens)

    def drop(self, tokens: Iterable[Token]) -> None:
        """Nobody waits for these answers any more."""
        for token in tokens:
            if self._answers.pop(token, None) is None:
                self._unwanted.add(token)

    async def flush(self) -> None:
        """Write what is queued, all of it even where the task is cancelled: the link counts it as sent. Where another
        task is writing already, it writes this too."""
        if self._sending or self._lost is not None:
            return
        self._sending = True
        try:
            while data := self._link.data_to_send():
                sent = self._shortcut.send(data) if self._shortcut is not None else 0
                if sent < len(data):
                    with trio.move_on_after(self._deadline, shield=True) as scope:
                        await self._stream.send_all(data[sent:])
                    if scope.cancelled_caught:
                        await self._fail("The stub does not read what it is sent.")
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._broken = _last_word(error)
            await self._fail("The stub closed the connection.")
        finally:
            self._sending = False

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

    async def aclose(self) -> None:
        await trio.aclose_forcefully(self._stream)

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

    async def _spin(self, token: Token) -> bool:
        """Take an answer that is there already, or comes at once. Other tasks get their turn all the same."""
        if self._shortcut is None or not self._link.pipelined:
            return False
        self._spins += 1
        if self._spins % TURNS == 0:
            await trio.lowlevel.checkpoint()
        receive = self._shortcut.receive
        for _ in range(TRIES):
            data = receive()
            if data:
                self._digest(data)
                if token in self._answers:
                    return True
            elif data is not None:
                return False
        return False

    async def _wait_briefly(self, token: Token, milliseconds: float) -> None:
        self._spins += 1
        if self._spins % TURNS == 0:
            await trio.lowlevel.checkpoint()
        shortcut = self._shortcut
        while shortcut is not None and token not in self._answers and shortcut.wait(milliseconds):
            data = shortcut.receive()
            if not data:
                return
            self._digest(data)

    async def _read_until(self, token: Token) -> None:
        while token not in self._answers:
            if self._lost is not None:
                raise TransportError(await self._lost_reason())
            await self._receive()
            if not self._link.pipelined and not (self.acks_late and token in self._answers):
                await self.flush()

    async def _receive(self) -> None:
        try:
            data = await self._stream.receive_some(READ_SIZE)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            data = b""
            self._broken = _last_word(error)
        self._digest(bytes(data))

    def _digest(self, data: bytes) -> None:
        if len(self.first_bytes) < FIRST_BYTES:
            self.first_bytes += data[: FIRST_BYTES - len(self.first_bytes)]
        for event in self._link.receive(data):
            if isinstance(event, StopReply):
                self.last_stop = event.stop
            if isinstance(event, Reply | StopReply):
                if event.token in self._unwanted:
                    self._unwanted.discard(event.token)
                else:
                    self._answers[event.token] = event
            else:
                self._take(event)

    def _take(self, event: Event) -> None:
        match event:
            case BadFrame(token=int() as token):
                self._answers[token] = event
            case BadFrame(reason=reason):
                self.unexpected_packets.append(reason)
            case GuestOutput(text=text):
                self._on_output(text)
            case UnsolicitedStop(raw=raw):
                self.unexpected_packets.append(raw.decode("latin-1"))
            case FileCall():
                self._link.send_file_reply(b"F-1,26")  # ENOSYS: gdb manual, "The F Reply Packet"
            case Lost(reason=reason):
                self._lost = reason
            case _:
                pass
        del self.unexpected_packets[:-100]

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

    async def lose(self, why: str) -> NoReturn:
        """There is nothing behind this stub any more. Raises `TransportError`, in better words than ``why`` if somebody
        has such."""
        await self._fail(why)

    async def wait_end(self) -> None:
        """Wait, for a moment, for a stub that closes the connection without a word; what it says is not looked at."""
        with trio.move_on_after(GOODBYE_SECONDS), suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while await self._stream.receive_some(READ_SIZE):
                pass

    async def _fail(self, why: str) -> NoReturn:
        self._lost = self._lost or why
        raise TransportError(await self._lost_reason())

    async def _lost_reason(self) -> str:
        """Why there is no stub any more, in the words of whoever knows most."""
        if not self._reported:
            self._reported = True
            words = ""
            with trio.move_on_after(EXIT_REASON_SECONDS, shield=True):  # whoever waits for the stub may wait no longer
                words = await self._exit_reason() if self._exit_reason is not None else ""
            self._lost = self._on_lost(words or self._broken or self._lost or "The stub closed the connection.")
        return self._lost or ""


def _last_word(error: Exception) -> str:
    """What a transport's own error says; nothing where it is trio's, which holds an errno and no sentence."""
    return "" if type(error) in (trio.BrokenResourceError, trio.ClosedResourceError) else str(error)


def accepted(reply: Reply, name: str) -> Reply:
    """``reply`` unless it is a refusal."""
    payload = reply.payload
    if not payload and not reply.output:
        raise Unsupported(name)
    if payload[:1] == b"E" and (len(payload) == 3 or payload[1:2] == b"."):
        raise Refused(name, payload[1:].decode("latin-1"))
    return reply
