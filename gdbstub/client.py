"""A target behind a stream: requests out, answers in, one caller at a time.

Who waits for an answer reads the stream; nobody else does, so a trace costs no task switch. Requests are queued by
``ask_…`` and leave in one write when something is awaited; answers come in order. `interrupt` alone may be called
while another task waits. Every wait has a deadline except that for a running guest. When one passes, the link is
brought back in step with ``qC`` and breakpoints stay where they are (``?`` would wipe QEMU's).
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import NewType

import trio
from trio.abc import Stream

from gdbstub.errors import (
    GdbError,
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
from gdbstub.protocol.features import CLIENT_FEATURES, Features, parse_supported, settle
from gdbstub.protocol.fields import ThreadId, decode_hex, shown
from gdbstub.protocol.layout import RegisterLayout
from gdbstub.protocol.link import Expect, Link
from gdbstub.protocol.states import Role
from gdbstub.protocol.stops import Stop

Token = NewType("Token", int)

READ_SIZE = 65536
DEADLINE = 10.0
"""Seconds that a stub may take for an answer; a loaded machine's QEMU takes milliseconds."""
GREETING_DEADLINE = 5.0
MEMORY_CHUNK = 1024
"""Bytes in one ``m`` packet: half of QEMU's 4096-byte buffer, less than what overflows gdbsx's."""
PAGE = 4096
FIRST_BYTES = 64


BREAKPOINTS = (
    "software breakpoint",
    "hardware breakpoint",
    "write watchpoint",
    "read watchpoint",
    "access watchpoint",
)
"""``Z0`` to ``Z4``: gdb manual, "Packets"."""


