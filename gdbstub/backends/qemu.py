"""Which QEMU this is: accelerator, version and the guest CPU's vendor, all asked of its monitor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import cast

from gdbstub.backends.hmp import parse_cpu_path, parse_kvm, parse_roms, parse_vendor, parse_version
from gdbstub.errors import Refused
from gdbstub.target import Backend, Vendor
from gdbstub.x86.lidt import find_lidt

Monitor = Callable[[str], Awaitable[str]]
ReadMemory = Callable[[int, int], Awaitable[bytes]]

MOST_SCANNED = 16 << 20
"""Bytes of one loaded segment that are searched for LIDT."""


async def identify(monitor: Monitor) -> Backend:
    """Ask the stub's monitor who it is; any stub whose monitor does not answer as QEMU's is "generic"."""
    try:
        kvm = parse_kvm(await monitor("info kvm"))
    except Refused:
        kvm = None
    if kvm is None:
        return Backend("generic", None, None, "generic")
    version = parse_version(await monitor("info version"))
    path = parse_cpu_path(await monitor("info hotpluggable-cpus"))
    vendor = parse_vendor(await monitor(f"qom-get {path} vendor")) if path else None
    name = "qemu-kvm" if kvm else "qemu-tcg"
    return Backend(name, version, cast("Vendor | None", vendor), name)


async def find_loaded_lidt(monitor: Monitor, read_memory: ReadMemory) -> tuple[int, ...]:
    """LIDT candidates in what QEMU put into RAM before the first instruction (a PVH kernel). Physical addresses, which
    are linear ones too as long as paging is off."""
    found: tuple[int, ...] = ()
    for address, size in parse_roms(await monitor("info roms")):
        with suppress(Refused):
            found += find_lidt(await read_memory(address, min(size, MOST_SCANNED)), address)
    return found
