"""QEMU's log → the instructions that ran, and the exceptions between them.

A dump is the CPU in front of an instruction; a row has the CPU behind it, which is the next dump. In between:

* An exception has a dump of its own, in front of its delivery. A step of a debugger's goes to the handler's first
  instruction, and so does the row: the exception comes in front of it. Only what the interrupt controller sends ends
  a row before the delivery, for it is no part of what the instruction did.
* A fetch that faults has no dump but the exception's, which counts as the instruction's then.
* QEMU dumps a block that it then does not run: it was asked to leave its loop, or it runs the instruction anew (a data
  breakpoint's hit, a write into its own page). Such a dump is followed by the same once more, and is no row; but for a
  jump to itself, for which each dump counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from gdbstub.backends.qemu.cpu_log.code_ids import CodeIds
from gdbstub.backends.qemu.cpu_log.cut import Between, Cut, Cutter
from gdbstub.backends.qemu.cpu_log.dump_columns import DumpReader, Dumps, Values
from gdbstub.backends.qemu.exception_log import Delivered, ExceptionLog, LoggedException
from gdbstub.x86.decode import shape, successors
from gdbstub.x86.registers import EFER_LMA, Mode

PAGE_FAULT = 14
CODE_64, CODE_32 = np.uint64(1 << 21), np.uint64(1 << 22)
"""Bits L and D of a code segment's descriptor."""
LOW = np.uint64(0xFFFF_FFFF)


@dataclass(frozen=True, slots=True)
class LoggedRows:
    """``count`` instructions that ran, in their order, all of them ``wide`` or none. ``code`` are numbers of `CodeIds`.
    ``pc`` (linear), ``mode`` and ``registers`` are those behind the instruction."""

    count: int
    wide: bool
    code: NDArray[np.uint32]
    pc: Values
    mode: NDArray[np.uint8]
    registers: dict[str, Values]

    def first(self, count: int) -> LoggedRows:
        """So many of them."""
        if count >= self.count:
            return self
        registers = {name: column[:count] for name, column in self.registers.items()}
        return LoggedRows(count, self.wide, self.code[:count], self.pc[:count], self.mode[:count], registers)


Piece = LoggedRows | Delivered


class _Points(NamedTuple):
    """The CPU at one moment after another: ``begins`` where an instruction follows, ``at`` is the dump's place in its
    batch (-1: it is of the batch before)."""

    values: dict[str, Values]
    pc: Values
    mode: NDArray[np.uint8]
    begins: NDArray[np.bool_]
    at: NDArray[np.int64]

    def take(self, which: NDArray[np.intp] | slice) -> _Points:
        values = {name: column[which] for name, column in self.values.items()}
        return _Points(values, self.pc[which], self.mode[which], self.begins[which], self.at[which])


class LogRows:
    """Takes the log as it comes, cut anywhere."""

    def __init__(self) -> None:
        self.ids = CodeIds()
        self.damaged = 0
        """How many dumps could not be read."""
        self._cutter = Cutter()
        self._reader = DumpReader()
        self._before: _Points | None = None
        """The last moment of the batch before; no row begins with it yet."""

    def feed(self, data: bytes) -> list[Piece]:
        """What is complete: the last dump of all begins no row before its successor is there."""
        cut = self._cutter.feed(data)
        return self._assemble(cut) if cut.bodies else []

    def stand(self, registers: bytes) -> list[Piece]:
        """The guest stands still, and the monitor shows these ``registers`` of it: all rows are complete."""
        cut = self._cutter.feed(registers, last=True)
        return self._assemble(cut, stands=True) if cut.bodies else []

    def _assemble(self, cut: Cut, stands: bool = False) -> list[Piece]:
        dumps = self._reader.read(cut.bodies, cut.wide)
        if not dumps.values:
            self.damaged += dumps.count
            return []
        mode = modes(dumps)
        pc = np.where(mode == 64, dumps.values["rip"], (dumps.values["cs_base"] + dumps.values["rip"]) & LOW)
        begins, kept = dumps.good.copy(), dumps.good.copy()
        self.damaged += int(dumps.count - dumps.good.sum())
        if stands:
            begins[-1] = False  # the log will have a dump of the instruction there, once it runs
        events: list[tuple[int, Delivered]] = []
        learned: list[tuple[int, Between]] = []
        for between in cut.between:
            at = between.at
            if between.translated:
                learned.append((at, between))
            if at >= dumps.count or not between.aside:
                continue
            begins[at] = kept[at] = False
            logged = _exception(between, cut) if between.head is not None else None
            if logged is None:
                continue
            events.append((at, Delivered(logged, b"")))
            if between.interrupt:
                kept[at] = True
            elif logged.vector == PAGE_FAULT and int(pc[at]) != self._pc_before(at, pc, begins):
                kept[at] = begins[at] = True  # the instruction could not be fetched
        which = np.flatnonzero(kept)
        points = _Points(dumps.values, pc, mode, begins, np.arange(dumps.count)).take(which)
        if self._before is not None:
            points = _joined(self._before, points)
        if not len(points.pc):
            return [event for _, event in events]
        code = self._codes(points, learned, mode, dumps)
        events = [(at, event._replace(code=self._code_at(event.logged))) for at, event in events]
        rows = self._rows(points, code)
        self._before = points.take(slice(len(points.pc) - 1, None))._replace(at=np.array([-1]))
        return _in_order(points, rows, code, events)

    def _pc_before(self, at: int, pc: Values, begins: NDArray[np.bool_]) -> int:
        """Where the instruction in front of dump ``at`` began."""
        for before in range(at - 1, -1, -1):
            if begins[before]:
                return int(pc[before])
        return -1 if self._before is None else int(self._before.pc[0])

    def _codes(
        self, points: _Points, learned: list[tuple[int, Between]], mode: NDArray[np.uint8], dumps: Dumps
    ) -> NDArray[np.uint32]:
        """The instruction at each point. Where one is replaced, those in front of it are looked up first."""
        code = np.zeros(len(points.pc), np.uint32)
        done = 0

        def look_up(end: int) -> None:
            nonlocal done
            if end > done:
                part = slice(done, end)
                code[part] = self.ids.look_up(points.pc[part], points.mode[part], points.values["cr3"][part])
                done = end

        first_at = _first_at(points) if learned else {}
        for at, between in learned:
            behind = min(at, dumps.count - 1)
            place = int(np.searchsorted(points.at, at))
            for address, text in between.translated:
                if first_at.get(address, place) < place or self.ids.knows_other(address, text):
                    look_up(place)
                self.ids.learn(address, text, cast("Mode", int(mode[behind])), int(dumps.values["cr3"][behind]))
        look_up(len(points.pc))
        return code

    def _code_at(self, logged: LoggedException) -> bytes:
        known = self.ids.look_up(
            np.array([logged.pc], np.uint64),
            np.array([logged.shown.mode], np.uint8),
            np.array([logged.shown.cr3], np.uint64),
        )
        return self.ids.codes[int(known[0])].bytes

    def _rows(self, points: _Points, code: NDArray[np.uint32]) -> NDArray[np.intp]:
        """The points behind which a row's instruction ran to the next one."""
        begins = points.begins[:-1].copy()
        same = np.ones(len(begins), np.bool_)
        for column in (points.pc, *points.values.values()):
            same &= column[1:] == column[:-1]
            if not same.any():
                break
        for at in np.flatnonzero(same & begins):
            begins[at] = bool(points.begins[at + 1]) and self._leads_to_itself(
                int(code[at]), int(points.values["rip"][at])
            )
        return np.flatnonzero(begins)

    def _leads_to_itself(self, number: int, rip: int) -> bool:
        _, text, mode = self.ids.codes[number]
        known = shape(text, mode) if text else None
        return known is not None and known.relative is not None and rip in successors(known, rip, mode)


