"""A stub's stream and the link over it: what leaves, what comes, and why nothing comes any more.

Who waits for an answer reads the stream; nobody else does, so a trace costs no task switch.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NewType, NoReturn, TypedDict

import trio
from trio.abc import Stream

from gdbstub.errors import TransportError
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
from gdbstub.protocol.link import Link
from gdbstub.protocol.states import Role
from gdbstub.protocol.stops import Stop
from gdbstub.remote.nonblocking_io import NonblockingIO

Token = NewType("Token", int)

READ_SIZE = 65536
DEADLINE = 10.0
"""Seconds that a stub may take for an answer; a loaded machine's QEMU takes milliseconds."""
GOODBYE_SECONDS = 3.0
EXIT_REASON_SECONDS = 12.0
FIRST_BYTES = 64


class ConnectionOptions(TypedDict, total=False):
    """What a `LinkStream` is given beside its stream."""

    shortcut: NonblockingIO | None
    deadline: float
    on_output: Callable[[bytes], None]
    on_lost: Callable[[str], str]
    break_in: Callable[[], Awaitable[None]] | None
    exit_reason: Callable[[], Awaitable[str]] | None


class LinkStream:
    """Sends what is queued, takes what comes. Raises `TransportError` only."""

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
        """``break_in`` stops a running guest where 0x03 does not. ``exit_reason`` tells how the program behind died;
        ``on_lost`` hears of the end once, and gives the sentence for it that everybody gets."""
        self._stream = stream
        self._shortcut = shortcut
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

    async def lose(self, why: str) -> NoReturn:
        """There is nothing behind this stub any more. Raises `TransportError`, in better words than ``why`` if somebody
        has such."""
        await self._fail(why)

    async def wait_end(self) -> None:
        """Wait, for a moment, for a stub that closes the connection without a word; what it says is not looked at."""
        with trio.move_on_after(GOODBYE_SECONDS), suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while await self._stream.receive_some(READ_SIZE):
                pass

    async def aclose(self) -> None:
        await trio.aclose_forcefully(self._stream)

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
    if type(error) is trio.ClosedResourceError:
        return "The session is over: the connection to the stub was closed from here."
    return "" if type(error) is trio.BrokenResourceError else str(error)
