"""What a kind of stub needs beside the packets that all have: by its profile, once it is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gdbstub.backends import Profile
from gdbstub.breakpoints import Points
from gdbstub.client import RemoteTarget
from gdbstub.dom0 import Dom0
from gdbstub.gdbsx import GdbsxHabits
from gdbstub.habits import Habits
from gdbstub.hardware import Hardware
from gdbstub.journal import Journal
from gdbstub.planter import Planter


class Furnishings(NamedTuple):
    """``points`` puts breakpoints into the guest. ``dom0`` is where debug registers come from, if not from a monitor;
    ``planter`` is the one of ``points`` that has to be closed, ``hardware`` where its debug registers come from."""

    points: Points
    habits: Habits
    dom0: Dom0 | None = None
    planter: Planter | None = None
    hardware: Hardware | None = None


def plain(
    profile: Profile, remote: RemoteTarget, dom0: Dom0, journal: Journal, say: Callable[[str], None]
) -> Furnishings:
    return Furnishings(remote, Habits(remote))


def gdbsx(
    profile: Profile, remote: RemoteTarget, dom0: Dom0, journal: Journal, say: Callable[[str], None]
) -> Furnishings:
    hardware = None if dom0.no_hardware else Hardware(dom0, journal, say)
    if hardware is not None:
        dom0.own = hardware.shown
    planter = Planter(remote, journal, dom0.no_hardware, hardware)
    return Furnishings(planter, GdbsxHabits(remote, planter, dom0, say), dom0, planter, hardware)


FURNISHERS = {"plain": plain, "gdbsx": gdbsx}
"""By `Profile.habits`."""