def _first_at(points: _Points) -> dict[int, int]:
    """Address → the first point there."""
    addresses, first = np.unique(points.pc, return_index=True)
    return dict(zip(addresses.tolist(), first.tolist(), strict=True))


def _exception(between: Between, cut: Cut) -> LoggedException | None:
    letter = b"R" if cut.wide[between.at] else b"E"
    text = (between.head or b"") + b"\n" + letter + b"AX=" + cut.bodies[between.at]
    return next(iter(ExceptionLog().feed(text)), None)


def modes(dumps: Dumps) -> NDArray[np.uint8]:
    """16, 32 or 64 for each dump: SDM vol. 3A 2.2 and 3.4.5."""
    attributes = dumps.values["cs_attributes"]
    long = ((attributes & CODE_64) != 0) & ((dumps.values["efer"] & np.uint64(EFER_LMA)) != 0)
    return np.where(long, 64, np.where((attributes & CODE_32) != 0, 32, 16)).astype(np.uint8)


def _joined(one: _Points, other: _Points) -> _Points:
    names = {**one.values, **other.values}
    values = {name: np.concatenate([_column(one, name), _column(other, name)]) for name in names}
    return _Points(
        values,
        np.concatenate([one.pc, other.pc]),
        np.concatenate([one.mode, other.mode]),
        np.concatenate([one.begins, other.begins]),
        np.concatenate([one.at, other.at]),
    )


def _column(points: _Points, name: str) -> Values:
    return points.values[name] if name in points.values else np.zeros(len(points.pc), np.uint64)


def _in_order(
    points: _Points, rows: NDArray[np.intp], code: NDArray[np.uint32], events: list[tuple[int, Delivered]]
) -> list[Piece]:
    """Rows, in pieces of one width, and what was delivered, each in front of the row in which it happened."""
    found: list[Piece] = []
    behind = rows + 1
    done = 0
    for at, event in [*events, (np.iinfo(np.int64).max, None)]:
        end = int(np.searchsorted(points.at[behind], at, side="right"))
        found += _by_width(points, code, rows[done:end], behind[done:end])
        done = end
        if event is not None:
            found.append(event)
    return found


def _by_width(
    points: _Points, code: NDArray[np.uint32], rows: NDArray[np.intp], behind: NDArray[np.intp]
) -> list[Piece]:
    if not len(rows):
        return []
    wide = points.mode[behind] == 64
    edges = [0, *(np.flatnonzero(wide[1:] != wide[:-1]) + 1).tolist(), len(rows)]
    return [
        _piece(points, code, rows[start:end], behind[start:end], bool(wide[start])) for start, end in pairwise(edges)
    ]


WIDE_ONLY = tuple(f"r{number}" for number in range(8, 16))


def _piece(
    points: _Points, code: NDArray[np.uint32], rows: NDArray[np.intp], behind: NDArray[np.intp], wide: bool
) -> LoggedRows:
    hidden = WIDE_ONLY if not wide else ()
    values = {name: column[behind] for name, column in points.values.items() if name not in hidden}
    return LoggedRows(len(rows), wide, code[rows], points.pc[behind], points.mode[behind], values)
