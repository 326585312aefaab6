"""A target behind a stream: what can be asked of a stub, in the words of debuggers."""

from __future__ import annotations

from typing import Unpack

from trio.abc import Stream

from gdbstub.conversation import Conversation, Token, Wiring, accepted
from gdbstub.errors import GdbError, Refused, Unsupported
from gdbstub.protocol import messages
from gdbstub.protocol.features import CLIENT_FEATURES, Features, parse_supported, settle
from gdbstub.protocol.fields import ThreadId, decode_hex
from gdbstub.protocol.layout import make_layout
from gdbstub.protocol.link import Expect
from gdbstub.protocol.stops import Stop
from gdbstub.target import Manners

MEMORY_CHUNK = 1024
"""Bytes in one ``m`` packet: half of QEMU's 4096-byte buffer, less than what overflows gdbsx's."""
PAGE = 4096
BREAKPOINTS = (
    "software breakpoint",
    "hardware breakpoint",
    "write watchpoint",
    "read watchpoint",
    "access watchpoint",
)
"""``Z0`` to ``Z4``: gdb manual, "Packets"."""


class RemoteTarget(Conversation):
    """One stub. `gdbstub.handshake.greet` comes first. Raises `GdbError` branches only."""

    def __init__(self, stream: Stream, **wire: Unpack[Wiring]) -> None:
        """``wire`` goes to `Conversation`."""
        super().__init__(stream, **wire)
        self._pages: dict[int, bytes] = {}
        self.features = Features()
        self.actions: frozenset[str] = frozenset()
        """What ``vCont`` can do here; empty when the stub has no ``vCont``."""
        self.layout = make_layout(())
        self.threads: tuple[ThreadId, ...] = ()
        self.odd_threads = False
        """Did the list of threads end in the packet that held it (gdbsx)?"""
        self.manners = Manners()
        self.stepped = False
        """Was the last resume a step?"""
        self._selected: int | None = None

    def learn(self, manners: Manners) -> None:
        """Take what is known of how this stub speaks; before the first word where the address tells it already."""
        self.manners = manners
        self.probe = manners.probe
        self.reads_break = manners.reads_break

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
        if len(self.threads) < 2 or (self.manners.keeps_thread and self._selected == cpu):
            return
        self._selected = cpu
        payload = messages.choose_thread("g", self.thread(cpu))
        if self.pipelined:
            self._unwanted.add(self.ask(payload))
        else:
            await self.request(payload)

    # -- running --------------------------------------------------------------------------------------------

    def ask_resume(self, *, step: int | None = None) -> Token:
        """Queue a resume: one instruction of vCPU ``step`` with the others held, or everything."""
        self._pages.clear()
        self.stepped = step is not None
        action: messages.Action = "c" if step is None else "s"
        if action not in self.actions:
            return self.ask(messages.resume(action), Expect.STOP)
        thread = None if step is None else self.thread(step)
        return self.ask(messages.resume_threads([(action, thread)]), Expect.STOP)

    async def stop(self, token: Token) -> Stop:
        """As `Conversation.stop`; a stub whose guest is gone is lost."""
        try:
            return await super().stop(token)
        except Unsupported:
            if not self.manners.without_guest:
                raise
            return await self._fail(self.manners.without_guest)

    async def general(self, token: Token) -> bytes:
        """The answer to ``g`` as hex digits; as `stop` where the guest is gone."""
        try:
            return await self.data(token, "g")
        except Unsupported:
            if not self.manners.without_guest:
                raise
        cpu, self._selected = self._selected, None
        if cpu and await self._has_registers(0):
            await self.select(cpu)
            raise Refused("g", "", f"vCPU {cpu} shows no registers: the guest has not started it.")
        return await self._fail(self.manners.without_guest)

    async def _has_registers(self, cpu: int) -> bool:
        await self.select(cpu)
        try:
            await self.request(messages.READ_REGISTERS, "g")
        except Unsupported:
            return False
        return True

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
            return b"".join(decode_hex(accepted(reply, "memory").payload) for reply in replies)
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
        """``P``, by the description's name. QEMU's ``G`` is unsafe outside 64-bit code and is never sent there."""
        register = next((r for r in self.layout.registers if r.name == name), None)
        if register is None:
            raise GdbError(f"This stub has no register {name}.")
        self._pages.clear()
        if self.manners.writes_all:
            await self.write_registers({name: value})
            return
        payload = messages.write_register(register.number, value, register.bits // 8)
        await self.request(payload, f"a write of {name}")

    async def selector(self) -> int | None:
        """CS of the selected vCPU, where the stub shows it."""
        return self.layout.decode_g(await self.request(messages.READ_REGISTERS, "g")).get("cs")

    async def write_registers(self, values: dict[str, int]) -> None:
        """``g``, then ``G`` with nothing but ``values`` (by the description's names) changed in it."""
        raw = bytearray(decode_hex(await self.request(messages.READ_REGISTERS, "g")))
        for name, value in values.items():
            register = self.layout.by_name[name]
            mask = (1 << register.bits) - 1
            raw[register.offset : register.offset + register.size] = (value & mask).to_bytes(register.size, "little")
        await self.request(messages.write_registers(bytes(raw)), f"a write of {', '.join(values)}")

    async def monitor(self, command: str) -> str:
        """Run a command of the stub's own monitor and return its output."""
        token = self.ask_monitor(command)
        self._pages.clear()
        return await self.text(token, f"monitor {command}")

    async def detach(self) -> None:
        """``D``: the guest runs on. Breakpoints must be out already."""
        process = self.threads[0].process if self.threads else None
        if self.manners.detach_answers:
            await self.request(messages.detach(process), "detach")
            return
        self.ask(messages.detach(process), Expect.NOTHING)
        await self.flush()
        await self.wait_end()

    async def kill(self) -> None:
        """``k``: QEMU ends, and the guest with it. There is no answer."""
        if not self.manners.kills:
            raise Unsupported("kill", "This stub does not end its guest; detach, and end it from outside.")
        self.ask(messages.KILL, Expect.NOTHING)
        await self.flush()


def _unreadable(address: int, length: int, refusal: Refused) -> Refused:
    last = address + length - 1
    where = f"{address:#x}" if length <= 1 else f"{address:#x}-{last:#x}"
    return Refused(
        refusal.command,
        refusal.code,
        f"The guest's memory at {where} can't be read now (not mapped in the current page tables?).",
    )
