"""What the plugin recorded, and what QEMU's log says of exceptions → the instructions that ran, and what was delivered.

A record is the CPU in front of an instruction; a row has the CPU behind it, which is the next record. In between:

* An exception comes in front of the row of the instruction that raised it, and that row leads to the handler's first
  instruction, as a step does. An interrupt ends the row in front of the delivery, whose registers the log has.
* A fetch that faults has no record: the log has the registers, and the bytes are not known.
* QEMU begins an instruction twice where a data breakpoint is hit or its own page is written: of two equal records the
  first one is no row, but for a jump to itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gdbstub.backends.qemu.exception_log import Delivered, LoggedException
from gdbstub.backends.qemu.tcg_plugin.code_modes import CodeModes, Key, key_of
from gdbstub.backends.qemu.tcg_plugin.debug_shadow import DEBUG, written
from gdbstub.backends.qemu.tcg_plugin.deliveries import PlacedDeliveries
from gdbstub.backends.qemu.tcg_plugin.known_code import KnownCode
from gdbstub.backends.qemu.tcg_plugin.points import AT, UNKNOWN, Points, Values, joined
from gdbstub.backends.qemu.tcg_plugin.ring import NAMES, TakenRecords
from gdbstub.x86.registers import Mode

ARITHMETIC = 0x8D5
"""CF, PF, AF, ZF, SF, OF: TCG has them only once somebody asks."""
SYSTEM_FLAGS = "rflags_system"
"""The column of RFLAGS without them."""
WIDE_ONLY = tuple(f"r{number}" for number in range(8, 16))


@dataclass(frozen=True, slots=True)
class PluginRun:
    """``count`` instructions that ran, all of them ``wide`` or none. ``code`` are numbers of ``codes``, or `UNKNOWN`,
    ``began`` their linear addresses, ``before`` the modes in which they ran. ``pc``, ``mode`` and ``registers`` are
    those behind the instruction. ``accesses`` are what it did to memory, ``row`` the index of its row for each."""

    count: int
    wide: bool
    code: NDArray[np.int64]
    began: Values
    before: NDArray[np.uint8]
    pc: Values
    mode: NDArray[np.uint8]
    registers: dict[str, Values]
    row: NDArray[np.uint32]
    accesses: NDArray[np.void]
    codes: KnownCode
    has_values: bool

    def first(self, count: int) -> PluginRun:
        """So many of them."""
        if count >= self.count:
            return self
        kept = self.row < count
        registers = {name: column[:count] for name, column in self.registers.items()}
        return replace(
            self,
            count=count,
            code=self.code[:count],
            began=self.began[:count],
            before=self.before[:count],
            pc=self.pc[:count],
            mode=self.mode[:count],
            registers=registers,
            row=self.row[kept],
            accesses=self.accesses[kept],
        )


PluginPiece = PluginRun | Delivered


class PluginRows:
    """Takes records as they come."""

    def __init__(self, first_code: int, first_access: int, has_values: bool) -> None:
        self.has_values = has_values
        self.codes = KnownCode(first_code)
        self.modes = CodeModes()
        self.deliveries = PlacedDeliveries(self.codes)
        self.debug: list[int] | None = None
        """DR0 to DR3, DR6, DR7 at the last row; None where they are not known."""
        self._before: Points | None = None
        self._accesses: list[NDArray[np.void]] = []
        self._first_access = first_access

    @property
    def open(self) -> bool:
        """Is there an instruction whose row is not complete?"""
        return self._before is not None

    def feed(self, taken: TakenRecords, logged: Sequence[LoggedException]) -> list[PluginPiece]:
        """What is complete: the last record begins no row before its successor is there."""
        self.codes.learn(taken.codes)
        for one in logged:
            shown = one.shown
            cs, flags = shown.segments["cs"].selector, shown.rflags
            self.modes.learn(key_of(cs, shown.cr0, flags, shown.efer), shown.mode)
        self.deliveries.come(logged)
        self._accesses.append(taken.accesses)
        rows = taken.rows
        if not len(rows):
            return []
        begins = np.ones(len(rows), np.bool_)
        code = self.codes.index(rows["code"])
        return self._assemble(Points(rows["registers"], rows["pc"].copy(), code, rows["accesses"].copy(), begins))

    def stand(self, pc: int, registers: Mapping[str, int]) -> list[PluginPiece]:
        """The guest stands still and has these registers: all rows are complete."""
        if self._before is None and not self.deliveries.any_wait:
            return []
        last = np.array([[registers.get(name, 0) for name in NAMES]], np.uint64)
        done = np.array([self._first_access + sum(map(len, self._accesses))], np.uint64)
        pieces = self._assemble(
            Points(last, np.array([pc], np.uint64), np.array([UNKNOWN]), done, np.zeros(1, np.bool_)), stands=True
        )
        self._before = None
        return pieces

    def _assemble(self, new: Points, stands: bool = False) -> list[PluginPiece]:
        points = new if self._before is None else joined([self._before, new])
        points = self._without_repeats(points)
        points, events = self.deliveries.among(points, stands)
        if not len(points.pc):
            return [event for _, event in events]
        modes = self._modes(points)
        debug = self._debug(points, modes, events)
        rows = np.flatnonzero(points.begins[:-1])
        pieces = self._pieces(points, modes, debug, rows, events)
        self._before = points.take(slice(len(points.pc) - 1, None))
        self._forget_accesses(int(self._before.done[0]))
        return pieces

    def _without_repeats(self, points: Points) -> Points:
        same = np.flatnonzero(points.pc[1:] == points.pc[:-1])
        if not len(same):
            return points
        equal = (points.registers[same + 1] == points.registers[same]).all(axis=1) & points.begins[same + 1]
        again = [
            at
            for at in same[equal].tolist()
            if not self.codes.leads_to_itself(int(points.code[at]), int(points.registers[at, AT["rip"]]))
        ]
        if not again:
            return points
        kept = np.ones(len(points.pc), np.bool_)
        kept[again] = False
        return points.take(np.flatnonzero(kept))

    # -- what records do not show -----------------------------------------------------------------------------

    def _modes(self, points: Points) -> NDArray[np.uint8]:
        shown = points.registers
        names = ("cs", "cr0", "rflags", "efer")
        system = shown[:, [AT[name] for name in names]] & np.array([2**64 - 1, 1, 1 << 17, 1 << 10], np.uint64)
        far = self.codes.is_far(points.code[:-1])
        edges = [0, *(np.flatnonzero((system[1:] != system[:-1]).any(axis=1) | far) + 1).tolist(), len(system)]
        found = np.zeros(len(system), np.uint8)
        loads = np.concatenate([np.zeros(1, np.int64), np.cumsum(far)])
        keys: dict[tuple[Key, int], list[tuple[int, int]]] = {}
        for start, end in pairwise(edges):
            key = key_of(*(int(value) for value in system[start]))
            keys.setdefault((key, int(loads[start])), []).append((start, end))
        for (key, _), stretches in keys.items():
            some = np.concatenate([points.code[start:end] for start, end in stretches])
            general = np.concatenate([shown[start : min(end, start + 4096), :16] for start, end in stretches[:16]])
            wide = bool((general[:, :8] >> np.uint64(32)).any() or general[:, 8:].any())
            begins = stretches[0][0]
            same = begins > 0 and shown[begins, AT["cs"]] == shown[begins - 1, AT["cs"]]
            kept = same and not self.codes.loads_cs(int(points.code[begins - 1]))
            before = _as_mode(int(found[begins - 1])) if kept else None
            mode = self.modes.of(key, self.codes.some_of(some), wide=wide, before=before)
            for start, end in stretches:
                found[start:end] = mode
        return found

    def _debug(self, points: Points, modes: NDArray[np.uint8], events: list[tuple[int, Delivered]]) -> Values | None:
        """The debug registers at each point."""
        if self.debug is None:
            return None
        if not (points.registers[:, AT["cr0"]] & np.uint64(1)).all():
            self.debug = None  # QEMU's log has no line for the #DB of real mode
            return None
        changes: list[tuple[int, int, int]] = []
        raised = {at for at, _ in events}
        for at in self.codes.debug_writes(points.code[:-1]):
            write = self.codes.debug_write(int(points.code[at]), _as_mode(int(modes[at])))
            if write is not None and at not in raised and (change := written(write, points.registers[at])) is not None:
                changes.append((at + 1, *change))
        for at, event in events:
            behind = min(at + 1, len(points.pc) - 1) if points.begins[at] else at
            changes += [(behind, which, value or 0) for which, value in enumerate(event.logged.shown.debug[:6])]
        shown = np.tile(np.array(self.debug, np.uint64), (len(points.pc), 1))
        for at, which, value in sorted(changes, key=lambda change: change[0]):
            shown[at:, which] = value
        self.debug = [int(value) for value in shown[-1]]
        return shown

    # -- pieces -----------------------------------------------------------------------------------------------

    def _pieces(
        self,
        points: Points,
        modes: NDArray[np.uint8],
        debug: Values | None,
        rows: NDArray[np.intp],
        events: list[tuple[int, Delivered]],
    ) -> list[PluginPiece]:
        accesses = np.concatenate(self._accesses)
        found: list[PluginPiece] = []
        done = 0
        for at, event in [*events, (len(points.pc), None)]:
            end = int(np.searchsorted(rows, at))
            wide = modes[rows[done:end] + 1] == 64
            edges = [0, *(np.flatnonzero(wide[1:] != wide[:-1]) + 1).tolist(), len(wide)]
            for start, stop in pairwise(edges):
                if stop > start:
                    found.append(self._run(points, modes, debug, rows[done + start : done + stop], accesses))
            done = end
            if event is not None:
                found.append(event)
        return found

    def _run(
        self,
        points: Points,
        modes: NDArray[np.uint8],
        debug: Values | None,
        rows: NDArray[np.intp],
        accesses: NDArray[np.void],
    ) -> PluginRun:
        behind = rows + 1
        wide = int(modes[behind[0]]) == 64
        shown = np.ascontiguousarray(points.registers[behind].T)
        hidden = frozenset(() if wide else WIDE_ONLY)
        registers = {name: shown[at] for name, at in AT.items() if name not in hidden and name != "rflags"}
        registers[SYSTEM_FLAGS] = shown[AT["rflags"]] & ~np.uint64(ARITHMETIC)
        if debug is not None:
            registers |= {name: debug[behind, at] for at, name in enumerate(DEBUG)}
        first = points.done[rows].astype(np.int64) - self._first_access
        counts = points.done[behind].astype(np.int64) - self._first_access - first
        which = np.repeat(np.arange(len(rows), dtype=np.uint32), counts)
        if len(which) and int(counts.sum()) == int(first[-1] + counts[-1] - first[0]):
            mine = accesses[int(first[0]) : int(first[-1] + counts[-1])]
        else:  # what an instruction did that was begun anew is none of its accesses
            ends = np.cumsum(counts)
            mine = accesses[np.arange(len(which)) + np.repeat(first - (ends - counts), counts)]
        return PluginRun(
            len(rows), wide, points.code[rows], points.pc[rows], modes[rows], points.pc[behind], modes[behind],
            registers, which, mine, self.codes, self.has_values,
        )  # fmt: skip

    def _forget_accesses(self, done: int) -> None:
        """Those of rows that are complete."""
        rest = np.concatenate(self._accesses)[done - self._first_access :]
        self._accesses, self._first_access = [rest.copy()], done


def _as_mode(mode: int) -> Mode:
    return 64 if mode == 64 else 32 if mode == 32 else 16
