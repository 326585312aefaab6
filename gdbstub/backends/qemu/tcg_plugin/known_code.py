"""The instructions that the plugin has numbered, and what follows from their bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from gdbstub.backends.qemu.tcg_plugin.debug_shadow import MOV_TO_DR, DebugWrite, write_of
from gdbstub.backends.qemu.tcg_plugin.places import Ways
from gdbstub.x86.decode import shape, successors
from gdbstub.x86.registers import Mode

GROWTH = 4096
LARGEST = 2**64 - 1
MODES: tuple[Mode, ...] = (64, 32, 16)


class KnownCode:
    """``first`` is the plugin's number of the first one; here they are from 0."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._codes: list[tuple[int, bytes]] = []
        self._behind = np.zeros(GROWTH, np.uint64)
        self._target = np.zeros(GROWTH, np.uint64)
        self._anywhere = np.zeros(GROWTH, np.bool_)
        self._far = np.zeros(GROWTH, np.bool_)
        self._loads: set[int] = set()
        self._writes: set[int] = set()
        self._newest: dict[int, int] = {}

    def learn(self, codes: Sequence[tuple[int, bytes]]) -> None:
        """Further ones, in the order of their numbers."""
        while len(self._codes) + len(codes) > len(self._behind):
            self._behind, self._target = _doubled(self._behind), _doubled(self._target)
            self._anywhere = np.concatenate([self._anywhere, np.zeros(len(self._anywhere), np.bool_)])
            self._far = np.concatenate([self._far, np.zeros(len(self._far), np.bool_)])
        for code in codes:
            number = len(self._codes)
            self._codes.append(code)
            self._newest[code[0]] = number
            behind, target, anywhere = _ways(*code)
            self._behind[number], self._target[number], self._anywhere[number] = behind, target, anywhere
            self._far[number], loads = _loads(code[1])
            if loads:
                self._loads.add(number)
            if MOV_TO_DR in code[1]:
                self._writes.add(number)

    def index(self, numbers: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Ours, for the plugin's."""
        return numbers.astype(np.int64) - (self._first & 0xFFFF_FFFF)

    def __getitem__(self, number: int) -> tuple[int, bytes]:
        return self._codes[number]

    def bytes_of(self, number: int) -> bytes:
        return self._codes[number][1] if number >= 0 else b""

    def newest_at(self, address: int) -> bytes:
        """What was translated there last."""
        return self.bytes_of(self._newest.get(address, -1))

    def ways(self, code: NDArray[np.int64], pc: NDArray[np.uint64]) -> Ways:
        """Where the guest may be behind these instructions."""
        unknown = code < 0
        behind = np.where(unknown, pc, self._behind[code])
        return Ways(behind, np.where(unknown, pc, self._target[code]), unknown | self._anywhere[code])

    def is_far(self, code: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of them are far jumps, calls and returns?"""
        found: NDArray[np.bool_] = (code >= 0) & self._far[code]
        return found

    def loads_cs(self, number: int) -> bool:
        """May CS be another one behind it, also where an exception comes in between?"""
        return number < 0 or number in self._loads

    def some_of(self, code: NDArray[np.int64]) -> Iterator[tuple[int, bytes]]:
        """Some of the instructions, each once."""
        return (self._codes[number] for number in np.unique(code[:GROWTH]).tolist() if number >= 0)

    def debug_writes(self, code: NDArray[np.int64]) -> list[int]:
        """Where bytes of MOV to a debug register are."""
        if not self._writes:
            return []
        wanted = np.fromiter(self._writes, np.int64, len(self._writes))
        found: list[int] = np.flatnonzero(np.isin(code, wanted)).tolist()
        return found

    def debug_write(self, number: int, mode: Mode) -> DebugWrite | None:
        return write_of(self._codes[number][1], mode)

    def leads_to_itself(self, number: int, rip: int) -> bool:
        """Is it a jump to itself?"""
        text = self.bytes_of(number)
        for mode in MODES:
            known = shape(text, mode) if text else None
            if known is not None and len(known.bytes) == len(text) and known.relative is not None:
                return rip in successors(known, rip, mode)
        return False


def _doubled(column: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return np.concatenate([column, np.zeros(len(column), np.uint64)])


ELSEWHERE = frozenset(("indirect", "gate", "iret", "far", "sysret", "syscall", "sysenter"))


LOADS = frozenset(("gate", "iret", "far", "sysret", "syscall", "sysenter"))


def _loads(text: bytes) -> tuple[bool, bool]:
    """Is it a far jump, call or return; may it load CS in any way?"""
    for mode in MODES:
        known = shape(text, mode) if text else None
        if known is not None and len(known.bytes) == len(text):
            return "far" in known.traits, bool(known.traits & LOADS)
    return False, True


def _ways(address: int, text: bytes) -> tuple[int, int, bool]:
    """Behind it, at its target (else behind it again), or anywhere, in the first mode in which it has this length."""
    behind = address + len(text) & LARGEST
    for mode in MODES:
        known = shape(text, mode) if text else None
        if known is not None and len(known.bytes) == len(text):
            target = behind if known.relative is None else address + known.relative & LARGEST
            return behind, target, bool(known.traits & ELSEWHERE)
    return behind, behind, True
