"""One client of the server: what it said of itself, what it has chosen, what is its own, and what it is told of.

What comes unasked (stops, lines about others) leaves at once where the client waits for a stop, and otherwise with the
next that it is sent: the protocol has no other place for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import trio

from gdbstub.debugger.breakpoints import Breakpoint
from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.record import StopRecord, StopSummary
from gdbstub.errors import BadField, GdbError, RemoteProtocolError
from gdbstub.protocol import ALL, Link, Role, Stop, Stopped, ThreadId, format_stop
from gdbstub.server.access_policy import Policy
from gdbstub.server.client_breakpoints import ClientBreakpoints
from gdbstub.server.client_features import PACKET_SIZE, ClientFeatures, cpu_of
from gdbstub.server.client_stream import ClientStream
from gdbstub.server.register_file import RegisterFile
from gdbstub.server.stop_replies import SIGINT, SIGTRAP, Expedited, stop_reply
from gdbstub.sessions.guest_lock import Reach
from gdbstub.sessions.shared_guest import SharedGuest

T = TypeVar("T")
PRINTED = 16384
"""Bytes of text in one packet, which takes two digits for each."""
MOST_LINES = 100
"""Lines that are kept for a client that can't be sent any now."""


class Words(Protocol):
    """What dr6 says to a client in words."""

    version: str

    def summary(self, record: StopRecord) -> str:
        """One line about a caught event; nothing in it needs cleaning any more."""

    async def command(self, line: str, reach: Reach) -> str:
        """What a command of dr6 that only looks prints. ``reach`` does a job with the guest stopped. Raises
        `GdbError`."""

    def vectors(self, text: str) -> list[int]:
        """``db,gp``, as numbers. Raises `GdbError`."""


