"""QEMU's record and replay: time is the number of instructions, and what comes from outside is written down, so that
the same run can be had again.

QEMU ends where a log is not there, is of another version, or does not fit (replay_configure, replay/replay.c); what it
says then is told by who starts it.
"""

from __future__ import annotations

import os
from pathlib import Path

from transports.errors import CannotOpen


def recorded(path: str | Path) -> bool:
    """Is a run in this file, which can be had again?"""
    try:
        return os.path.getsize(path) > 0
    except OSError:
        return False


def arguments(path: str | Path, accel: str, smp: int, given: set[str]) -> list[str]:
    """QEMU's options: what is in ``path`` runs again; where nothing is there, the run is written into it. ``given`` are
    the user's own options. Raises `CannotOpen` where that does not go together."""
    if accel != "tcg" or smp != 1:
        raise CannotOpen("QEMU records and replays one vCPU, and with TCG alone: leave out --smp and --accel.")
    if "-icount" in given:
        raise CannotOpen("Recording and replaying need QEMU's -icount for themselves; leave it out.")
    again = recorded(path)
    if not again and not os.access(Path(path).resolve().parent, os.W_OK):
        raise CannotOpen(f"The run can't be written to {str(path)!r}: its folder is not there, or not yours to write.")
    name = str(path).replace(",", ",,")
    return ["-icount", f"shift=auto,rr={'replay' if again else 'record'},rrfile={name}"]
