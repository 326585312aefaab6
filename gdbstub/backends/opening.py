"""What a kind of stub needs beside the packets that all have: by its profile, once it is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gdbstub.backends import Profile
from gdbstub.backends.interface import BreakpointTarget, StopHooks
from gdbstub.backends.xen.dom0 import Dom0
from gdbstub.backends.xen.gdbsx import GdbsxStopHooks
from gdbstub.backends.xen.int3 import Int3Breakpoints
from gdbstub.backends.xen.journal import Journal
from gdbstub.backends.xen.shared_debug_registers import SharedDebugRegisters
from gdbstub.remote.target import RemoteTarget


class Parts(NamedTuple):
    """``points`` puts breakpoints into the guest. ``dom0`` is where debug registers come from, if not from a monitor;
    ``planter`` is the one of ``points`` that has to be closed, ``hardware`` where its debug registers come from."""

    points: BreakpointTarget
    habits: StopHooks
    dom0: Dom0 | None = None
    int3s: Int3Breakpoints | None = None
    hardware: SharedDebugRegisters | None = None


def plain(profile: Profile, remote: RemoteTarget, dom0: Dom0, journal: Journal, say: Callable[[str], None]) -> Parts:
    return Parts(remote, StopHooks(remote))


def gdbsx(profile: Profile, remote: RemoteTarget, dom0: Dom0, journal: Journal, say: Callable[[str], None]) -> Parts:
    hardware = None if dom0.no_hardware else SharedDebugRegisters(dom0, journal, say)
    if hardware is not None:
        dom0.own = hardware.shown
    int3s = Int3Breakpoints(remote, journal, dom0.no_hardware, hardware)
    return Parts(int3s, GdbsxStopHooks(remote, int3s, dom0, say), dom0, int3s, hardware)


OPENERS = {"plain": plain, "gdbsx": gdbsx}
"""By `Profile.habits`."""
