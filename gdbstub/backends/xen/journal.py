"""What dr6 has written into a guest's memory, on disk before the first byte of it is written there.

A guest whose int3s nobody takes out runs into them. So each is put down here first (``fsync``), and a dr6 that was
killed, or whose stub was, leaves a file that the next one finds (`gdbstub.backends.xen.left_behind`). While a dr6 lives
it holds a lock on its file, which the kernel takes away with it.

The file: one JSON object a line. The first names the target; ``planted`` has an address, the byte that was there and
the bytes behind it; ``removed`` an address. ``kept`` has a vCPU, the guest's own debug registers, and what of ours is
in which of them; ``released`` a vCPU. A last line that was cut off counts as not written: then nothing was written.

What a journal says is written into guests, so only files and folders of our own that nobody else can write are used,
by names that are no links.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from gdbstub.backends.xen.slots import SlotSetting
from gdbstub.backends.xen.vcpu_helper import VcpuDebugRegisters
from gdbstub.errors import Refused

MOST_FILES = 4096
"""No folder is left by thousands of dr6s that were killed."""
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
        folder = open_folder(self._folder)
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


def open_folder(path: Path) -> int:
    """Its descriptor. Raises `OSError` for what is no folder, or not ours alone to write to."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not is_ours(os.fstat(fd)):
        os.close(fd)
        raise OSError(errno.EPERM, "the folder is another user's, or others can write to it")
    return fd


def is_ours(found: os.stat_result) -> bool:
    """Is it ours, and can nobody else write to it?"""
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _line(row: Mapping[str, object]) -> bytes:
    return json.dumps(row, separators=(",", ":")).encode() + b"\n"
