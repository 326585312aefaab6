"""Software breakpoints for a stub that has none: int3s of our own in the guest's memory.

`Int3Breakpoints` offers what `RemoteTarget` offers a `BreakpointTable`, so the table does not know the difference.
Everything that is written is in the journal first; what a dr6 that died left behind is taken out by `recover`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from gdbstub.backends.xen.journal import Journal, Left, Planted
from gdbstub.backends.xen.shared_debug_registers import SharedDebugRegisters
from gdbstub.errors import Refused, TransportError, Unsupported
from gdbstub.protocol import messages
from gdbstub.protocol.messages import BreakpointType
from gdbstub.remote.target import BREAKPOINTS, PAGE, RemoteTarget
from gdbstub.x86.decode import shape
from gdbstub.x86.registers import Mode

INT3 = 0xCC
CONTEXT = 8
"""Bytes that are read where an int3 goes: that one, and those behind it, by which the place is known again."""


class Int3Breakpoints:
    """Breakpoints of type 0 as int3s; the others are ``hardware``'s, or refused with ``why_no_hardware``."""

    def __init__(
        self, remote: RemoteTarget, journal: Journal, why_no_hardware: str, hardware: SharedDebugRegisters | None = None
    ) -> None:
        self.hardware = hardware
        self._remote = remote
        self._journal = journal
        self._why = why_no_hardware
        self._planted: dict[int, Planted] = {}

    @property
    def planted(self) -> frozenset[int]:
        """Where int3s of ours stand now."""
        return frozenset(self._planted)

    def is_ours(self, address: int) -> bool:
        """Is the int3 at ``address`` ours, and not the guest's own?"""
        planted = self._planted.get(address)
        return planted is not None and planted.original != INT3

    async def insert(self, kind: BreakpointType, address: int, length: int) -> None:
        """Put an int3 at ``address``. Raises `Refused` where that can't be, `CannotKeep` where no journal can."""
        if kind:
            if self.hardware is None:
                raise Unsupported(BREAKPOINTS[kind], self._why)
            await self.hardware.insert(kind, address, length)
            return
        seen = await self._look(address, f"No int3 can be put at {address:#x}: the memory there can't be read now.")
        planted = Planted(address, seen[0], seen[1:])
        self._journal.plant(planted)
        self._planted[address] = planted
        if planted.original == INT3:
            return  # an INT3 of the guest's own stops the domain as well
        try:
            await self._remote.write_memory(address, bytes([INT3]))
        except Refused:
            self._forget(address)
            raise

    async def remove(self, kind: BreakpointType, address: int, length: int) -> None:
        """Take ours out. Where the guest wrote something else there, its byte stays. Raises `Refused` where the place
        can't be reached; the int3 is then still there, and in the journal."""
        if kind and self.hardware is not None:
            await self.hardware.remove(kind, address, length)
            return
        planted = self._planted.get(address)
        if planted is None:
            return
        text = f"The int3 at {address:#x} could not be taken out: the memory there can't be read or written now."
        seen = await self._look(address, text)
        if seen[0] == INT3 and planted.original != INT3:
            try:
                await self._remote.write_memory(address, bytes([planted.original]))
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
        inside = [planted for at, planted in self._planted.items() if address <= at < last]
        patched = bytearray(data)
        for planted in inside:
            at = planted.address - address
            new = planted._replace(original=data[at])
            self._journal.plant(new)
            self._planted[planted.address] = new
            patched[at] = INT3
        await self._remote.write_memory(address, bytes(patched))

    def forget(self) -> None:
        """The guest is gone, and what was planted with it."""
        for address in tuple(self._planted):
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
        del self._planted[address]
        self._journal.remove(address)

    async def _look(self, address: int, refusal: str) -> bytes:
        """The byte at ``address`` and those behind it on its page, other int3s of ours taken out of those."""
        length = min(CONTEXT, PAGE - address % PAGE)
        try:
            seen = bytearray(await self._remote.memory(self._remote.ask_memory(address, length)))
        except Refused as error:
            await self._see_that_it_is_there()
            raise Refused(error.command, error.code, refusal) from None
        for at, planted in self._planted.items():
            if address < at < address + length:
                seen[at - address] = planted.original
        return bytes(seen)


