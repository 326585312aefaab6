"""What dr6 has written into a guest's memory, on disk before the first byte of it is written there.

A guest whose int3s nobody takes out runs into them. So each is put down here first (``fsync``), and a dr6 that was
killed, or whose stub was, leaves a file that the next one finds (`gdbstub.backends.xen.recovery`). While a dr6 lives
it holds a lock on its file, which the kernel takes away with it.

The file: one JSON object a line. The first names the target; ``planted`` has an address, the byte that was there and
the bytes behind it; ``removed`` an address. ``kept`` has a vCPU, the guest's own debug registers, and what of ours is
in which of them; ``released`` a vCPU. A last line that was cut off counts as not written: then nothing was written.

What a journal says is written into guests, so only files and folders of our own that nobody else can write are used,
by names that are no links; and what stands in one is read as far as it can be true.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from gdbstub.backends.xen.slots import SlotSetting
from gdbstub.backends.xen.vcpu_helper import Addresses, VcpuDebugRegisters
from gdbstub.errors import Refused
from gdbstub.x86.breakpoints import BY_RW
from gdbstub.x86.decode import LONGEST
from gdbstub.x86.registers import MASK_64

MOST_BYTES, MOST_FILES = 1 << 22, 4096
"""No session has tens of thousands of int3s, and no folder is left by thousands of dr6s that were killed."""
MOST_PID, MOST_CPUS = 1 << 22, 4095
"""proc(5), pid_max; the most vCPUs that dr6 attaches to."""
LONGEST_NAME = 128
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_APPEND | os.O_CLOEXEC


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
        self._size = 0
        self._head = {"target": target, "domain": domain, "pid": os.getpid()}
        self._name = f"{quote(domain or target, safe='')[:LONGEST_NAME]}.{os.getpid()}"
        self._path = folder / f"{self._name}.jsonl"
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
            with suppress(OSError):
                self._path.unlink()
        os.close(self._fd)
        self._fd = None

    def _open(self) -> int:
        """A new file, its name and its first row on the disk."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = _open_folder(self._folder)
        try:
            fd, name = _create(folder, self._name)
            try:
                self._path = self._folder / name
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                head = _line({"kind": "target", **self._head})
                _write_all(fd, head)
                os.fsync(fd)
                os.fsync(folder)
            except OSError:
                os.close(fd)
                with suppress(OSError):
                    os.unlink(name, dir_fd=folder)
                raise
        finally:
            os.close(folder)
        self._size = len(head)
        return fd

    def _write(self, row: Mapping[str, object]) -> None:
        """All of a row, or none of it: half of one would take the next one along."""
        if self._fd is None:
            return
        line = _line(row)
        try:
            if os.fstat(self._fd).st_size != self._size:  # a row that could neither be finished nor taken back
                os.ftruncate(self._fd, self._size)
            _write_all(self._fd, line)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._fd, self._size)
            raise
        self._size += len(line)


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _create(folder: int, name: str) -> tuple[int, str]:
    """A file of ``folder`` that was not there, and its name: a process number comes again, and what its last owner left
    is kept. Links count as being there, wherever they lead."""
    for number in range(MOST_FILES):
        full = f"{name}-{number}.jsonl" if number else f"{name}.jsonl"
        with suppress(FileExistsError):
            return os.open(full, _NEW, 0o600, dir_fd=folder), full
    raise OSError(errno.EEXIST, f"there are {MOST_FILES} of that name")


def _open_folder(path: Path) -> int:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not _is_ours(os.fstat(fd)):
        os.close(fd)
        raise OSError(errno.EPERM, "the folder is another user's, or others can write to it")
    return fd


def _is_ours(found: os.stat_result) -> bool:
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _line(row: Mapping[str, object]) -> bytes:
    return json.dumps(row, separators=(",", ":")).encode() + b"\n"


def left_behind(folder: Path, target: str, domain: str | None) -> Iterator[Left]:
    """The journals of dr6s that are gone, on this target or domain. Those of living ones are passed over."""
    try:
        at = _open_folder(folder)
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
        if not stat.S_ISREG(found.st_mode) or not _is_ours(found) or found.st_size > MOST_BYTES:
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
