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
from gdbstub.journal import Journal
from gdbstub.planter import Planter


class Furnishings(NamedTuple):
    """``points`` puts breakpoints into the guest. ``dom0`` is where debug registers come from, if not from a monitor;
    ``planter`` is the one of ``points`` that has to be closed."""

    points: Points
    habits: Habits
    dom0: Dom0 | None = None
    planter: Planter | None = None


def plain(
    profile: Profile, remote: RemoteTarget, dom0: Dom0, journal: Journal, say: Callable[[str], None]
) -> Furnishings:
    return Furnishings(remote, Habits(remote))


def gdbsx(
    profile: Profile, remote: RemoteTarget, dom0: Dom0, journal: Journal, say: Callable[[str], None]
) -> Furnishings:
    planter = Planter(remote, journal, profile.capabilities.no_hardware)
    return Furnishings(planter, GdbsxHabits(remote, planter, dom0, say), dom0, planter)


FURNISHERS = {"plain": plain, "gdbsx": gdbsx}
"""By `Profile.habits`."""
