"""A target behind a stream: what can be asked of a stub, in the words of debuggers."""

from __future__ import annotations

from typing import Unpack

from trio.abc import Stream

from gdbstub.errors import Refused, Unsupported
from gdbstub.protocol import messages
from gdbstub.protocol.features import CLIENT_FEATURES, parse_supported, settle
from gdbstub.protocol.link import Expect
from gdbstub.protocol.stops import Stop
from gdbstub.remote.capabilities import Dialect
from gdbstub.remote.exchange import Exchange
from gdbstub.remote.link_stream import ConnectionOptions, Token
from gdbstub.remote.memory import RemoteMemory
from gdbstub.remote.threads import Signal, Span, resume_packet
from gdbstub.x86.breakpoints import BreakpointKind

BREAKPOINTS = {
    BreakpointKind.SOFTWARE: "software breakpoint",
    BreakpointKind.EXECUTE: "hardware breakpoint",
    BreakpointKind.WRITE: "write watchpoint",
    BreakpointKind.READ: "read watchpoint",
    BreakpointKind.ACCESS: "access watchpoint",
}


class RemoteTarget(RemoteMemory):
    """One stub. `gdbstub.remote.handshake.greet` comes first. Raises `GdbError` branches only."""

    def __init__(self, stream: Stream, **options: Unpack[ConnectionOptions]) -> None:
        super().__init__(stream, **options)
        self.actions: frozenset[str] = frozenset()
        """What ``vCont`` can do here; empty when the stub has no ``vCont``."""
        self.odd_threads = False
        """Did the list of threads end in the packet that held it (gdbsx)?"""
        self.signal: Signal | None = None
        """What a process gets with the next resume."""
        self.span: Span | None = None
        """What a process steps through with the next resume, if that is its stub's affair."""
        self.stepped = False
        """Was the last resume a step?"""
        self.reads_again = False
        """Is what was read where a run ended likely to be read where the next one ends? A client of the server does
        so."""
        self.inserted: set[tuple[BreakpointKind, int]] = set()
        """Kind and address of the breakpoints that the stub has."""

    def learn(self, dialect: Dialect) -> None:
        """Take what is known of how this stub speaks; before the first word where the address tells it already."""
        self.dialect = dialect
        self.probe = dialect.probe
        self.no_break = dialect.no_break
        self.acks_late = dialect.acks_late

    def settle(self, offered: bytes) -> None:
        """Take the stub's answer to ``qSupported``."""
        self.features = settle(CLIENT_FEATURES, parse_supported(offered))
        self._link.packet_size = self.features.packet_size

    # -- running --------------------------------------------------------------------------------------------

    def ask_resume(self, *, step: int | None = None, only: int | None = None, others: bool = False) -> Token:
        """Queue a resume: one instruction of vCPU ``step``, with the others held unless ``others``; or vCPU ``only``;
        or everything."""
        self._goes()
        self.stepped = step is not None
        return self.ask(self.resume_packet(step=step, only=only, others=others), Expect.STOP)

    def _goes(self) -> None:
        if self.reads_again and not self.stepped:
            self._cache.remember()
        self.forget()

    def ask_backwards(self, *, step: bool) -> Token:
        """Queue a resume backwards, of a stub that offers it: one instruction, or to what stopped the guest before."""
        self.forget()
        self.stepped = step
        return self.ask(messages.REVERSE_STEP if step else messages.REVERSE_CONTINUE, Expect.STOP)

    def step_at_once(self, cpu: int, milliseconds: float, *, others: bool = False) -> Exchange:
        """As `ask_resume` for a step, by `exchange`."""
        self._goes()
        self.stepped = True
        return self.exchange((self.resume_packet(step=cpu, others=others),), milliseconds, Expect.STOP)

    def resume_packet(self, *, step: int | None = None, only: int | None = None, others: bool = False) -> bytes:
        """The payload of such a resume."""
        signal, self.signal = self.signal, None
        span, self.span = self.span, None
        return resume_packet(self.actions, self.threads, step, only, others, signal, span)

    async def stop(self, token: Token, patience: float = 0.0) -> Stop:
        """As `Connection.stop`; a stub whose guest is gone is lost."""
        try:
            return await super().stop(token, patience)
        except Unsupported:
            if not self.dialect.without_guest:
                raise
            return await self._fail(self.dialect.without_guest)

    # -- breakpoints ----------------------------------------------------------------------------------------

    async def insert(self, kind: BreakpointKind, address: int, length: int) -> None:
        """``Z``. Raises `Unsupported` or `Refused` with the sentence for the user."""
        await self._point("set", messages.insert_breakpoint(kind.packet, address, length), kind, address)
        self.inserted.add((kind, address))

    async def remove(self, kind: BreakpointKind, address: int, length: int) -> None:
        """``z``."""
        await self._point("remove", messages.remove_breakpoint(kind.packet, address, length), kind, address)
        self.inserted.discard((kind, address))

    async def _point(self, verb: str, payload: bytes, kind: BreakpointKind, address: int) -> None:
        self._cache.pages.clear()
        if kind is BreakpointKind.SOFTWARE and self.reads_again:
            self._cache.forget_memory()  # some stubs write an int3
        what = BREAKPOINTS[kind]
        try:
            await self.request(payload, what)
        except Unsupported:
            raise Unsupported(what, f"The stub has no {what}s.") from None
        except Refused as refusal:
            text = f"The stub refused to {verb} a {what} at {address:#x} (error {refusal.code})."
            raise Refused(what, refusal.code, text) from None

    # -- the rest -------------------------------------------------------------------------------------------

    async def monitor(self, command: str) -> str:
        """Run a command of the stub's own monitor and return its output."""
        token = self.ask_monitor(command)
        self.forget()
        return await self.text(token, f"monitor {command}")

    async def detach(self) -> None:
        """``D``: the guest runs on. Breakpoints must be out already."""
        process = self.threads[0].process if self.threads else None
        if self.dialect.detach_answers:
            await self.request(messages.detach(process), "detach")
            return
        self.ask(messages.detach(process), Expect.NOTHING)
        await self.flush()
        await self.wait_end()

    async def let_go(self) -> bool:
        """Have a stub whose handshake was broken off let its guest run: QEMU stopped it when we connected. Whether the
        stub says that it did. QEMU takes the process's number whether or not it was told that we name processes."""
        if self.first_bytes[:1] not in b"+-$%":  # no stub; nothing was said yet, or what stubs say
            return False
        return await self.part(messages.detach(1))

    async def kill(self) -> None:
        """``k``: QEMU ends, and the guest with it. There is no answer."""
        if not self.dialect.kills:
            raise Unsupported("kill", "This stub does not end its guest; detach, and end it from outside.")
        self.ask(messages.KILL, Expect.NOTHING)
        await self.flush()