class Findings:
    """What became of the int3s that dr6s before this one left behind."""

    def __init__(self) -> None:
        self.restored: list[int] = []
        self.intact: list[int] = []
        self.foreign: list[int] = []
        self.unreachable: list[int] = []
        self.behind: list[int] = []
        self.registers: list[int] = []
        self.locked: list[int] = []
        self.kept: list[int] = []
        self.kept_cpus: list[int] = []
        self.pids: list[int] = []

    @property
    def _who(self) -> str:
        return f"an earlier dr6 (process {', '.join(map(str, self.pids))})"

    @property
    def question(self) -> str:
        places = []
        if self.kept:
            places.append(f"{_counted(self.kept)} in the guest's memory, at {_listed(self.kept)}")
        if self.kept_cpus:
            places.append(f"breakpoints in the debug registers of vCPU {_numbered(self.kept_cpus)}")
        return f"Take out what {self._who} left: {' and '.join(places)}?"

    @property
    def sentence(self) -> str:
        """All of it in one line; empty where there was nothing."""
        if not self.pids:
            return ""
        who = self._who
        parts = []
        if self.kept:
            parts.append(
                f"Left in the guest's memory: {_counted(self.kept)} of {who}, at {_listed(self.kept)}, each of which "
                "stops it as an INT3 of its own; they stay noted for the next start"
            )
        elif self.restored:
            parts.append(
                f"Restored and verified: {_counted(self.restored)} that {who} had left in the guest's memory, at "
                f"{_listed(self.restored)}"
            )
        elif self.intact and not (self.registers or self.locked or self.kept_cpus):
            parts.append(f"Verified: nothing that {who} had planted is left in the guest's memory")
        if self.kept_cpus:
            parts.append(
                f"Left in the debug registers of vCPU {_numbered(self.kept_cpus)}: breakpoints of {who}; they stay "
                "noted for the next start"
            )
        if self.registers:
            parts.append(
                f"Restored and verified: the guest's own debug registers of vCPU {_numbered(self.registers)}, among "
                f"which {who} had left breakpoints"
            )
        if self.locked:
            parts.append(
                f"breakpoints of {who} in the debug registers of vCPU {_numbered(self.locked)} can't be taken out "
                "without a working dr6-vcpu in dom0, and stay noted"
            )
        if self.behind:
            parts.append(f"RIP was put back to {_listed(self.behind)}, where one of them had been hit")
        if self.foreign:
            parts.append(f"{_listed(self.foreign)} holds other code than where {who} planted, and was left alone")
        if self.unreachable:
            parts.append(f"an int3 of {who} at {_listed(self.unreachable)} can't be reached now, and stays noted")
        return f"{'; '.join(parts)}." if parts else ""


def _numbered(cpus: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(set(cpus))))


def _counted(addresses: list[int]) -> str:
    return f"{len(addresses)} int3{'s' * (len(addresses) > 1)}"


def _listed(addresses: Iterable[int]) -> str:
    return ", ".join(f"{address:#x}" for address in addresses)


async def recover(
    remote: RemoteTarget,
    left: Sequence[Left],
    may: Callable[[str], Awaitable[bool]],
    hardware: SharedDebugRegisters | None = None,
) -> Findings:
    """Take out what is still there of ``left``, look that it is out, and forget the journals that hold no more. ``may``
    is asked first, where there is something to be taken out; after a no all of it stays, in the journals too."""
    findings = Findings()
    found = [(one, await _survey(remote, one, findings)) for one in left]
    findings.kept = [planted.address for _, standing in found for planted in standing]
    findings.kept_cpus = [kept.cpu for one in left for kept in one.kept]
    stays = bool(findings.kept or findings.kept_cpus) and not await may(findings.question)
    if not stays:
        findings.kept, findings.kept_cpus = [], []
    for one, standing in found:
        released = not one.kept or (not stays and await _release(one, hardware, findings))
        out = [] if stays else [planted for planted in standing if await _take_out(remote, planted, findings)]
        reached = all(planted.address not in findings.unreachable for planted in one.planted)
        if released and reached and len(out) == len(standing):
            one.path.unlink(missing_ok=True)
        await _put_back(remote, {planted.address: planted for planted in out}, findings)
    return findings


async def _release(one: Left, hardware: SharedDebugRegisters | None, findings: Findings) -> bool:
    """Give the guest its debug registers back, which needs a helper in dom0; whether that is done."""
    try:
        if hardware is not None:
            findings.registers += await hardware.adopt(one.kept)
            return True
    except Refused:
        pass
    findings.locked += [kept.cpu for kept in one.kept]
    return False


async def _put_back(remote: RemoteTarget, rows: dict[int, Planted], findings: Findings) -> None:
    """A vCPU that hit one stands behind it, in the middle of the instruction that is there again. Where that is one of
    a single byte, RIP may as well be right."""
    name: str
    mode: Mode
    name, mode = ("rip", 64) if "rip" in remote.layout.by_name else ("eip", 32)
    hit = {at for at in findings.restored if (at in rows) and not _is_one_byte(rows[at], mode)}
    for cpu in range(max(len(remote.threads), 1)) if hit else ():
        await remote.select(cpu)
        at = remote.layout.decode_g(await remote.request(messages.READ_REGISTERS, "g"))[name] - 1
        if at in hit:
            await remote.write_registers({name: at})
            findings.behind.append(at)


def _is_one_byte(planted: Planted, mode: Mode) -> bool:
    there = shape(bytes([planted.original]) + planted.behind, mode)
    return there is not None and len(there.bytes) == 1


async def _survey(remote: RemoteTarget, left: Left, findings: Findings) -> list[Planted]:
    """Which of them stand in the guest; what became of the others goes into ``findings``."""
    if left.planted or left.kept:
        findings.pids.append(left.pid)
    rows = {planted.address: planted for planted in left.planted}
    standing = []
    for at, planted in rows.items():
        wanted = bytes([planted.original]) + planted.behind
        try:
            seen = bytearray(await remote.memory(remote.ask_memory(at, len(wanted))))
        except Refused:
            findings.unreachable.append(at)
            continue
        for other in rows.values():
            place = other.address - at
            if 0 < place < len(seen) and seen[place] == INT3:
                seen[place] = other.original
        if bytes(seen) == wanted:
            findings.intact.append(at)
        elif seen[0] == INT3 and bytes(seen[1:]) == planted.behind:
            standing.append(planted)
        else:
            findings.foreign.append(at)
    return standing


async def _take_out(remote: RemoteTarget, planted: Planted, findings: Findings) -> bool:
    """Put the guest's own byte back, and look."""
    original = bytes([planted.original])
    await remote.write_memory(planted.address, original)
    there = await remote.memory(remote.ask_memory(planted.address, 1)) == original
    (findings.restored if there else findings.unreachable).append(planted.address)
    return there
