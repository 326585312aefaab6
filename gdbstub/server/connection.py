"""A client's connection, from its first byte to its last: requests are answered in order, one at a time."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache

import trio
from trio.abc import Stream

from gdbstub.errors import BadField, GdbError, RemoteProtocolError
from gdbstub.protocol import (
    Break,
    Event,
    Lost,
    PacketForm,
    Request,
    ThreadId,
    find_packet,
    frame,
    server_messages,
    whole_packets,
)
from gdbstub.remote.nonblocking_io import NonblockingIO
from gdbstub.server.access_policy import Policy
from gdbstub.server.client_features import PACKET_SIZE
from gdbstub.server.client_stream import TURNS, ClientStream
from gdbstub.server.handlers.table import ANSWERED_WITH_BYTES, HANDLERS, OF_PROCESSES, RESUMERS
from gdbstub.server.register_file import RegisterFile
from gdbstub.server.repeated_steps import RepeatedStep
from gdbstub.server.session import ClientSession, Words
from gdbstub.sessions.shared_guest import SharedGuest

LONGEST_READ = 32
"""Bytes of a framed ``m``."""
ASKED_OF_ANY = (b"q", b"Q")
"""With what begins a request that is the stub's where dr6 does not know it."""
ASKED_OF_PROCESSES = (*ASKED_OF_ANY, b"j", b"_")
"""The same of a process: lldb's queries in JSON, and its memory (``_M``)."""
COMPRESSED_FROM = 1024
"""Hex digits in an answer, from which on its runs are looked for."""


