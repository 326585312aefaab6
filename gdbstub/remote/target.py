"""A target behind a stream: what can be asked of a stub, in the words of debuggers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import Unpack

from trio.abc import Stream

from gdbstub.errors import GdbError, Refused, Unsupported
from gdbstub.protocol import messages
from gdbstub.protocol.features import CLIENT_FEATURES, Features, parse_supported, settle
from gdbstub.protocol.fields import ThreadId, decode_hex
from gdbstub.protocol.layout import make_layout
from gdbstub.protocol.link import Expect
from gdbstub.protocol.stops import Stop
from gdbstub.remote.capabilities import Dialect
from gdbstub.remote.connection import Connection, ConnectionOptions, Exchange, Token, accepted
from gdbstub.remote.memory_cache import LINE, PAGE, MemoryCache
from gdbstub.x86.breakpoints import BreakpointKind

MEMORY_CHUNK = 1024
"""Bytes in one ``m`` packet, where the stub's packets have room for them, and up to `FEW` pages are read."""
WRITE_OVERHEAD = 40
"""Characters of an ``M`` packet that are no data, and some to spare."""
FEW, WINDOW = 4, 16
"""Pages up to which each is asked for alone; and of more, how many go into one write: some 130 KB of answers."""
BREAKPOINTS = {
    BreakpointKind.SOFTWARE: "software breakpoint",
    BreakpointKind.EXECUTE: "hardware breakpoint",
    BreakpointKind.WRITE: "write watchpoint",
    BreakpointKind.READ: "read watchpoint",
    BreakpointKind.ACCESS: "access watchpoint",
}


