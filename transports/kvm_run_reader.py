"""The exit of a vCPU as Linux's KVM left it: the first bytes of its ``struct kvm_run``, out of QEMU's memory.

Runs on QEMU's host: here, or sent as text to a Python there (`transports.kvm_run`). So it needs the standard library
alone, and Python 3.9. KVM maps the page of each vCPU into QEMU as ``anon_inode:kvm-vcpu:N``; while the vCPU stands
still nobody writes to it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress

SIZE = 64
"""Bytes up to the end of ``debug.arch`` (include/uapi/linux/kvm.h, arch/x86/include/uapi/asm/kvm.h)."""
_VCPU = re.compile(r"^([0-9a-f]+)-[0-9a-f]+ \S+ 0+ \S+ \d+ +anon_inode:kvm-vcpu:(\d+)", re.MULTILINE)
MOST_PROCESSES = 100_000
NOBODY = "no QEMU with KVM that this user may look into has the stub's end of the connection"
SEVERAL = "several QEMUs with KVM run there, and none of them is seen to have the stub's end of the connection"
NOT_READ = "QEMU (process {}) does not let its memory be read: {}"


class CannotLook(Exception):
    """Why there is nothing to read, in a clause."""


def vcpus(pid: int) -> dict[int, int]:
    """Where the page of each vCPU is in the memory of that process; nothing where there is none, or none to be seen."""
    try:
        with open(f"/proc/{pid}/maps") as maps:
            return {int(cpu): int(start, 16) for start, cpu in _VCPU.findall(maps.read())}
    except OSError:
        return {}


def _rows(table: str) -> Iterator[list[str]]:
    with suppress(OSError), open(f"/proc/net/{table}") as lines:
        for line in list(lines)[1:]:
            yield line.split()


def _port(column: str) -> int:
    return int(column.rpartition(":")[2], 16)


def sockets(server: int, client: int, path: str) -> set[str]:
    """The sockets of whoever serves that TCP port (for the client with that port, if not 0), or that path."""
    found = set()
    for table in ("tcp", "tcp6"):
        for row in _rows(table):
            if server and _port(row[1]) == server and client in (0, _port(row[2])):
                found.add(row[9])
    for row in _rows("unix"):
        if path and row[-1] == path and len(row) == 8:
            found.add(row[6])
    return found - {"0"}


def _processes() -> list[int]:
    mine = os.getpid()
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != mine][:MOST_PROCESSES]


def _holds(pid: int, wanted: set[str]) -> bool:
    folder = f"/proc/{pid}/fd"
    with suppress(OSError):
        for name in os.listdir(folder):
            with suppress(OSError):
                if os.readlink(os.path.join(folder, name)) in wanted:
                    return True
    return False


def find(server: int = 0, client: int = 0, path: str = "", alone: bool = False) -> int:
    """The process that has the stub's end of the connection, or, with ``alone``, else the only QEMU with KVM: what
    leads there may be a tunnel. Raises `CannotLook`."""
    wanted = {f"socket:[{inode}]" for inode in sockets(server, client, path)}
    with_kvm = [pid for pid in _processes() if vcpus(pid)]
    chosen = [pid for pid in with_kvm if wanted and _holds(pid, wanted)] or (with_kvm if alone else [])
    if len(chosen) != 1:
        raise CannotLook(SEVERAL if chosen else NOBODY)
    return chosen[0]


class KvmRun:
    """The pages of one QEMU's vCPUs."""

    def __init__(self, server: int = 0, client: int = 0, path: str = "", alone: bool = False) -> None:
        """As `find`, whose errors it raises."""
        self._pid = find(server, client, path, alone)
        try:
            self._memory = os.open(f"/proc/{self._pid}/mem", os.O_RDONLY)
        except OSError as error:
            raise CannotLook(NOT_READ.format(self._pid, error.strerror)) from None
        self._places = vcpus(self._pid)

    def read(self, cpu: int) -> bytes:
        """`SIZE` bytes. Raises `CannotLook`."""
        if cpu not in self._places:  # plugged in since
            self._places = vcpus(self._pid)
        try:
            return os.pread(self._memory, SIZE, self._places[cpu])
        except KeyError:
            raise CannotLook(f"QEMU (process {self._pid}) has no vCPU {cpu}") from None
        except OSError as error:
            raise CannotLook(NOT_READ.format(self._pid, error.strerror)) from None

    def close(self) -> None:
        os.close(self._memory)


_opened: dict[tuple[int, int, str], KvmRun] = {}


def answer(cpu: int, server: int = 0, client: int = 0, path: str = "") -> None:
    """Print a line: the bytes in hex, or ``!`` and why not. Who runs this named the host, so one QEMU alone is it."""
    where = (server, client, path)
    try:
        if where not in _opened:
            _opened[where] = KvmRun(*where, alone=True)
        line = _opened[where].read(cpu).hex()
    except CannotLook as error:
        line = f"!{error}"
    print("kvm_run", line, flush=True)