class ClientSession:
    """The state of one client; also the callbacks of its participant. What is to be sent is in ``link``."""

    def __init__(
        self,
        stream: ClientStream,
        shared: SharedGuest,
        registers: RegisterFile,
        policy: Policy,
        words: Words,
        name: str,
    ) -> None:
        self.stream = stream
        self.link = Link(Role.SERVER, max_size=PACKET_SIZE + 64)
        self.shared = shared
        self.guest = shared.guest
        self.debugger: Debugger = shared.debugger
        self.debugger.expect_same_reads()
        self.registers = registers
        self.policy = policy
        self.words = words
        self.features = ClientFeatures(stubs_name=shared.debugger.thread if shared.debugger.process else None)
        self.participant = shared.join(name, self)
        self.breakpoints = ClientBreakpoints(self.debugger, self.participant.number)
        self.cpu: int | None = None
        """The vCPU that ``Hg`` chose since the last stop; None for the one that stopped, which gdb takes as chosen."""
        self.run_cpu: int | None = None
        self.physical = False
        """Are its addresses physical (Qqemu.PhyMemMode)?"""
        self.memory_at: tuple[int | None, tuple[tuple[int, int], ...]] | None = None
        """Which physical addresses were memory at the stop of that number."""
        self.leaving = False
        """Is nothing more to be answered?"""
        self.detached = False
        self.lines: deque[str] = deque(maxlen=MOST_LINES)
        """What it is to be told as soon as it can be."""
        self._expedited = Expedited(self.debugger.layout)

    @property
    def here(self) -> bool:
        """Has it not left yet?"""
        return self.participant in self.shared.participants

    # -- the guest ----------------------------------------------------------------------------------------------

    async def reach(self, job: Callable[[], Awaitable[T]]) -> T:
        """As `GuestLock.reach`. A job that was begun is done, also when the client goes meanwhile: half of it would
        leave the stub in another state than we think. What is malformed in here came from the stub."""

        async def whole() -> T:
            with trio.CancelScope(shield=True):
                try:
                    result = await job()
                except BadField as error:
                    raise RemoteProtocolError(str(error)) from error
            return result  # to mypy, a cancel scope may swallow what is returned inside of it

        return await self.guest.reach(whole)

    async def command(self, line: str) -> str:
        """What a command of dr6 prints."""

        async def reach(job: Callable[[], Awaitable[T]]) -> T:
            async def explained() -> T:
                await self.debugger.explain_newest()
                return await job()

            return await self.guest.reach(explained)

        return await self.words.command(line, reach)

    def may_change(self) -> None:
        """Raises `GdbError` where the client may not write now."""
        self.policy.check_write()
        self.shared.participants.may_change(self.participant)

    def own_breakpoints(self) -> tuple[Breakpoint, ...]:
        return self.debugger.owned_by(self.participant.number)

    @property
    def chosen_cpu(self) -> int:
        """The vCPU whose registers the client means."""
        return self.debugger.cpu if self.cpu is None else self.cpu

    def cpu_of(self, thread: ThreadId) -> int | None:
        """The vCPU that the client means; None for any. Raises `RemoteProtocolError` for one that does not exist."""
        if not self.debugger.process:
            return cpu_of(thread, len(self.debugger.capabilities.cpus))
        if thread.thread in (ALL, 0):
            return None
        found = self.debugger.process.number_of(thread)
        if found is None:
            raise RemoteProtocolError(f"There is no thread {thread.format().decode()} in what the stub has named.")
        return found

    def detach(self) -> None:
        """The client goes in peace."""
        self.leaving = self.detached = True

    # -- stops --------------------------------------------------------------------------------------------------

    async def stand(self) -> bytes:
        """The guest stopped, for a client that comes or asks again; the stop reply that tells why it stands."""
        record = await self.shared.stand(self.participant)
        if record is None:
            raise GdbError("There is no stop yet.")
        stop = self._stop_of(record)
        if isinstance(stop, Stopped) and not record.ended:
            stop = Stopped(stop.signal or SIGTRAP, stop.thread)  # gdb stops to look in any case
        return format_stop(stop, self.expedited(record))

    def repeat_stop(self) -> None:
        """The newest stop once more, for a resume that lets nothing run."""
        self.link.stop(self.newest_stop(), self.expedited(self.debugger.newest))

    def newest_stop(self) -> Stop:
        record = self.debugger.newest
        return Stopped(0, self.features.thread(self.debugger.cpu)) if record is None else self._stop_of(record)

    def _stop_of(self, record: StopSummary) -> Stop:
        rows = self.debugger.hit_at(record.number)
        hit = [row for row in rows if row.owner == self.participant.number]
        own = bool(hit) or (self.shared.participants.controller is self.participant and not rows)
        interrupted = self.participant.interrupted and not hit
        return stop_reply(record, self.features, hit, own=own, interrupted=interrupted)

    def expedited(self, record: StopSummary | None) -> list[tuple[int, bytes]]:
        """The registers that go with a stop, as `format_stop` takes them."""
        if record is None or record.ended:
            return []
        return self._expedited.values(self.debugger.kept_registers(record.cpu))

    def _tell(self, record: StopSummary) -> None:
        self.cpu = None
        self.link.stop(self._stop_of(record), self.expedited(record))

    # -- sending ------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Send what is ready."""
        self.stream.send(self.link.data_to_send())

    def print(self, text: str) -> None:
        """Text to the client's console, as part of an answer or while it waits for a stop."""
        data = text.encode("utf-8", "replace")
        for at in range(0, len(data), PRINTED):
            self.link.console(data[at : at + PRINTED])

    async def print_whole(self, text: str) -> None:
        """The same for text of any length, as the client reads it."""
        for at in range(0, len(text), PRINTED):
            self.print(text[at : at + PRINTED])
            self.flush()
            await self.stream.drain(PACKET_SIZE)

    def print_soon(self, text: str) -> None:
        """The same for text that comes at any time: kept where the client would take it for the answer to something."""
        self.lines.append(text)
        if self.participant.waits and self.link.running:
            self._print_lines()
            self.flush()

    def _print_lines(self) -> None:
        while self.lines:
            self.print(self.lines.popleft())

    # -- what it hears (the participant's callbacks) --------------------------------------------------------------

    def stopped(self, record: StopSummary) -> None:
        self._print_lines()
        if record.vector is not None:
            self.print(f"dr6: {self.words.summary(self.debugger.records[-1])}\n")
        self._tell(record)
        self.flush()

    def failed(self, why: str) -> None:
        self._print_lines()
        self.print(f"dr6: {why}\n")
        if (newest := self.debugger.newest) is None:
            self.link.stop(Stopped(SIGINT))
        else:
            self._tell(newest)
        self.flush()

    def said(self, text: str) -> None:
        self.print_soon(f"dr6: {text}\n")

    def wrote(self, text: str) -> None:
        self.print_soon(text)

    def lost(self, why: str) -> None:
        if self.link.running:
            self._print_lines()
            self.print(f"dr6: {why}\n")
        self.flush()
        self.leaving = True
        self.stream.wake()

    async def before_resume(self) -> None:
        await self.breakpoints.sweep(every=True)
