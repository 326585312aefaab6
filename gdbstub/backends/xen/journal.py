"""What dr6 has written into a guest's memory, on disk before the first byte of it is written there.

A guest whose int3s nobody takes out runs into them. So each is put down here first (``fsync``), and a dr6 that was
killed, or whose stub was, leaves a file that the next one finds (`gdbstub.backends.xen.recovery`). While a dr6 lives
it holds a lock on its file, which the kernel takes away with it.

The file: one JSON object a line. The first names the target; ``planted`` has an address, the byte that was there and
the bytes behind it; ``removed`` an address. ``kept`` has a vCPU, the guest's own debug registers, and what of ours is
in which of them; ``released`` a vCPU. A last line that was cut off counts as not written: then nothing was written.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from gdbstub.backends.xen.slots import SlotSetting
from gdbstub.backends.xen.vcpu_helper import Addresses, VcpuDebugRegisters
from gdbstub.errors import Refused
from gdbstub.x86.breakpoints import BY_RW


class CannotKeep(Refused):
    """The journal can't be written, so nothing may be written."""


class Int3(NamedTuple):
    """An int3 of ours: where, the byte that it stands for (gdb: the shadow contents), and the guest's bytes behind that
    one."""

    address: int
    shadow: int
    behind: bytes


class Kept(NamedTuple):
    """A vCPU's own debug registers while ours are in some of them: the slots that are, or may be."""

    cpu: int
    own: VcpuDebugRegisters
    slots: tuple[tuple[int, SlotSetting], ...]


@dataclass(frozen=True, slots=True)
class Left:
    """What a dr6 that is gone left in a guest: its journal, whose it was, the int3s that were still in, and in which
    vCPUs' debug registers breakpoints of it were."""

    path: Path
    pid: int
    int3s: tuple[Int3, ...]
    kept: tuple[Kept, ...] = ()


class Journal:
    """The file of one session; it is made with the first row and goes with the last one.

    ``target`` is the canonical TARGET; ``domain`` is what names the guest beyond that, where it is known. Without a
    ``folder`` nothing is kept.
    """

    def __init__(self, folder: Path | None, target: str, domain: str | None = None) -> None:
        self._kept = folder is not None
        folder = folder or Path()
        self._folder = folder
        self._head = {"target": target, "domain": domain, "pid": os.getpid()}
        self._path = _unused(folder, f"{quote(domain or target, safe='')}.{os.getpid()}")
        self._fd: int | None = None
        self._int3s: dict[int, Int3] = {}
        self._sure: set[Int3] = set()
        self._kept_cpus: set[int] = set()

    def insert(self, int3: Int3) -> None:
        """Put it down, on the disk unless it is there already. Raises `CannotKeep`: then nothing may be written."""
        row = {
            "kind": "planted",
            "address": hex(int3.address),
            "original": f"{int3.shadow:02x}",
            "behind": int3.behind.hex(),
        }
        self._put_down(row, sync=int3 not in self._sure)
        self._sure.add(int3)
        self._int3s[int3.address] = int3

    def keep(self, kept: Kept) -> None:
        """Put down a vCPU's own debug registers, on the disk. Raises `CannotKeep`: then nothing may be set."""
        own = kept.own
        row = {
            "kind": "kept",
            "cpu": kept.cpu,
            "own": [hex(value) for value in (*own.dr, own.dr6, own.dr7)],
            "slots": [[slot, armed.type, hex(armed.address), armed.length] for slot, armed in kept.slots],
        }
        self._put_down(row, sync=True)
        self._kept_cpus.add(kept.cpu)

    def _put_down(self, row: Mapping[str, object], *, sync: bool) -> None:
        try:
            if self._fd is None and self._kept:
                self._fd = self._open()
            self._write(row)
            if self._fd is not None and sync:
                os.fsync(self._fd)
        except OSError as error:
            raise CannotKeep(
                "int3",
                "",
                f"No breakpoint was set: what dr6 writes into the guest could not be put down in {str(self._path)!r} "
                f"first ({error.strerror}).",
            ) from None

    def remove(self, address: int) -> None:
        """It is out of the guest again. Never raises: what stays in the file is only looked at once more."""
        if self._int3s.pop(address, None) is not None:
            self._note({"kind": "removed", "address": hex(address)})

    def release(self, cpu: int) -> None:
        """A vCPU has its own debug registers again. Never raises, as `remove`."""
        if cpu in self._kept_cpus:
            self._kept_cpus.discard(cpu)
            self._note({"kind": "released", "cpu": cpu})

    def _note(self, row: Mapping[str, object]) -> None:
        try:
            self._write(row)
        except OSError:
            return

    def close(self) -> None:
        """Keep the file only where something of ours is still in the guest."""
        if self._fd is None:
            return
        if not self._int3s and not self._kept_cpus:
            self._path.unlink(missing_ok=True)
        os.close(self._fd)
        self._fd = None

    def _open(self) -> int:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(fd, _line({"kind": "target", **self._head}))
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)  # the file's name, too
        finally:
            os.close(folder)
        return fd

    def _write(self, row: Mapping[str, object]) -> None:
        if self._fd is not None:
            os.write(self._fd, _line(row))


def _unused(folder: Path, name: str) -> Path:
    """A file of ``folder`` that is not there: a process number comes again, and what its last owner left is kept."""
    names = itertools.chain((name,), (f"{name}-{n}" for n in itertools.count(1)))
    return next(path for one in names if not (path := folder / f"{one}.jsonl").exists())


def _line(row: Mapping[str, object]) -> bytes:
    return json.dumps(row, separators=(",", ":")).encode() + b"\n"


def left_behind(folder: Path, target: str, domain: str | None) -> Iterator[Left]:
    """The journals of dr6s that are gone, on this target or domain. Those of living ones are passed over."""
    for path in sorted(folder.glob("*.jsonl")) if folder.is_dir() else ():
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            found = _read(path, target, domain)
        except OSError:  # a living dr6's
            found = None
        finally:
            os.close(fd)
        if found is not None:
            yield found


def _read(path: Path, target: str, domain: str | None) -> Left | None:
    int3s: dict[int, Int3] = {}
    kept: dict[int, Kept] = {}
    pid, ours = 0, False
    for text in path.read_bytes().splitlines():
        try:
            row = json.loads(text)
            if row["kind"] == "target":
                same = row["domain"] == domain if domain and row["domain"] else row["target"] == target
                pid, ours = int(row["pid"]), same
            elif row["kind"] == "planted":
                at = int(row["address"], 16)
                int3s[at] = Int3(at, int(row["original"], 16), bytes.fromhex(row["behind"]))
            elif row["kind"] == "removed":
                int3s.pop(int(row["address"], 16), None)
            elif row["kind"] == "kept":
                kept[int(row["cpu"])] = _kept(row)
            elif row["kind"] == "released":
                kept.pop(int(row["cpu"]), None)
        except (ValueError, KeyError, TypeError):
            continue  # the line that was being written when dr6 died
    return Left(path, pid, tuple(int3s.values()), tuple(kept.values())) if ours else None


def _kept(row: dict[str, Any]) -> Kept:
    """Raises `ValueError` and the like where it is none."""
    dr0, dr1, dr2, dr3, dr6, dr7 = (int(value, 16) for value in row["own"])
    dr: Addresses = (dr0, dr1, dr2, dr3)
    slots = tuple(
        (int(slot) & 3, SlotSetting(BY_RW[BY_RW.index(kind)], int(address, 16), int(length)))
        for slot, kind, address, length in row["slots"]
    )
    return Kept(int(row["cpu"]), VcpuDebugRegisters(dr, dr6, dr7), slots)
