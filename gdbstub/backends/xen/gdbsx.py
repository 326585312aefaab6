"""Xen's gdbsx: no ``Z``, no ``P``, no Ctrl-C, no debug registers; all of those through Xen's dom0, or as int3s."""

from __future__ import annotations

from gdbstub.backends.generic import GENERIC
from gdbstub.backends.interface import Backend, OpenOptions, Parts, Stub
from gdbstub.backends.xen import abilities
from gdbstub.backends.xen.helpers import NO_DOMAIN, NO_HARDWARE, is_gdbsx, wrong_width
from gdbstub.errors import TransportError
from gdbstub.explain.evidence import Known, Platform, Unknown
from gdbstub.remote.capabilities import BackendInfo, Capabilities, Dialect

NO_BREAK = (
    "gdbsx does not read Ctrl-C from the wire: run 'xl pause DOMAIN' in dom0, or attach with --dom0 (and --domain), "
    "so that dr6 does it."
)
"""0x03 is read later, as something else."""
_NO_HELPER = Unknown("no helper in dom0 was asked, or it did not say")


class GdbsxBackend(Backend):
    async def recognise(self, stub: Stub) -> BackendInfo | None:
        known = is_gdbsx(await stub.answer("info kvm"), offers=stub.offers, odd_threads=stub.remote.odd_threads)
        return BackendInfo(self.name, None, None, self.name) if known else None

    def contradicted_by(self, stub: Stub, found: Backend) -> str:
        if not stub.offers and found in (self, GENERIC):
            return ""
        return f"{stub.target} is no gdbsx: it answers as {found.name} does. Attach to it as tcp:."

    def facts(self, found: BackendInfo) -> Platform:
        """What no helper in dom0 told is unknown."""
        return Platform(
            backend=Known(self.name, "the stub's answers"),
            version=Known(found.version, "xl info") if found.version else _NO_HELPER,
            vendor=Known(found.vendor, "dom0's /proc/cpuinfo") if found.vendor else _NO_HELPER,
            guest=Known(found.guest, "xl list, or CS") if found.guest else _NO_HELPER,
        )

    async def open(self, stub: Stub, found: BackendInfo, options: OpenOptions) -> Parts:
        from gdbstub.backends.xen.parts import open_domain  # loads trio

        remote = stub.remote
        cs = await remote.selector()
        if (wrong := wrong_width(cs, wide="rip" in remote.layout.by_name)) is not None:
            raise TransportError(wrong)
        return await open_domain(self, stub, cs, found, options)


GDBSX = GdbsxBackend(
    name="xen-gdbsx",
    title="Xen gdbsx",
    steps_by_tf=True,
    capabilities=Capabilities(
        hardware_breakpoints=False,
        read_watchpoints=False,
        interrupt=False,
        hardware_slots=0,
        hardware_hides_guest=False,
        passes_by_rf=True,
        writes_around_int3s=True,
        no_hardware=NO_HARDWARE,
        takes_debug_events=True,
    ),
    dialect=Dialect(
        probe=(b"qfThreadInfo", b"m"),
        no_break=NO_BREAK,
        writes_all=True,
        detach_answers=False,
        kills=False,
        keeps_thread=True,
        without_guest=NO_DOMAIN,
        acks_late=True,
        behind_int3=True,
        memory_chunk=1024,  # a quarter of what overflows its buffer; it names no packet size
    ),
    explains=abilities.GDBSX,
)
