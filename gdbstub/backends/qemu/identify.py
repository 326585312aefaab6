"""Which stub this is, by its monitor; of a QEMU the accelerator, the version and the guest CPU's vendor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import cast

from gdbstub.backends.qemu.monitor import parse_cpu_path, parse_kvm, parse_roms, parse_vendor, parse_version
from gdbstub.backends.xen.helpers import backend as xen_backend
from gdbstub.backends.xen.helpers import is_gdbsx
from gdbstub.errors import Refused
from gdbstub.remote.capabilities import BackendInfo, Vendor
from gdbstub.x86.lidt import find_lidt

Monitor = Callable[[str], Awaitable[str]]
ReadMemory = Callable[[int, int], Awaitable[bytes]]

MOST_SCANNED = 16 << 20
"""Bytes of one loaded segment that are searched for LIDT."""


async def identify(monitor: Monitor, *, offers: bool = True, odd_threads: bool = False) -> BackendInfo:
    """Ask the stub's monitor who it is; any stub whose monitor does not answer as QEMU's or gdbsx's is "generic".

    ``offers``: it named features in the handshake; ``odd_threads``: it listed its threads as gdbsx does.
    """
    try:
        answer = await monitor("info kvm")
    except Refused:
        answer = ""
    kvm = parse_kvm(answer)
    if kvm is None:
        known = is_gdbsx(answer, offers=offers, odd_threads=odd_threads)
        return xen_backend(None, None, None) if known else BackendInfo("generic", None, None, "generic")
    version = parse_version(await monitor("info version"))
    path = parse_cpu_path(await monitor("info hotpluggable-cpus"))
    vendor = parse_vendor(await monitor(f"qom-get {path} vendor")) if path else None
    name = "qemu-kvm" if kvm else "qemu-tcg"
    return BackendInfo(name, version, cast("Vendor | None", vendor), name)


async def find_loaded_lidt(monitor: Monitor, read_memory: ReadMemory) -> tuple[int, ...]:
    """LIDT candidates in what QEMU put into RAM before the first instruction (a PVH kernel). Physical addresses, which
    are linear ones too as long as paging is off."""
    found: tuple[int, ...] = ()
    for address, size in parse_roms(await monitor("info roms")):
        with suppress(Refused):
            found += find_lidt(await read_memory(address, min(size, MOST_SCANNED)), address)
    return found
