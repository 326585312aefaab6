"""One client of the server: its stream, what it asks, and what it is told of.

Requests are answered in order, one at a time. What comes unasked (stops, lines about others) leaves at once where the
client waits for a stop, and otherwise with the next that it is sent: the protocol has no other place for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol, TypeVar

import trio
from trio.abc import Stream

from gdbstub.debugger.breakpoints import Breakpoint
from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.record import StopRecord, StopSummary
from gdbstub.errors import BadField, GdbError, RemoteProtocolError
from gdbstub.protocol import (
    Break,
    Event,
    Link,
    Lost,
    PacketForm,
    Request,
    Role,
    Stop,
    Stopped,
    ThreadId,
    decode_hex,
    find_packet,
    frame,
)
from gdbstub.remote.connection import NonblockingIO
from gdbstub.remote.target import LINE
from gdbstub.server.access_policy import Policy
from gdbstub.server.client_features import PACKET_SIZE, ClientFeatures, cpu_of
from gdbstub.server.handlers.breakpoints import ClientBreakpoints
from gdbstub.server.handlers.resume import Wish, run
from gdbstub.server.handlers.table import ANSWERED_WITH_BYTES, HANDLERS, RESUMERS
from gdbstub.server.register_file import RegisterFile, Write
from gdbstub.server.stop_replies import SIGINT, expedited, stop_reply
from gdbstub.server.stream_owner import TURNS, Wire
from gdbstub.sessions.shared_guest import SharedGuest
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.cpu_state import CpuState

T = TypeVar("T")
COMPRESSED_FROM = 1024
"""Hex digits in an answer, from which on its runs are looked for."""
PRINTED = 16384
"""Bytes of text in one packet, which takes two digits for each."""
MOST_LINES = 100
"""Lines that are kept for a client that can't be sent any now."""


class Words(Protocol):
    """What dr6 says to a client in words."""

    version: str

    def summary(self, record: StopRecord) -> str:
        """One line about a caught event; nothing in it needs cleaning any more."""

    async def command(self, line: str) -> str:
        """What a command of dr6 that only looks prints. Raises `GdbError`. For who has the turn."""

    def vectors(self, text: str) -> list[int]:
        """``db,gp``, as numbers. Raises `GdbError`."""


