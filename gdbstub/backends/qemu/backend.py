"""What QEMU's accelerators have in common: its human monitor tells who it is, and shows debug registers and tables."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from gdbstub.backends.interface import (
    Backend,
    DoctorQuestions,
    OpenOptions,
    Parts,
    ReadMemory,
    StateSource,
    Stub,
)
from gdbstub.backends.qemu.monitor import (
    parse_cpu_path,
    parse_kvm,
    parse_path,
    parse_roms,
    parse_vendor,
    parse_version,
)
from gdbstub.backends.qemu.monitor_state import MonitorState
from gdbstub.errors import Refused
from gdbstub.explain.evidence import ABSENT, Known, Platform
from gdbstub.remote.capabilities import BackendInfo, Vendor
from gdbstub.x86.lidt import find_lidt

if TYPE_CHECKING:
    from gdbstub.remote.target import RemoteTarget

QUESTIONS = DoctorQuestions(b"qqemu.sstepbits", b"qqemu.sstep", "info status", "help info")
"""``qqemu.sstepbits`` and the like: handle_query_qemu_sstepbits, gdbstub/gdbstub.c."""
MOST_SCANNED = 16 << 20
"""Bytes of one loaded segment that are searched for LIDT."""


class QemuBackend(Backend):
    """QEMU with one of its accelerators; ``info kvm`` tells which (hmp_info_kvm, monitor/hmp-cmds.c)."""

    async def recognise(self, stub: Stub) -> BackendInfo | None:
        if parse_kvm(await stub.answer("info kvm")) is not self.uses_kvm:
            return None
        monitor = stub.remote.monitor
        version = parse_version(await monitor("info version"))
        path = parse_cpu_path(await monitor("info hotpluggable-cpus"))
        vendor = parse_vendor(await monitor(f"qom-get {path} vendor")) if path else None
        return BackendInfo(self.name, version, cast("Vendor | None", vendor), self.name)

    def facts(self, found: BackendInfo) -> Platform:
        return Platform(
            backend=Known(self.name, "monitor"),
            version=Known(found.version, "monitor") if found.version else ABSENT,
            vendor=Known(found.vendor, "monitor") if found.vendor else ABSENT,
            guest=Known("hvm", "QEMU runs whole machines"),
        )

    def state_source(self, remote: RemoteTarget) -> StateSource:
        return MonitorState(remote)

    async def open(self, stub: Stub, found: BackendInfo, options: OpenOptions) -> Parts:
        async def find(read_memory: ReadMemory) -> tuple[int, ...]:
            return await find_loaded_lidt(stub.remote, read_memory)

        async def kernel() -> str | None:
            return await find_kernel(stub.remote)

        from gdbstub.backends.qemu.leaving import QemuHooks  # trio, which `dr6 --help` does without

        hooks = QemuHooks(stub.remote, options.watch_leaving)
        return replace(self.plain_parts(stub, found), hooks=hooks, find_lidt=find, find_kernel=kernel)


async def find_loaded_lidt(remote: RemoteTarget, read_memory: ReadMemory) -> tuple[int, ...]:
    """LIDT candidates in what QEMU put into RAM before the first instruction (a PVH kernel). Physical addresses, which
    are linear ones too as long as paging is off."""
    found: tuple[int, ...] = ()
    for address, size in parse_roms(await remote.monitor("info roms")):
        with suppress(Refused):
            found += find_lidt(await read_memory(address, min(size, MOST_SCANNED)), address)
    return found


async def find_kernel(remote: RemoteTarget) -> str | None:
    """The file that QEMU was given as ``-kernel``, by its name on QEMU's machine."""
    try:
        return parse_path(await remote.monitor("qom-get /machine kernel"))
    except Refused:
        return None