class ClientConnection:
    """Reads, dispatches to the handlers, and writes; also the `StreamOwner`."""

    def __init__(
        self,
        stream: Stream,
        shared: SharedGuest,
        registers: RegisterFile,
        policy: Policy,
        words: Words,
        *,
        name: str = "client",
        shortcut: NonblockingIO | None = None,
    ) -> None:
        self._stream = ClientStream(stream, shortcut, self)
        self._shared = shared
        self.session = ClientSession(self._stream, shared, registers, policy, words, name)
        self.ending = ""
        """Why the client was sent away, if it was."""
        self._repeated = RepeatedStep(self.session)
        self._turns = 0
        self._asked = False
        """Did the client ask for something since its last silence?"""
        self._done = trio.CancelScope()

    def __str__(self) -> str:
        return f"{self.session.participant}"

    # -- the stream -------------------------------------------------------------------------------------------

    async def serve(self) -> None:
        """Answer until the client leaves, is sent away, or the stub is gone. Afterwards it has no breakpoint left."""
        try:
            with self._done:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._stream.write)
                    await self._read()
                    with trio.move_on_after(1):  # the last words
                        await self._stream.drain()
                    nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                await self._stream.aclose()
                with suppress(GdbError):
                    await self._shared.leave(self.session.participant)
            if self.session.detached:
                self._shared.let_go()

    async def _read(self) -> None:
        session = self.session
        while True:
            data = await self._next()
            if self._take_plainly(data):
                await self._pass()
                continue
            events = session.link.receive(data)
            if events and isinstance(events[-1], Lost):
                self._shared.rest(session.participant)
                return  # nobody is there to hear the answers to what came before it
            for event in events:
                await self._take(event)
                if session.leaving:
                    return
                await self._pass()
            session.flush()
            await self._stream.drain(PACKET_SIZE)

    async def _pass(self) -> None:
        """A request was answered: let other tasks have a turn now and then."""
        self._turns += 1
        if self._turns % TURNS == 0:
            await trio.lowlevel.checkpoint()

    def _take_plainly(self, data: bytes) -> bool:
        """What gdb asks at each step is answered with nothing in between. Was it that?"""
        if not self._stream.clear:
            return False
        if self._repeated.take(data):
            return True
        if (answer := self._kept(data)) is None:
            return False
        self._stream.send(answer)
        return True

    def _kept(self, data: bytes) -> bytes | None:
        """The frame that answers a read of what was read at this stop, for a third of what the handler costs: gdb asks
        for the same few bytes at each step, some of them twice."""
        session = self.session
        asked = _memory_request(data)
        if asked is None or session.physical or session.link.acknowledging or not session.link.at_rest:
            return None
        digits = None if self._shared.guest.busy else session.debugger.kept_digits(*asked)
        return None if digits is None else frame(digits)

    async def _next(self) -> bytes:
        """What the client says next; at once, where that holds nothing up."""
        if self._asked and not self.session.participant.waits and not self._shared.guest.busy:
            if data := self._stream.next_at_once():
                return data
            self._asked = False
        return await self._stream.next()

    # -- as `StreamOwner` ---------------------------------------------------------------------------------------

    def send_away(self, why: str) -> None:
        if not self.ending:
            self.ending = why
            self._shared.participants.tell_others(self.session.participant, f"{self} was sent away: {why}")
            self._done.cancel()

    def gone(self) -> None:
        self._done.cancel()

    def written(self) -> None:
        """Where the stub is lost, the last words are out."""
        if self._shared.lost is not None:
            self._done.cancel()

    # -- requests -----------------------------------------------------------------------------------------------

    async def _take(self, event: Event) -> None:
        if isinstance(event, Request):
            self._asked = True
            await self._answer(event.payload)
        elif isinstance(event, Break):
            await self._interrupt()
        # a bad frame: while the guest runs nothing but 0x03 is heard; damage was answered with a ``-``

    async def _interrupt(self) -> None:
        try:
            await self._shared.interrupt(self.session.participant)
        except GdbError as error:
            self.session.said(str(error))

    async def _answer(self, payload: bytes) -> None:
        session = self.session
        chosen = session.cpu
        suffixed = session.features.suffixes and payload[:1] in (b"g", b"G", b"p", b"P")
        if suffixed:
            payload = self._without_suffix(payload)
        row = find_packet(payload)
        try:
            if row is not None and row.prefix in RESUMERS:
                await RESUMERS[row.prefix](session, payload)
                self._repeated.remember(payload)
                session.flush()
                return
            reply = await self._reply(row.prefix if row is not None else b"", payload)
        except GdbError as found:
            error = found.of("client") if isinstance(found, BadField) else found  # `reach` has named the stub's
            reply = session.features.error(error, data=row is not None and row.prefix in ANSWERED_WITH_BYTES)
        finally:
            if suffixed:
                session.cpu = chosen
        if row is None or row.shape is not PacketForm.NOTHING:
            session.link.reply(reply, compress=payload[:1] == b"m" and len(reply) > COMPRESSED_FROM)
        session.flush()

    async def _reply(self, prefix: bytes, payload: bytes) -> bytes:
        session = self.session
        handler = OF_PROCESSES.get(prefix) if session.debugger.process else None
        handler = handler or HANDLERS.get(prefix)
        if handler is not None:
            return await handler(session, payload)
        if payload[:1] in (ASKED_OF_PROCESSES if session.debugger.process else ASKED_OF_ANY):
            return await session.reach(lambda: session.debugger.ask_stub(payload))
        return b""

    def _without_suffix(self, payload: bytes) -> bytes:
        """Take lldb's ``;thread:ID;`` off, and choose that thread for this one request."""
        body, found, thread = payload.partition(b";thread:")
        if found:
            with suppress(RemoteProtocolError):
                self.session.cpu = self.session.cpu_of(ThreadId.parse(thread.rstrip(b";")))
        return body


def _memory_request(data: bytes) -> tuple[int, int] | None:
    """What ``data`` reads, if it is one ``m`` and nothing else."""
    return _parse_memory_request(data) if len(data) <= LONGEST_READ else None


@lru_cache(maxsize=1024)
def _parse_memory_request(data: bytes) -> tuple[int, int] | None:
    whole = whole_packets(data)
    if whole is None or len(whole.payloads) != 1 or whole.payloads[0][:1] != b"m":
        return None
    with suppress(BadField):
        return server_messages.parse_range(whole.payloads[0])
    return None
