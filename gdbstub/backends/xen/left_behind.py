"""Journals that a dr6 which is gone left behind; what stands in one is read as far as it can be true."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gdbstub.backends.xen.journal import MOST_FILES, Int3, Kept, is_ours, open_folder
from gdbstub.backends.xen.slots import SlotSetting
from gdbstub.backends.xen.vcpu_helper import Addresses, VcpuDebugRegisters
from gdbstub.x86.breakpoints import BY_RW
from gdbstub.x86.decode import LONGEST
from gdbstub.x86.registers import MASK_64

MOST_BYTES = 1 << 22
"""No session has tens of thousands of int3s."""
MOST_PID, MOST_CPUS = 1 << 22, 4095
"""proc(5), pid_max; the most vCPUs that dr6 attaches to."""


@dataclass(frozen=True, slots=True)
class Left:
    """What a dr6 that is gone left in a guest: its journal, whose it was, the int3s that were still in, and in which
    vCPUs' debug registers breakpoints of it were."""

    path: Path
    pid: int
    int3s: tuple[Int3, ...]
    kept: tuple[Kept, ...] = ()


def left_behind(folder: Path, target: str, domain: str | None) -> Iterator[Left]:
    """The journals of dr6s that are gone, on this target or domain. Those of living ones are passed over."""
    try:
        at = open_folder(folder)
    except OSError:  # there is none, or none of ours
        return
    try:
        for name in sorted(name for name in os.listdir(at) if name.endswith(".jsonl"))[:MOST_FILES]:
            with suppress(OSError):  # a living dr6's, or no file of ours
                data = _data_of(at, name)
                found = _read(folder / name, data, target, domain)
                if found is not None:
                    yield found
    finally:
        os.close(at)


def _data_of(folder: int, name: str) -> bytes:
    """All of a journal that nobody holds. Raises `OSError` for what is no such file."""
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or not is_ours(found) or found.st_size > MOST_BYTES:
            raise OSError(errno.EPERM, "no journal of ours")
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return os.read(fd, MOST_BYTES)
    finally:
        os.close(fd)


def _number(text: object, most: int, base: int = 16) -> int:
    """Raises `ValueError` for what is none, or none that can be."""
    value = int(text, base) if isinstance(text, str) else text
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError("out of range")
    return value


def _read(path: Path, data: bytes, target: str, domain: str | None) -> Left | None:
    int3s: dict[int, Int3] = {}
    kept: dict[int, Kept] = {}
    pid, ours = 0, False
    for text in data.splitlines():
        try:
            row = json.loads(text)
            if row["kind"] == "target":
                same = row["domain"] == domain if domain and row["domain"] else row["target"] == target
                pid, ours = _number(row["pid"], MOST_PID), same
            elif row["kind"] == "planted":
                at = _number(row["address"], MASK_64)
                int3s[at] = Int3(at, _number(row["original"], 0xFF), bytes.fromhex(row["behind"])[:LONGEST])
            elif row["kind"] == "removed":
                int3s.pop(_number(row["address"], MASK_64), None)
            elif row["kind"] == "kept":
                kept[_number(row["cpu"], MOST_CPUS)] = _kept(row)
            elif row["kind"] == "released":
                kept.pop(_number(row["cpu"], MOST_CPUS), None)
        except (ValueError, KeyError, TypeError, RecursionError):
            continue  # the line that was being written when dr6 died
    return Left(path, pid, tuple(int3s.values()), tuple(kept.values())) if ours else None


def _kept(row: dict[str, Any]) -> Kept:
    """Raises `ValueError` and the like where it is none."""
    dr0, dr1, dr2, dr3, dr6, dr7 = (_number(value, MASK_64) for value in row["own"])
    dr: Addresses = (dr0, dr1, dr2, dr3)
    slots = tuple(
        (_number(slot, 3), SlotSetting(BY_RW[BY_RW.index(kind)], _number(address, MASK_64), _number(length, 8)))
        for slot, kind, address, length in row["slots"]
    )
    return Kept(_number(row["cpu"], MOST_CPUS), VcpuDebugRegisters(dr, dr6, dr7), slots)
