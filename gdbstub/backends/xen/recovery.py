"""Taking out what a dr6 that died left in a guest: int3s, and breakpoints in its debug registers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from gdbstub.backends.xen.int3 import INT3
from gdbstub.backends.xen.journal import Int3
from gdbstub.backends.xen.left_behind import Left
from gdbstub.backends.xen.shared_debug_registers import SharedDebugRegisters
from gdbstub.errors import Refused
from gdbstub.protocol import messages
from gdbstub.remote.target import RemoteTarget
from gdbstub.x86.decode import shape
from gdbstub.x86.registers import Mode


class RecoveryReport:
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
) -> RecoveryReport:
    """Take out what is still there of ``left``, look that it is out, and forget the journals that hold no more. ``may``
    is asked first, where there is something to be taken out; after a no all of it stays, in the journals too."""
    report = RecoveryReport()
    found = [(one, await _survey(remote, one, report)) for one in left]
    report.kept = [int3.address for _, standing in found for int3 in standing]
    report.kept_cpus = [kept.cpu for one in left for kept in one.kept]
    stays = bool(report.kept or report.kept_cpus) and not await may(report.question)
    if not stays:
        report.kept, report.kept_cpus = [], []
    for one, standing in found:
        released = not one.kept or (not stays and await _release(one, hardware, report))
        out = [] if stays else [int3 for int3 in standing if await _take_out(remote, int3, report)]
        reached = all(int3.address not in report.unreachable for int3 in one.int3s)
        if released and reached and len(out) == len(standing):
            one.path.unlink(missing_ok=True)
        await _put_back(remote, {int3.address: int3 for int3 in out}, report)
    return report


async def _release(one: Left, hardware: SharedDebugRegisters | None, report: RecoveryReport) -> bool:
    """Give the guest its debug registers back, which needs a helper in dom0; whether that is done."""
    try:
        if hardware is not None:
            report.registers += await hardware.adopt(one.kept)
            return True
    except Refused:
        pass
    report.locked += [kept.cpu for kept in one.kept]
    return False


async def _put_back(remote: RemoteTarget, rows: dict[int, Int3], report: RecoveryReport) -> None:
    """A vCPU that hit one stands behind it, in the middle of the instruction that is there again. Where that is one of
    a single byte, RIP may as well be right."""
    name: str
    mode: Mode
    name, mode = ("rip", 64) if "rip" in remote.layout.by_name else ("eip", 32)
    hit = {at for at in report.restored if (at in rows) and not _is_one_byte(rows[at], mode)}
    for cpu in range(max(len(remote.threads), 1)) if hit else ():
        await remote.select(cpu)
        at = remote.layout.decode_g(await remote.request(messages.READ_REGISTERS, "g"))[name] - 1
        if at in hit:
            await remote.write_registers({name: at})
            report.behind.append(at)


def _is_one_byte(int3: Int3, mode: Mode) -> bool:
    there = shape(bytes([int3.shadow]) + int3.behind, mode)
    return there is not None and len(there.bytes) == 1


async def _survey(remote: RemoteTarget, left: Left, report: RecoveryReport) -> list[Int3]:
    """Which of them stand in the guest; what became of the others goes into ``report``."""
    if left.int3s or left.kept:
        report.pids.append(left.pid)
    rows = {int3.address: int3 for int3 in left.int3s}
    standing = []
    for at, int3 in rows.items():
        wanted = bytes([int3.shadow]) + int3.behind
        try:
            seen = bytearray(await remote.memory(remote.ask_memory(at, len(wanted))))
        except Refused:
            report.unreachable.append(at)
            continue
        for other in rows.values():
            place = other.address - at
            if 0 < place < len(seen) and seen[place] == INT3:
                seen[place] = other.shadow
        if bytes(seen) == wanted:
            report.intact.append(at)
        elif seen[0] == INT3 and bytes(seen[1:]) == int3.behind:
            standing.append(int3)
        else:
            report.foreign.append(at)
    return standing


async def _take_out(remote: RemoteTarget, int3: Int3, report: RecoveryReport) -> bool:
    """Put the guest's own byte back, and look."""
    shadow = bytes([int3.shadow])
    await remote.write_memory(int3.address, shadow)
    there = await remote.memory(remote.ask_memory(int3.address, 1)) == shadow
    (report.restored if there else report.unreachable).append(int3.address)
    return there
