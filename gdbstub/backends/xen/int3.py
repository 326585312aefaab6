"""Software breakpoints for a stub that has none: int3s of our own in the guest's memory.

`Int3Breakpoints` offers what `RemoteTarget` offers a `BreakpointTable`, so the table does not know the difference.
Everything that is written is in the journal first; what a dr6 that died left behind is taken out by `recovery`.
"""

from __future__ import annotations

from gdbstub.backends.xen.journal import Int3, Journal
from gdbstub.backends.xen.shared_debug_registers import SharedDebugRegisters
from gdbstub.errors import Refused, TransportError, Unsupported
from gdbstub.protocol import messages
from gdbstub.remote.memory_cache import PAGE
from gdbstub.remote.target import BREAKPOINTS, RemoteTarget
from gdbstub.x86.breakpoints import BreakpointKind

INT3 = 0xCC
CONTEXT = 8
"""Bytes that are read where an int3 goes: that one, and those behind it, by which the place is known again."""


class Int3Breakpoints:
    """Software breakpoints as int3s; the others are ``hardware``'s, or refused with ``why_no_hardware``."""

    def __init__(
        self, remote: RemoteTarget, journal: Journal, why_no_hardware: str, hardware: SharedDebugRegisters | None = None
    ) -> None:
        self.hardware = hardware
        self._remote = remote
        self._journal = journal
        self._why = why_no_hardware
        self._inserted: dict[int, Int3] = {}

    @property
    def inserted(self) -> frozenset[int]:
        """Where int3s of ours stand now."""
        return frozenset(self._inserted)

    def is_ours(self, address: int) -> bool:
        """Is the int3 at ``address`` ours, and not the guest's own?"""
        int3 = self._inserted.get(address)
        return int3 is not None and int3.shadow != INT3

    async def insert(self, kind: BreakpointKind, address: int, length: int) -> None:
        """Put an int3 at ``address``. Raises `Refused` where that can't be, `CannotKeep` where no journal can."""
        if kind is not BreakpointKind.SOFTWARE:
            if self.hardware is None:
                raise Unsupported(BREAKPOINTS[kind], self._why)
            await self.hardware.insert(kind, address, length)
            return
        seen = await self._look(address, f"No int3 can be put at {address:#x}: the memory there can't be read now.")
        int3 = Int3(address, seen[0], seen[1:])
        self._journal.insert(int3)
        self._inserted[address] = int3
        if int3.shadow == INT3:
            return  # an INT3 of the guest's own stops the domain as well
        try:
            await self._remote.write_memory(address, bytes([INT3]))
        except Refused:
            self._forget(address)
            raise

    async def remove(self, kind: BreakpointKind, address: int, length: int) -> None:
        """Take ours out. Where the guest wrote something else there, its byte stays. Raises `Refused` where the place
        can't be reached; the int3 is then still there, and in the journal."""
        if kind is not BreakpointKind.SOFTWARE and self.hardware is not None:
            await self.hardware.remove(kind, address, length)
            return
        int3 = self._inserted.get(address)
        if int3 is None:
            return
        text = f"The int3 at {address:#x} could not be taken out: the memory there can't be read or written now."
        seen = await self._look(address, text)
        if seen[0] == INT3 and int3.shadow != INT3:
            try:
                await self._remote.write_memory(address, bytes([int3.shadow]))
            except Refused as refusal:
                raise Refused(refusal.command, refusal.code, text) from None
        self._forget(address)

    async def read_memory(self, address: int, length: int) -> bytes:
        """Memory as it is, our int3s in it."""
        return await self._remote.read_memory(address, length)

    def kept_memory(self, address: int, length: int) -> bytes | None:
        """The same, where it was read since the guest ran."""
        return self._remote.kept_memory(address, length)

    async def write_memory(self, address: int, data: bytes) -> None:
        """Write the guest's own bytes, around the int3s that stand among them: those get them when they go."""
        last = address + len(data)
        inside = [int3 for at, int3 in self._inserted.items() if address <= at < last]
        patched = bytearray(data)
        for int3 in inside:
            at = int3.address - address
            new = int3._replace(shadow=data[at])
            self._journal.insert(new)
            self._inserted[int3.address] = new
            patched[at] = INT3
        await self._remote.write_memory(address, bytes(patched))

    def forget(self) -> None:
        """The guest is gone, and what was written into it."""
        for address in tuple(self._inserted):
            self._forget(address)
        if self.hardware is not None:
            self.hardware.forget()

    def close(self) -> None:
        """The session is over."""
        self._journal.close()

    async def _see_that_it_is_there(self) -> None:
        """Memory that can't be read may be that of a guest that is gone, and ours with it. Raises `TransportError`."""
        try:
            await self._remote.general(self._remote.ask(messages.READ_REGISTERS))
        except TransportError:
            self.forget()
            raise

    def _forget(self, address: int) -> None:
        del self._inserted[address]
        self._journal.remove(address)

    async def _look(self, address: int, refusal: str) -> bytes:
        """The byte at ``address`` and those behind it on its page, other int3s of ours taken out of those."""
        length = min(CONTEXT, PAGE - address % PAGE)
        try:
            seen = bytearray(await self._remote.memory(self._remote.ask_memory(address, length)))
        except Refused as error:
            await self._see_that_it_is_there()
            raise Refused(error.command, error.code, refusal) from None
        for at, int3 in self._inserted.items():
            if address < at < address + length:
                seen[at - address] = int3.shadow
        return bytes(seen)
