"""The CPU at one moment after another, as the plugin recorded it in front of instructions, or as QEMU's log has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gdbstub.backends.qemu.exception_log import LoggedException
from gdbstub.backends.qemu.tcg_plugin.ring import NAMES

Values = NDArray[np.uint64]
AT = {name: number for number, name in enumerate(NAMES)}
UNKNOWN = -1
"""The code of an instruction that was not fetched."""


class Points(NamedTuple):
    """The CPU at one moment after another. ``begins`` where an instruction follows; ``done`` is the number of accesses
    in front of it."""

    registers: Values
    pc: Values
    code: NDArray[np.int64]
    done: Values
    begins: NDArray[np.bool_]

    def take(self, which: NDArray[np.intp] | slice) -> Points:
        registers, pc, code, done, begins = self
        return Points(registers[which], pc[which], code[which], done[which], begins[which])


def joined(parts: Sequence[Points]) -> Points:
    return Points(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def point_of(logged: LoggedException, points: Points, where: int, begins: bool) -> Points:
    """The CPU in front of a delivery, as the log has it; what the log does not show is as behind it
    (a delivery changes none of that)."""
    shown = logged.shown
    known = {**logged.general, "rip": logged.rip, "rflags": shown.rflags}
    known |= {name: segment.selector for name, segment in shown.segments.items()}
    known |= {"cr0": shown.cr0, "cr2": shown.cr2, "cr3": shown.cr3, "cr4": shown.cr4, "efer": shown.efer}
    known |= {"fs_base": shown.segments["fs"].base, "gs_base": shown.segments["gs"].base}
    registers = points.registers[where : where + 1].copy()
    if shown.mode != 64:
        registers[0, AT["r8"] : AT["r15"] + 1] = 0
    for name, value in known.items():
        if name in AT:
            registers[0, AT[name]] = value
    pc, code = np.array([logged.pc], np.uint64), np.array([UNKNOWN])
    return Points(registers, pc, code, points.done[where : where + 1], np.array([begins]))
