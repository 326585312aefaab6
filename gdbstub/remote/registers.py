"""The registers of a stub's vCPUs, of which one is selected."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from trio.abc import Stream

from gdbstub.errors import GdbError, Refused, Unsupported
from gdbstub.protocol import messages
from gdbstub.protocol.features import Features
from gdbstub.protocol.fields import ThreadId, decode_hex
from gdbstub.protocol.layout import make_layout
from gdbstub.remote.capabilities import Dialect
from gdbstub.remote.connection import Connection
from gdbstub.remote.link_stream import ConnectionOptions, Token
from gdbstub.remote.memory_cache import MemoryCache
from gdbstub.remote.threads import named


class RemoteRegisters(Connection):
    """What was read is kept until the guest runs, or something is written."""

    def __init__(self, stream: Stream, **options: Unpack[ConnectionOptions]) -> None:
        super().__init__(stream, **options)
        self._cache = MemoryCache()
        self.features = Features()
        self.layout = make_layout(())
        self.threads: tuple[ThreadId, ...] = ()
        self.dialect = Dialect()
        self._selected: int | None = None

    def thread(self, cpu: int) -> ThreadId:
        """The stub's name for vCPU ``cpu``. Raises `GdbError` for a vCPU that does not exist."""
        return named(self.threads, cpu)

    def cpu_of(self, thread: ThreadId | None) -> int | None:
        """The vCPU that a stop reply's thread names; one that a process has made meanwhile gets the next number."""
        if thread is None:
            return None
        number = next((i for i, t in enumerate(self.threads) if t.thread == thread.thread), None)
        if number is None and self.features.of_process and thread.thread > 0:
            self.threads += (thread,)
            return len(self.threads) - 1
        return number

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

    def forget(self) -> None:
        """The guest runs, or was written to: nothing that was read holds any more."""
        self._cache.forget()

    @property
    def generation(self) -> int:
        """Changes whenever what was read holds no more."""
        return self._cache.generation

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

    def keep_registers(self, cpu: int, registers: bytes) -> None:
        """Take an answer to ``g``, hex digits, that was read at once."""
        self._cache.registers[cpu] = registers

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
