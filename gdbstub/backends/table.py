"""The kinds of stubs, in the order in which they are asked whether this is one of theirs."""

from __future__ import annotations

from dataclasses import replace

from gdbstub.backends.bhyve import BHYVE
from gdbstub.backends.generic import GENERIC
from gdbstub.backends.interface import Backend, Stub
from gdbstub.backends.qemu.kvm import KVM
from gdbstub.backends.qemu.tcg import TCG
from gdbstub.backends.xen.gdbsx import GDBSX
from gdbstub.errors import GdbError, TransportError
from gdbstub.explain.abilities import Abilities
from gdbstub.explain.evidence import Platform
from gdbstub.remote.capabilities import BackendInfo

BACKENDS: dict[str, Backend] = {backend.name: backend for backend in (TCG, KVM, GDBSX, BHYVE, GENERIC)}
"""By name; the last one takes any stub."""
ABILITIES: dict[str, Abilities] = {name: backend.explains for name, backend in BACKENDS.items()}
"""What explanations may say of each, by its name."""


def backend_named(name: str) -> Backend:
    """Raises `GdbError` for a name that is in no row."""
    if name not in BACKENDS:
        raise GdbError(f"There is no backend {name}; dr6 knows {', '.join(BACKENDS)}.")
    return BACKENDS[name]


async def identify(stub: Stub, forced: Backend | None = None) -> tuple[Backend, BackendInfo]:
    """Which kind of stub this is: ``forced``, by its address or the user, or else by its answers. Raises
    `TransportError` where its answers rule ``forced`` out."""
    backend, found = await _recognised(stub)
    if forced is None:
        return backend, found
    if why := forced.contradicted_by(stub, backend):
        raise TransportError(why)
    return forced, replace(found, name=forced.name, profile=forced.name)


async def _recognised(stub: Stub) -> tuple[Backend, BackendInfo]:
    for backend in BACKENDS.values():
        if (found := await backend.recognise(stub)) is not None:
            return backend, found
    return GENERIC, GENERIC.unknown


def platform_of(found: BackendInfo) -> Platform:
    """Who runs the guest, as evidence."""
    return BACKENDS[found.profile].platform(found)
