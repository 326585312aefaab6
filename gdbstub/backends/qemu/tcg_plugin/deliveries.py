"""What QEMU's log says was delivered, laid among the plugin's records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gdbstub.backends.qemu.exception_log import Delivered, LoggedException
from gdbstub.backends.qemu.tcg_plugin.known_code import KnownCode
from gdbstub.backends.qemu.tcg_plugin.places import is_sure, place
from gdbstub.backends.qemu.tcg_plugin.points import Points, joined, point_of

PAGE_FAULT, NMI, FIRST_INTERRUPT = 14, 2, 32
PATIENCE = 2
"""Batches within which the handler of a logged exception has to begin."""


class Waiting(NamedTuple):
    logged: LoggedException
    patience: int


class PlacedDeliveries:
    """Takes exceptions as they come, and keeps those whose handlers have not begun."""

    def __init__(self, codes: KnownCode) -> None:
        self._codes = codes
        self.unplaced = 0
        """How many exceptions fit nowhere among the rows: they stand where they were read."""
        self._waiting: list[Waiting] = []
        self._handlers: dict[tuple[int, int], int] = {}
        """Where handlers begin, by vector and base of the IDT."""

    def come(self, logged: Sequence[LoggedException]) -> None:
        """Further ones."""
        self._waiting += [Waiting(one, PATIENCE) for one in logged]

    @property
    def any_wait(self) -> bool:
        return bool(self._waiting)

    def among(self, points: Points, stands: bool) -> tuple[Points, list[tuple[int, Delivered]]]:
        """Points with those that the log has, and each exception with the first point whose row lies behind it."""
        if not self._waiting:
            return points, []
        ways = self._codes.ways(points.code, points.pc)
        found: list[tuple[int, LoggedException]] = []
        first, left = 0, list[Waiting]()
        previous: LoggedException | None = None
        for one in self._waiting:
            logged, last = one.logged, stands or not one.patience
            where, gate = None, (logged.vector, logged.shown.tables.idt[0])
            if not left:
                shown = logged, points.registers, points.pc, ways, first, previous
                known = self._handlers.get(gate)
                where = place(*shown, known)
                if where is None and known is not None and last:
                    where = place(*shown, None)
            if where is not None:
                found.append((where, logged))
                first, previous = where, logged
                if is_sure(where, ways, points.pc, logged):
                    self._handlers[gate] = int(points.pc[where])
            elif last:
                self.unplaced += 1
                found.append((max(first, len(points.pc) - 1), logged))
            else:
                left.append(one._replace(patience=one.patience - 1))
        self._waiting = left
        return self._inserted(points, found)

    def _inserted(
        self, points: Points, found: list[tuple[int, LoggedException]]
    ) -> tuple[Points, list[tuple[int, Delivered]]]:
        parts: list[Points] = []
        events: list[tuple[int, Delivered]] = []
        done = size = 0
        for where, logged in found:
            parts.append(points.take(slice(done, where)))
            size, done = size + where - done, where
            interrupt = (logged.vector >= FIRST_INTERRUPT and not logged.software) or logged.vector == NMI
            before = next((int(part.pc[-1]) for part in reversed(parts) if len(part.pc)), None)
            fetch = logged.vector == PAGE_FAULT and before != logged.pc
            if interrupt or fetch:
                parts.append(point_of(logged, points, where, begins=fetch))
                size += 1
                events.append((size - 1, Delivered(logged, self._code_at(logged, points, where))))
            else:
                events.append((max(size - 1, 0), Delivered(logged, self._code_at(logged, points, where))))
        parts.append(points.take(slice(done, None)))
        return joined(parts), events

    def _code_at(self, logged: LoggedException, points: Points, where: int) -> bytes:
        if where and int(points.pc[where - 1]) == logged.pc:
            return self._codes.bytes_of(int(points.code[where - 1]))
        return self._codes.newest_at(logged.pc)