class Client:
    """A client from its first byte to its last; also its party's ear."""

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
        self.shared = shared
        self.debugger: Debugger = shared.debugger
        self.registers = registers
        self.policy = policy
        self.words = words
        self.manners = ClientFeatures()
        self.party = shared.join(name, self)
        self.points = ClientBreakpoints(self)
        self.cpu: int | None = None
        """The vCPU that ``Hg`` chose; None for the one that stopped last."""
        self.run_cpu: int | None = None
        self.physical = False
        self.ending = ""
        """Why the client was sent away, if it was."""
        self.wire = Wire(stream, shortcut, self)
        self.stepped_with = b""
        """The frame with which the client asked for the last run."""
        self._link = Link(Role.SERVER, max_size=PACKET_SIZE + 64)
        self.expedited = expedited(registers.layout)
        self._lines: deque[str] = deque(maxlen=MOST_LINES)
        self._leaving = False
        self._detached = False
        self._asked = False
        self._done = trio.CancelScope()

    # -- the stream -------------------------------------------------------------------------------------------

    async def serve(self) -> None:
        """Answer until the client leaves, is sent away, or the stub is gone. Afterwards it has no breakpoint left."""
        try:
            with self._done:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self.wire.write)
                    await self._read()
                    with trio.move_on_after(1):  # the last words
                        await self.wire.drain()
                    nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                await self.wire.aclose()
                with suppress(GdbError):
                    await self.shared.leave(self.party)
            if self._detached:
                self.shared.let_go()

    async def _read(self) -> None:
        turns = 0
        while True:
            data = await self._next()
            events = self._link.receive(data)
            if events and isinstance(events[-1], Lost):
                self.shared.rest(self.party)
                return  # nobody is there to hear the answers to what came before it
            for event in events:
                await self._take(event)
                if self._leaving:
                    return
                turns += 1
                if turns % TURNS == 0:
                    await trio.lowlevel.checkpoint()
            self._flush()
            await self.wire.drain(PACKET_SIZE)

    async def _next(self) -> bytes:
        """What the client says next; at once, where that holds nothing up."""
        if self._asked and not self.party.waits and not self.shared.busy:
            if data := self.wire.next_at_once():
                return data
            self._asked = False
        return await self.wire.next()

    # -- while it does nothing but step -------------------------------------------------------------------------

    def lend_wire(self) -> NonblockingIO | None:
        """The client's wire, for who has its turn, until `take_wire_back`; None where there is more under way than
        steps."""
        waits = self.party.waits or self._link.outstanding or self._link.acknowledging or self._lines or self._leaving
        if waits or self.physical or not self.alone:
            return None
        self._link.prepare({})
        return self.wire.lend()

    def take_wire_back(self, rest: bytes, *, under_way: bool) -> None:
        """Go on, with what was read and not answered. ``under_way``: the step that was asked for last is not over."""
        newest = self.debugger.newest
        self.party.seen = None if newest is None else newest.number
        if under_way:
            self._link.receive(self.stepped_with)
            self.party.waits, self.party.due = True, False
        self.wire.take_back(rest)

    @property
    def alone(self) -> bool:
        """Does nobody else want anything of the guest?"""
        shared = self.shared
        wanted = shared.debugger.deferred.waiting or self.party.broke_off or shared.lost is not None
        return len(shared.parties) == 1 and self.here and shared.light and not wanted

    # -- requests -----------------------------------------------------------------------------------------------

    async def _take(self, event: Event) -> None:
        if isinstance(event, Request):
            self._asked = True
            await self._answer(event.payload)
        elif isinstance(event, Break):
            await self._interrupt()
        # a bad frame: while the guest runs nothing but 0x03 is heard; damage was answered with a ``-``

    async def _answer(self, payload: bytes) -> None:
        chosen = self.cpu
        if self.manners.suffixes and payload[:1] in (b"g", b"G", b"p", b"P"):
            payload = self._without_suffix(payload)
        row = find_packet(payload)
        try:
            if row is not None and row.prefix in RESUMERS:
                self.stepped_with = frame(payload)
                await RESUMERS[row.prefix](self, payload)
                self._flush()
                return
            reply = await self._reply(row.prefix if row is not None else b"", payload)
        except GdbError as found:
            error = found.of("client") if isinstance(found, BadField) else found  # `reach` has named the stub's
            reply = self.manners.error(error, data=row is not None and row.prefix in ANSWERED_WITH_BYTES)
        finally:
            self.cpu = chosen if payload[:1] != b"H" else self.cpu
        if row is None or row.shape is not PacketForm.NOTHING:
            self._link.reply(reply, compress=payload[:1] == b"m" and len(reply) > COMPRESSED_FROM)
        self._flush()

    async def _reply(self, prefix: bytes, payload: bytes) -> bytes:
        handler = HANDLERS.get(prefix)
        if handler is not None:
            return await handler(self, payload)
        if payload[:1] in (b"q", b"Q"):
            return await self.reach(lambda: self.debugger.ask_stub(payload))
        return b""

    def _without_suffix(self, payload: bytes) -> bytes:
        """Take lldb's ``;thread:ID;`` off, and choose that thread for this one request."""
        body, found, thread = payload.partition(b";thread:")
        if found:
            with suppress(RemoteProtocolError):
                self.cpu = self.cpu_of(ThreadId.parse(thread.rstrip(b";")))
        return body

    # -- sending ----------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        """Send what is ready."""
        self.wire.send(self._link.data_to_send())

    def send_away(self, why: str) -> None:
        """End this client, and say why to whoever listens."""
        if not self.ending:
            self.ending = why
            self.shared.tell_others(self.party, f"{self.party} was sent away: {why}")
            self._done.cancel()

    def gone(self) -> None:
        """As `Keeper.gone`."""
        self._done.cancel()

    def written(self) -> None:
        """As `Keeper.written`: where the stub is lost, the last words are out."""
        if self.shared.lost is not None:
            self._done.cancel()

    def print(self, text: str) -> None:
        """Text to the client's console, as part of an answer or while it waits for a stop."""
        data = text.encode("utf-8", "replace")
        for at in range(0, len(data), PRINTED):
            self._link.console(data[at : at + PRINTED])

    def print_soon(self, text: str) -> None:
        """The same for text that comes at any time: kept where the client would take it for the answer to something."""
        self._lines.append(text)
        if self.party.waits and self._link.running:
            self._say_lines()
            self._flush()

    # -- what it hears (the party's ear) --------------------------------------------------------------------------

    def stopped(self, record: StopSummary) -> None:
        self._say_lines()
        if record.vector is not None:
            self.print(f"dr6: {self.words.summary(self.debugger.records[-1])}\n")
        self._link.stop(self._stop_of(record))
        self._prepare(record)
        self._flush()

    def _prepare(self, record: StopSummary) -> None:
        """What gdb reads at every step: the first byte at RIP, and its line of the code cache."""
        line = self.debugger.kept_memory(record.rip & -LINE, LINE)
        if line is None or self.physical or record.ended:
            return
        rip, start = record.rip, record.rip & -LINE
        first = line[rip - start : rip - start + 1]
        self._link.prepare({b"m%x,1" % rip: first.hex().encode(), b"m%x,%x" % (start, LINE): line.hex().encode()})

    def failed(self, why: str) -> None:
        self._say_lines()
        self.print(f"dr6: {why}\n")
        newest = self.debugger.newest
        self._link.stop(Stopped(SIGINT) if newest is None else self._stop_of(newest))
        self._flush()

    def said(self, text: str) -> None:
        self.print_soon(f"dr6: {text}\n")

    def lost(self, why: str) -> None:
        if self._link.running:
            self._say_lines()
            self.print(f"dr6: {why}\n")
        self._flush()
        self._leaving = True
        self.wire.wake() if self.wire.left else self._done.cancel()

    def changed(self) -> None:
        self._link.prepare({})

    async def going(self) -> None:
        await self.points.sweep(every=True)

    def _say_lines(self) -> None:
        while self._lines:
            self.print(self._lines.popleft())

    def _stop_of(self, record: StopSummary) -> Stop:
        rows = self.debugger.hit_at(record.number)
        hit = [row for row in rows if row.owner == self.party.number]
        own = bool(hit) or (self.shared.driver is self.party and not rows)
        raw = self.debugger.kept_registers(record.cpu) if not record.ended else None
        broken_off = self.party.broke_off and not hit
        return stop_reply(record, self.manners, hit, own=own, broken_off=broken_off, raw=raw, registers=self.expedited)

    @property
    def here(self) -> bool:
        """Has it not left yet?"""
        return self.party.number in self.shared.parties

    # -- what its requests need -----------------------------------------------------------------------------------

    async def reach(self, job: Callable[[], Awaitable[T]]) -> T:
        """As `SharedGuest.reach`. A job that was begun is done, also when the client goes meanwhile: half of it would
        leave the stub in another state than we think. What is malformed in here came from the stub."""

        async def whole() -> T:
            with trio.CancelScope(shield=True):
                try:
                    result = await job()
                except BadField as error:
                    raise RemoteProtocolError(str(error)) from error
            return result  # to mypy, a cancel scope may swallow what is returned inside of it

        return await self.shared.reach(whole)

    async def command(self, line: str) -> str:
        """What a command of dr6 prints."""

        async def words() -> str:
            await self.debugger.explain_newest()
            return await self.words.command(line)

        return await self.shared.reach(words)

    def own_breakpoints(self) -> tuple[Breakpoint, ...]:
        return self.debugger.owned_by(self.party.number)

    def cpu_of(self, thread: ThreadId) -> int | None:
        return cpu_of(thread, len(self.debugger.capabilities.cpus))

    def may_change(self) -> None:
        self.policy.check_write()
        self.shared.may_change(self.party)
        self.shared.changed()

    async def reach_registers(self, *, complete: bool = False) -> tuple[bytes, CpuState]:
        """The stub's ``g`` and the state of the chosen vCPU, a ``complete`` one as `Debugger.state` has it."""

        async def read() -> tuple[bytes, CpuState]:
            cpu = self.debugger.cpu if self.cpu is None else self.cpu
            return await self.debugger.raw_registers(cpu), await self.debugger.state(cpu, complete=complete)

        return await self.reach(read)

    async def write_register(self, write: Write) -> None:
        cpu = self.debugger.cpu if self.cpu is None else self.cpu
        await self.reach(lambda: self.debugger.set_register(write.name, write.value, cpu))

    async def set_pc(self, address: int) -> None:
        name = "rip" if "rip" in self.registers.layout.by_name else "eip"
        await self.write_register(Write(name, address))

    async def read_memory(self, address: int, length: int) -> bytes:
        if self.physical:
            return await self._physical(b"m%x,%x" % (address, min(length, 1024)), decode_hex)
        if not self.shared.busy and (kept := self.debugger.kept_memory(address, length)) is not None:
            return kept

        async def read() -> bytes:
            kept = self.debugger.kept_memory(address, length)  # read ahead meanwhile
            return await self.debugger.read_memory(address, length) if kept is None else kept

        return await self.reach(read)

    async def write_memory(self, address: int, data: bytes) -> None:
        if self.physical:
            for at in range(0, len(data), 1024):
                part = data[at : at + 1024]
                await self._physical(b"M%x,%x:%b" % (address + at, len(part), part.hex().encode()))
            return
        await self.reach(lambda: self.debugger.write_memory(address, data))

    async def _physical(self, payload: bytes, read: Callable[[bytes], bytes] = bytes) -> bytes:
        """One memory packet with physical addresses, and what ``read`` makes of its answer; the switch is back before
        anybody else asks."""

        async def ask() -> bytes:
            await self.debugger.ask_stub(b"Qqemu.PhyMemMode:1")
            try:
                answer = await self.debugger.ask_stub(payload)
            finally:
                await self.debugger.ask_stub(b"Qqemu.PhyMemMode:0")
            if answer[:1] == b"E" or not answer:
                raise RemoteProtocolError("The guest has no memory at that physical address.")
            return read(answer)

        return await self.reach(ask)

    async def catch(self, vector: int) -> None:
        owner, kind = self.party.number, BreakpointKind.CATCH
        await self.reach(lambda: self.debugger.add_breakpoint(kind, None, vector=vector, text=str(vector), owner=owner))

    async def uncatch(self, row: Breakpoint) -> None:
        await self.reach(lambda: self.debugger.delete_breakpoint(row.number))

    async def stand(self) -> Stop:
        """The guest stopped, for a client that comes or asks again; why it stands."""
        record = await self.shared.stand(self.party)
        if record is None:
            raise GdbError("There is no stop yet.")
        return self._stop_of(record) if record.ended else _plain(self._stop_of(record))

    def newest_stop(self) -> Stop:
        record = self.debugger.newest
        return Stopped(0, self.manners.thread(self.debugger.cpu)) if record is None else self._stop_of(record)

    def repeat_stop(self) -> None:
        self._link.stop(self.newest_stop())

    def go(self, wish: Wish) -> None:
        self.shared.go(self.party, lambda tell: run(self, wish, tell))

    async def _interrupt(self) -> None:
        try:
            await self.shared.interrupt(self.party)
        except GdbError as error:
            self.said(str(error))

    def detach(self) -> None:
        """The client goes in peace."""
        self._leaving = self._detached = True


def _plain(stop: Stop) -> Stop:
    """As the answer to ``?``: a signal, since gdb stops to look in any case."""
    if not isinstance(stop, Stopped):
        return stop
    return Stopped(stop.signal or 5, stop.thread, (), stop.registers)
