"""The memory that dr6's plugin in QEMU writes rows into: ``struct control`` (transports/dr6-plugin.c) and three rings.

Each ring has one writer, a vCPU of QEMU's, and one reader, who says how far it has come; a full ring holds the vCPU up.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LAYOUT = 1
MAGIC = b"dr6ring\0"
PAGE = 4096
NAMES = (
    *("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"),
    *("rip", "rflags", "cs", "ss", "ds", "es", "fs", "gs", "fs_base", "gs_base", "k_gs_base"),
    *("cr0", "cr2", "cr3", "cr4", "cr8", "efer"),
)
"""The registers of a row, in their order."""
NO_LIMIT = 2**64 - 1
_32, _64 = np.dtype("<u4"), np.dtype("<u8")
_CONTROL = np.dtype(
    [
        ("magic", "S8"),
        *((name, _32) for name in ("layout", "level", "has_registers", "has_values", "registers")),
        *((name, _32) for name in ("rows", "accesses", "codes", "armed", "vcpu")),
        *((name, _64) for name in ("reader", "limit", "rows_taken", "accesses_taken", "codes_taken")),
        ("apart", _64, 5),
        *((name, _64) for name in ("rows_made", "accesses_made", "codes_made", "held", "failed")),
    ]
)
_ROW = np.dtype([("pc", _64), ("accesses", _64), ("code", _32), ("unused", _32), ("registers", _64, len(NAMES))])
_ACCESS = np.dtype([("address", _64), ("value", _64), ("size", np.uint8), ("write", np.uint8), ("unused", "V6")])
_CODE = np.dtype([("address", _64), ("size", np.uint8), ("bytes", np.uint8, 16), ("unused", "V7")])

Records = NDArray[np.void]


class TakenRecords(NamedTuple):
    """What was in the rings. ``rows`` have ``pc``, ``accesses`` (how many there were in front of it), ``code`` and
    ``registers``; ``accesses`` have ``address``, ``value``, ``size`` and ``write``; ``codes`` are addresses and bytes
    of the instructions that ``code`` numbers, in the order of these numbers."""

    rows: Records
    accesses: Records
    codes: list[tuple[int, bytes]]


class NoRing(ValueError):
    """The memory is none of this plugin's."""


class Ring:
    """One reader. ``memory`` can be written to. Raises `NoRing`."""

    def __init__(self, memory: memoryview) -> None:
        if len(memory) < PAGE:
            raise NoRing("it is too small")
        self._control = np.frombuffer(memory, _CONTROL, 1)
        mine = self._control[0]
        if memory[:8].tobytes() != MAGIC or (int(mine["layout"]), int(mine["registers"])) != (LAYOUT, len(NAMES)):
            raise NoRing("it is of another version of dr6's plugin")
        sizes = [int(mine[name]) for name in ("rows", "accesses", "codes")]
        if PAGE + sum(n * kind.itemsize for n, kind in zip(sizes, (_ROW, _ACCESS, _CODE), strict=True)) > len(memory):
            raise NoRing("it is too small")
        self._rows = np.frombuffer(memory, _ROW, sizes[0], PAGE)
        self._accesses = np.frombuffer(memory, _ACCESS, sizes[1], PAGE + self._rows.nbytes)
        self._codes = np.frombuffer(memory, _CODE, sizes[2], PAGE + self._rows.nbytes + self._accesses.nbytes)

    def _get(self, name: str) -> int:
        return int(self._control[name][0])

    def _set(self, name: str, value: int) -> None:
        self._control[name][0] = value

    @property
    def level(self) -> int:
        """Of QEMU's plugin interface."""
        return self._get("level")

    @property
    def has_registers(self) -> bool:
        return bool(self._get("has_registers"))

    @property
    def has_values(self) -> bool:
        """Do accesses have values?"""
        return bool(self._get("has_values"))

    @property
    def made(self) -> int:
        """How many rows there were since QEMU began."""
        return self._get("rows_made")

    @property
    def is_held(self) -> bool:
        """Does the vCPU wait at the limit?"""
        return bool(self._get("held"))

    @property
    def failed(self) -> bool:
        """Were there registers that could not be read?"""
        return bool(self._get("failed"))

    @property
    def limit(self) -> int:
        return self._get("limit")

    @limit.setter
    def limit(self, rows: int) -> None:
        """The vCPU waits in front of the next one, once `made` is so much."""
        self._set("limit", rows)

    def arm(self, cpu: int) -> None:
        """Record that vCPU from now on, without a limit. What is in the rings is thrown away."""
        self._set("armed", 0)
        for name in ("rows", "accesses", "codes"):
            self._set(f"{name}_taken", self._get(f"{name}_made"))
        self._set("limit", NO_LIMIT)
        self._set("failed", 0)
        self._set("vcpu", cpu)
        self._set("reader", os.getpid())
        self._set("armed", int.from_bytes(os.urandom(4), "little") | 1)

    def disarm(self) -> None:
        self._set("armed", 0)

    def next_code(self) -> int:
        """The number of the next instruction."""
        return self._get("codes_taken")

    def next_access(self) -> int:
        return self._get("accesses_taken")

    def waiting(self) -> int:
        """How many rows are in the ring."""
        return self._get("rows_made") - self._get("rows_taken")

    def take(self) -> TakenRecords:
        """All that is there, and there is room again. Accesses and instructions may be ahead of the rows."""
        rows = self._take("rows", self._rows)
        accesses = self._take("accesses", self._accesses)
        codes = self._take("codes", self._codes)
        found = [(int(one["address"]), one["bytes"].tobytes()[: int(one["size"])]) for one in codes]
        return TakenRecords(rows, accesses, found)

    def _take(self, name: str, ring: Records) -> Records:
        first, end = self._get(f"{name}_taken"), self._get(f"{name}_made")
        at, count = first % len(ring), end - first
        found = np.concatenate([ring[at : at + count], ring[: max(0, at + count - len(ring))]])
        self._set(f"{name}_taken", end)
        return found