class RemoteTarget(Connection):
    """One stub. `gdbstub.remote.handshake.greet` comes first. Raises `GdbError` branches only."""

    def __init__(self, stream: Stream, **wire: Unpack[ConnectionOptions]) -> None:
        """``wire`` goes to `Connection`."""
        super().__init__(stream, **wire)
        self._cache = MemoryCache()
        self.features = Features()
        self.actions: frozenset[str] = frozenset()
        """What ``vCont`` can do here; empty when the stub has no ``vCont``."""
        self.layout = make_layout(())
        self.threads: tuple[ThreadId, ...] = ()
        self.odd_threads = False
        """Did the list of threads end in the packet that held it (gdbsx)?"""
        self.dialect = Dialect()
        self.stepped = False
        """Was the last resume a step?"""
        self.inserted: set[tuple[BreakpointKind, int]] = set()
        """Kind and address of the breakpoints that the stub has."""
        self._selected: int | None = None

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

    @property
    def _chunk(self) -> int:
        """Bytes that one answer to ``m`` may have: a power of two, of two digits each. QEMU's buffer has room for its
        frame beside a PacketSize."""
        if self.dialect.memory_chunk is not None:
            return self.dialect.memory_chunk
        fits = (self.features.packet_size + 1) // 2
        return min(PAGE, 1 << fits.bit_length() - 1)

    # -- threads --------------------------------------------------------------------------------------------

    def thread(self, cpu: int) -> ThreadId:
        """The stub's name for vCPU ``cpu``. Raises `GdbError` for a vCPU that does not exist."""
        return _thread(self.threads, cpu)

    def cpu_of(self, thread: ThreadId | None) -> int | None:
        """The vCPU that a stop reply's thread names."""
        if thread is None:
            return None
        return next((i for i, t in enumerate(self.threads) if t.thread == thread.thread), None)

    async def select(self, cpu: int) -> None:
        """Make ``g`` and ``m`` mean vCPU ``cpu`` (``Hg``). On a pipelined stub it costs no round trip: the answer is
        dropped, since a thread of the stub's own list is never refused."""
        if len(self.threads) < 2 or (self.dialect.keeps_thread and self._selected == cpu):
            return
        self._selected = cpu
        payload = messages.choose_thread("g", self.thread(cpu))
        if self.pipelined:
            self._unwanted.add(self.ask(payload))
        else:
            await self.request(payload)

    def forget_selected(self) -> None:
        """The stub may have chosen a vCPU by itself (gdbsx: the one that it names in a stop)."""
        self._selected = None

    # -- registers ------------------------------------------------------------------------------------------

    def ask_registers(self) -> Token:
        """``g`` of the selected vCPU."""
        return self.ask(messages.READ_REGISTERS)

    async def registers(self, token: Token, cpu: int) -> bytes:
        """The answer to `ask_registers` as hex digits; it is kept until the guest runs or something is written.
        As `stop` where the guest is gone."""
        self._cache.registers[cpu] = payload = await self.general(token)
        return payload

    async def read_registers(self, cpu: int, back_to: int) -> bytes:
        """``g`` of any vCPU; ``back_to`` is the one that stays selected."""
        if (kept := self._cache.registers.get(cpu)) is not None:
            return kept
        await self.select(cpu)
        payload = await self.registers(self.ask_registers(), cpu)
        if cpu != back_to:
            await self.select(back_to)
        return payload

    def kept_registers(self, cpu: int) -> bytes | None:
        """``g`` of a vCPU, where it was read since the guest ran last."""
        return self._cache.registers.get(cpu)

    def kept_memory(self, address: int, length: int) -> bytes | None:
        """Memory that was read since the guest ran last."""
        return self._cache.memory(address, length)

    def keep_registers(self, cpu: int, registers: bytes) -> None:
        """Take an answer to ``g``, hex digits, that was read at once."""
        self._cache.registers[cpu] = registers

    def keep_lines(self, lines: Iterable[tuple[int, bytes]]) -> None:
        """Take the answers for lines, by address, that were read at once; what is no line was refused."""
        for address, digits in lines:
            if len(digits) == 2 * LINE:
                self._cache.lines[address] = digits

    def kept_digits(self, address: int, length: int) -> bytes | None:
        """As `kept_memory`, as hex digits, of lines that were kept."""
        return self._cache.digits(address, length)

    def forget(self) -> None:
        """The guest runs, or was written to: nothing that was read holds any more."""
        self._cache.forget()

    # -- running --------------------------------------------------------------------------------------------

    def ask_resume(self, *, step: int | None = None, only: int | None = None, others: bool = False) -> Token:
        """Queue a resume: one instruction of vCPU ``step``, with the others held unless ``others``; or vCPU ``only``;
        or everything."""
        self.forget()
        self.stepped = step is not None
        return self.ask(self.resume_packet(step=step, only=only, others=others), Expect.STOP)

    def ask_backwards(self, *, step: bool) -> Token:
        """Queue a resume backwards, of a stub that offers it: one instruction, or to what stopped the guest before."""
        self.forget()
        self.stepped = step
        return self.ask(messages.REVERSE_STEP if step else messages.REVERSE_CONTINUE, Expect.STOP)

    def step_at_once(self, cpu: int, milliseconds: float, *, others: bool = False) -> Exchange:
        """As `ask_resume` for a step, by `exchange`."""
        self.forget()
        self.stepped = True
        return self.exchange((self.resume_packet(step=cpu, others=others),), milliseconds, Expect.STOP)

    def resume_packet(self, *, step: int | None = None, only: int | None = None, others: bool = False) -> bytes:
        """The payload of such a resume."""
        return _resume_packet(self.actions, self.threads, step, only, others)

    async def stop(self, token: Token, patience: float = 0.0) -> Stop:
        """As `Connection.stop`; a stub whose guest is gone is lost."""
        try:
            return await super().stop(token, patience)
        except Unsupported:
            if not self.dialect.without_guest:
                raise
            return await self._fail(self.dialect.without_guest)

    async def general(self, token: Token) -> bytes:
        """The answer to ``g`` as hex digits, not kept."""
        try:
            return await self.data(token, "g")
        except Unsupported:
            if not self.dialect.without_guest:
                raise
        cpu, self._selected = self._selected, None
        if cpu and await self._has_registers(0):
            await self.select(cpu)
            raise Refused("g", "", f"vCPU {cpu} shows no registers: the guest has not started it.")
        return await self._fail(self.dialect.without_guest)

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
        wanted = [page for page in pages if page not in self._cache.pages]
        if length <= min(64, self._chunk) and len(wanted) == 1 and len(pages) == 1:
            return await self._read_piece(address, length)
        if len(wanted) <= FEW:
            for page in wanted:
                await self._read_pages([page], min(MEMORY_CHUNK, self._chunk))
        else:
            for at in range(0, len(wanted), WINDOW):
                await self._read_pages(wanted[at : at + WINDOW], self._chunk)
        data = b"".join(self._cache.pages[page] for page in pages)
        return data[address - first : address - first + length]

    async def _read_piece(self, address: int, length: int) -> bytes:
        try:
            piece = await self.memory(self.ask_memory(address, length))
        except Refused as refusal:
            raise _unreadable(address, length, refusal) from None
        self._cache.keep(address, piece)
        return piece

    def ask_lines(self, addresses: Iterable[int]) -> dict[int, Token]:
        """Ask for the lines in which ``addresses`` lie, but for those that are kept."""
        lines = [line for line in {address & -LINE for address in addresses} if self.kept_memory(line, LINE) is None]
        return {line: self.ask_memory(line, LINE) for line in lines}

    async def lines(self, tokens: dict[int, Token]) -> None:
        """Take the answers, for `kept_memory`. A line that can't be read is left out."""
        for line, token in tokens.items():
            with suppress(Refused):
                self._cache.keep(line, await self.memory(token))

    async def read_lines(self, addresses: Iterable[int]) -> None:
        """Read those that are not kept yet, asked for in one write."""
        await self.lines(self.ask_lines(addresses))

    async def _read_pages(self, pages: Sequence[int], chunk: int) -> None:
        """Read whole pages into the cache, all asked for in one write where the stub can take that."""
        parts = range(0, PAGE, chunk)
        if not self.pipelined:
            for page in pages:
                self._cache.pages[page] = b"".join([await self._read_piece(page + part, chunk) for part in parts])
            return
        tokens = [[self.ask_memory(page + part, chunk) for part in parts] for page in pages]
        replies = [[await self._reply(token, "memory") for token in asked] for asked in tokens]
        for page, parts_of in zip(pages, replies, strict=True):
            try:
                self._cache.pages[page] = b"".join(decode_hex(accepted(reply, "memory").payload) for reply in parts_of)
            except Refused as refusal:
                raise _unreadable(page, PAGE, refusal) from None

    async def write_memory(self, address: int, data: bytes) -> None:
        """Raises `Refused` naming the address; what was written before it stays written."""
        self.forget()
        room = self.dialect.memory_chunk or min(MEMORY_CHUNK, max((self.features.packet_size - WRITE_OVERHEAD) // 2, 1))
        for at in range(0, len(data), room):
            chunk = data[at : at + room]
            try:
                await self.request(messages.write_memory(address + at, chunk), "a write")
            except Refused as refusal:
                text = f"The guest's memory at {address + at:#x} can't be written (stub: error {refusal.code})."
                raise Refused(refusal.command, refusal.code, text) from None

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
        self.forget()
        if self.dialect.writes_all:
            await self.write_registers({name: value})
            return
        payload = messages.write_register(register.number, value, register.bits // 8)
        try:
            await self.request(payload, f"a write of {name}")
        except Unsupported:  # kgdb and other small stubs have `G` alone
            await self.write_registers({name: value})
            self.dialect = replace(self.dialect, writes_all=True)

    async def selector(self) -> int | None:
        """CS of the selected vCPU, where the stub shows it."""
        return self.layout.decode_g(await self.request(messages.READ_REGISTERS, "g")).get("cs")

    async def write_registers(self, values: dict[str, int]) -> None:
        """``g``, then ``G`` with nothing but ``values`` (by the description's names) changed in it."""
        raw = bytearray(decode_hex(await self.request(messages.READ_REGISTERS, "g")))
        self._cache.registers.clear()
        for name, value in values.items():
            register = self.layout.by_name[name]
            mask = (1 << register.bits) - 1
            raw[register.offset : register.offset + register.size] = (value & mask).to_bytes(register.size, "little")
        await self.request(messages.write_registers(bytes(raw)), f"a write of {', '.join(values)}")

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


def _unreadable(address: int, length: int, refusal: Refused) -> Refused:
    last = address + length - 1
    where = f"{address:#x}" if length <= 1 else f"{address:#x}-{last:#x}"
    return Refused(
        refusal.command,
        refusal.code,
        f"The guest's memory at {where} can't be read now (not mapped in the current page tables?).",
    )


@lru_cache(maxsize=64)
def _resume_packet(
    offered: frozenset[str], threads: tuple[ThreadId, ...], step: int | None, only: int | None, others: bool
) -> bytes:
    action: messages.Action = "c" if step is None else "s"
    if action not in offered:
        return messages.resume(action)
    one = only if step is None else step
    actions: list[tuple[messages.Action, ThreadId | None]] = [(action, None if one is None else _thread(threads, one))]
    if others and step is not None and len(threads) > 1:
        actions.append(("c", None))
    return messages.resume_threads(actions)


def _thread(threads: tuple[ThreadId, ...], cpu: int) -> ThreadId:
    if not 0 <= cpu < max(len(threads), 1):
        raise GdbError(f"There is no vCPU {cpu}; this guest has {len(threads)}, counted from 0.")
    return threads[cpu] if threads else ThreadId(None, 1)