class RemoteTarget:
    """One stub. Build with the stream, call `handshake` first. Raises `GdbError` branches only."""

    def __init__(
        self,
        stream: Stream,
        *,
        deadline: float = DEADLINE,
        on_output: Callable[[bytes], None] = lambda text: None,
        break_in: Callable[[], Awaitable[None]] | None = None,
        last_words: Callable[[], Awaitable[str]] | None = None,
    ) -> None:
        self._stream = stream
        self._link = Link(Role.CLIENT)
        self._answers: dict[int, Event] = {}
        self._unwanted: set[int] = set()
        self._deadline = deadline
        self._on_output = on_output
        self._break_in = break_in
        self._last_words = last_words
        self.heard = b""
        """The first bytes that ever came."""
        self.greeted = False
        """Is the handshake behind us? Before it, a missing answer is the end."""
        self._lost: str | None = None
        self._broken = ""
        self._sending = False
        self._pages: dict[int, bytes] = {}
        self.features = Features()
        self.actions: frozenset[str] = frozenset()
        """What ``vCont`` can do here; empty when the stub has no ``vCont``."""
        self.layout: RegisterLayout
        self.threads: tuple[ThreadId, ...] = ()
        self.strays: list[str] = []
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
        """Queue a request for the next write. On a stub that isn't pipelined, `flush_one` must come between."""
        if self._lost is not None:
            raise TransportError(self._lost)
        return Token(self._link.send(payload, expects))

    def ask_monitor(self, command: str) -> Token:
        return self.ask(messages.monitor(command), Expect.MONITOR)

    async def data(self, token: Token, name: str) -> bytes:
        """The answer to ``token`` as hex digits. Raises `Unsupported` for an empty one, `Refused` for an error."""
        return _accepted(await self._reply(token, name), name).payload

    async def text(self, token: Token, name: str) -> str:
        """A monitor command's output, line ends as ``\\n``."""
        reply = _accepted(await self._reply(token, name), name)
        return (reply.output or b"").decode("utf-8", "replace").replace("\r\n", "\n")

    async def request(self, payload: bytes, name: str = "") -> bytes:
        """Ask and wait. Raises `Unsupported` for an empty answer, `Refused` for an error."""
        return await self.data(self.ask(payload), name or shown(payload))

    async def stop(self, token: Token) -> Stop:
        """How the guest stopped after the resume ``token``; waits as long as it runs. May be cancelled and called
        again."""
        event = await self._event(token, "resume", math.inf)
        if isinstance(event, StopReply):
            return event.stop
        if isinstance(event, Reply):
            _accepted(event, "the resume")
            raise RemoteProtocolError(f"The stub answered {shown(event.payload)} to a resume.")
        raise RemoteProtocolError("The stub's stop reply was damaged on the way.")

    async def flush(self) -> None:
        """Write what is queued. Where another task is writing already, it writes this too."""
        if self._sending or self._lost is not None:
            return
        self._sending = True
        try:
            while data := self._link.data_to_send():
                await self._stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self._broken = str(error)
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
        try:
            self._link.interrupt()
        except LocalProtocolError:
            return  # one is on its way already
        await self.flush()

    async def watch_idle(self) -> None:
        """Read while nobody asks anything: notices that the stub goes away. Cancel before the next request."""
        while self._lost is None:
            await self._receive()

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
        if token not in answers:
            if seconds == math.inf:
                await self._read_until(token)
            else:
                with trio.move_on_after(seconds) as scope:
                    await self._read_until(token)
                if scope.cancelled_caught:
                    await self._recover(name, seconds)
        return answers.pop(token)

    async def _read_until(self, token: Token) -> None:
        while token not in self._answers:
            if self._lost is not None:
                raise TransportError(await self._obituary())
            await self._receive()

    async def _receive(self) -> None:
        try:
            data = await self._stream.receive_some(READ_SIZE)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            data = b""
            self._broken = str(error)
        if len(self.heard) < FIRST_BYTES:
            self.heard += bytes(data[: FIRST_BYTES - len(self.heard)])
        for event in self._link.receive(bytes(data)):
            if isinstance(event, Reply | StopReply):
                if event.token in self._unwanted:
                    self._unwanted.discard(event.token)
                else:
                    self._answers[event.token] = event
            else:
                self._take(event)
        if not self._link.pipelined:
            await self.flush()

    def _take(self, event: Event) -> None:
        match event:
            case BadFrame(token=int() as token):
                self._answers[token] = event
            case BadFrame(reason=reason):
                self.strays.append(reason)
            case GuestOutput(text=text):
                self._on_output(text)
            case UnsolicitedStop(raw=raw):
                self.strays.append(raw.decode("latin-1"))
            case FileCall():
                self._link.send_file_reply(b"F-1,26")  # ENOSYS: gdb manual, "The F Reply Packet"
            case Lost(reason=reason):
                self._lost = reason
            case _:
                pass
        del self.strays[:-100]

    async def _recover(self, name: str, seconds: float) -> None:
        """The deadline passed: stop the guest if it runs, get back in step, and say so. Always raises."""
        if not self.greeted:
            await self._fail(f"It did not answer {name} within {seconds:g} seconds.")
        token = None
        with trio.move_on_after(self._deadline, shield=True):
            if self._link.running:
                self._link.interrupt()
            token = Token(self._link.resynchronise())
            await self.flush()
            await self._read_until(token)
        if token is None or self._answers.pop(token, None) is None:
            await self._fail(f"The stub does not answer any more (last asked: {name}).")
        raise NoReply(f"The stub did not answer {name} within {seconds:g} seconds; breakpoints stay as they are.")

    async def _fail(self, why: str) -> None:
        self._lost = self._lost or why
        raise TransportError(await self._obituary())

    async def _obituary(self) -> str:
        """Why there is no stub any more, in the words of whoever knows most."""
        words = await self._last_words() if self._last_words is not None else ""
        return words or self._broken or self._lost or "The stub closed the connection."

    # -- handshake ------------------------------------------------------------------------------------------

    def settle(self, offered: bytes) -> None:
        """Take the stub's answer to ``qSupported``."""
        self.features = settle(CLIENT_FEATURES, parse_supported(offered))
        self._link.packet_size = self.features.packet_size

    # -- threads --------------------------------------------------------------------------------------------

    def thread(self, cpu: int) -> ThreadId:
        """The stub's name for vCPU ``cpu``. Raises `GdbError` for a vCPU that does not exist."""
        if not 0 <= cpu < max(len(self.threads), 1):
            raise GdbError(f"There is no vCPU {cpu}; this guest has {len(self.threads)}, counted from 0.")
        return self.threads[cpu] if self.threads else ThreadId(None, 1)

    def cpu_of(self, thread: ThreadId | None) -> int | None:
        """The vCPU that a stop reply's thread names."""
        if thread is None:
            return None
        return next((i for i, t in enumerate(self.threads) if t.thread == thread.thread), None)

    async def select(self, cpu: int) -> None:
        """Make ``g`` and ``m`` mean vCPU ``cpu`` (``Hg``). On a pipelined stub it costs no round trip: the answer is
        dropped, since a thread of the stub's own list is never refused."""
        if len(self.threads) < 2:
            return
        payload = messages.choose_thread("g", self.thread(cpu))
        if self.pipelined:
            self._unwanted.add(self.ask(payload))
        else:
            await self.request(payload)

    # -- running --------------------------------------------------------------------------------------------

    def ask_resume(self, *, step: int | None = None) -> Token:
        """Queue a resume: one instruction of vCPU ``step`` with the others held, or everything."""
        self._pages.clear()
        action: messages.Action = "c" if step is None else "s"
        if action not in self.actions:
            return self.ask(messages.resume(action), Expect.STOP)
        thread = None if step is None else self.thread(step)
        return self.ask(messages.resume_threads([(action, thread)]), Expect.STOP)

    # -- memory ---------------------------------------------------------------------------------------------

    def ask_memory(self, address: int, length: int) -> Token:
        return self.ask(messages.read_memory(address, length))

    async def memory(self, token: Token) -> bytes:
        return decode_hex(await self.data(token, "memory"))

    async def read_memory(self, address: int, length: int) -> bytes:
        """``length`` bytes at a linear address; whole pages are kept until the guest runs.

        Raises `Refused` naming the first page that can't be read.
        """
        first, last = address & -PAGE, (address + max(length, 1) - 1) & -PAGE
        pages = range(first, last + PAGE, PAGE)
        wanted = [page for page in pages if page not in self._pages]
        if length <= 64 and len(wanted) == 1 and len(pages) == 1:
            return await self._read_piece(address, length)
        for page in wanted:
            self._pages[page] = await self._read_page(page)
        data = b"".join(self._pages[page] for page in pages)
        return data[address - first : address - first + length]

    async def _read_piece(self, address: int, length: int) -> bytes:
        try:
            return await self.memory(self.ask_memory(address, length))
        except Refused as refusal:
            raise _unreadable(address, length, refusal) from None

    async def _read_page(self, page: int) -> bytes:
        chunks = range(page, page + PAGE, MEMORY_CHUNK)
        if not self.pipelined:
            return b"".join([await self._read_piece(chunk, MEMORY_CHUNK) for chunk in chunks])
        tokens = [self.ask_memory(chunk, MEMORY_CHUNK) for chunk in chunks]
        replies = [await self._reply(token, "memory") for token in tokens]
        try:
            return b"".join(decode_hex(_accepted(reply, "memory").payload) for reply in replies)
        except Refused as refusal:
            raise _unreadable(page, PAGE, refusal) from None

    async def write_memory(self, address: int, data: bytes) -> None:
        """Raises `Refused` naming the address; what was written before it stays written."""
        self._pages.clear()
        for at in range(0, len(data), MEMORY_CHUNK):
            chunk = data[at : at + MEMORY_CHUNK]
            try:
                await self.request(messages.write_memory(address + at, chunk), "a write")
            except Refused as refusal:
                text = f"The guest's memory at {address + at:#x} can't be written (stub: error {refusal.code})."
                raise Refused(refusal.command, refusal.code, text) from None

    # -- breakpoints ----------------------------------------------------------------------------------------

    async def insert(self, kind: messages.BreakpointType, address: int, length: int) -> None:
        """``Z``. Raises `Unsupported` or `Refused` with the sentence for the user."""
        await self._point("set", messages.insert_breakpoint(kind, address, length), kind, address)

    async def remove(self, kind: messages.BreakpointType, address: int, length: int) -> None:
        """``z``."""
        await self._point("remove", messages.remove_breakpoint(kind, address, length), kind, address)

    async def _point(self, verb: str, payload: bytes, kind: messages.BreakpointType, address: int) -> None:
        self._pages.clear()
        what = BREAKPOINTS[kind]
        try:
            await self.request(payload, what)
        except Unsupported:
            raise Unsupported(what, f"The stub has no {what}s.") from None
        except Refused as refusal:
            text = f"The stub refused to {verb} a {what} at {address:#x} (error {refusal.code})."
            raise Refused(what, refusal.code, text) from None

    # -- the rest -------------------------------------------------------------------------------------------

    async def write_register(self, name: str, value: int) -> None:
        """``P``, by the description's name. QEMU's ``G`` is unsafe outside 64-bit code and is never sent."""
        register = next((r for r in self.layout.registers if r.name == name), None)
        if register is None:
            raise GdbError(f"This stub has no register {name}.")
        self._pages.clear()
        payload = messages.write_register(register.number, value, register.bits // 8)
        await self.request(payload, f"a write of {name}")

    async def monitor(self, command: str) -> str:
        """Run a command of the stub's own monitor and return its output."""
        token = self.ask_monitor(command)
        self._pages.clear()
        return await self.text(token, f"monitor {command}")

    async def detach(self) -> None:
        """``D``: the guest runs on. Breakpoints must be out already."""
        process = self.threads[0].process if self.threads else None
        await self.request(messages.detach(process), "detach")

    async def kill(self) -> None:
        """``k``: QEMU ends, and the guest with it. There is no answer."""
        self.ask(messages.KILL, Expect.NOTHING)
        await self.flush()


def _accepted(reply: Reply, name: str) -> Reply:
    """``reply`` unless it is a refusal."""
    payload = reply.payload
    if not payload and not reply.output:
        raise Unsupported(name)
    if payload[:1] == b"E" and (len(payload) == 3 or payload[1:2] == b"."):
        raise Refused(name, payload[1:].decode("latin-1"))
    return reply


def _unreadable(address: int, length: int, refusal: Refused) -> Refused:
    last = address + length - 1
    where = f"{address:#x}" if length <= 1 else f"{address:#x}-{last:#x}"
    return Refused(
        refusal.command,
        refusal.code,
        f"The guest's memory at {where} can't be read now (not mapped in the current page tables?).",
    )
