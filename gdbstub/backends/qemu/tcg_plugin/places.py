"""Where exceptions of QEMU's log lie among the rows of the plugin, which come another way.

A row has the CPU in front of an instruction, and the first one behind a delivery is that of the handler's first
instruction: general registers as they were delivered, but for RSP, which is lower by the frame, or of another stack.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gdbstub.backends.qemu.exception_log import LoggedException
from gdbstub.backends.qemu.tcg_plugin.ring import NAMES
from gdbstub.x86.exceptions import vector
from gdbstub.x86.registers import EFER_LMA

RSP, RIP = NAMES.index("rsp"), NAMES.index("rip")
GENERAL = [at for at in range(16) if at != RSP]
EIGHT = [at for at in GENERAL if at < 8]
LOW = np.uint64(0xFFFF_FFFF)
FRAME_64 = 40
"""Bytes of a frame in long mode, without an error code of 8 bytes: SDM vol. 3A 6.14.2."""
FRAMES = (6, 12)
"""On the same stack otherwise, by 16- and 32-bit gates, without an error code of 2 or 4: SDM vol. 3A 6.12.1."""
FAR = 64
"""Another stack is at least so far away."""


class Ways(NamedTuple):
    """Where the guest may be behind each row's instruction; ``anywhere`` where its bytes don't say."""

    behind: NDArray[np.uint64]
    target: NDArray[np.uint64]
    anywhere: NDArray[np.bool_]


def place(
    logged: LoggedException,
    registers: NDArray[np.uint64],
    pc: NDArray[np.uint64],
    ways: Ways,
    first: int,
    previous: LoggedException | None,
    handler: int | None,
) -> int | None:
    """The index of the handler's first row, from ``first`` on; None where there is none. ``ways`` are those that the
    instructions may take; ``previous`` is what was delivered in front of row ``first``; ``handler`` is where the
    handler begins, if that is known."""
    wide = logged.shown.mode == 64
    found = np.arange(first, len(pc))
    for at in GENERAL if wide else EIGHT:
        value = np.uint64(logged.general.get(NAMES[at], 0))
        column = registers[found, at]
        found = found[column == value] if wide else found[(column & LOW) == value]
        if not len(found):
            return None
    rsp = registers[found, RSP]
    found = found[(pc[found] != np.uint64(logged.pc)) & _is_lower(rsp, logged)]
    if previous is not None and not _interrupts(logged, previous):
        found = found[found != first]
    before = found - 1
    led = before < 0
    if previous is not None:
        led |= found == first
    if logged.software:
        led |= pc[before] == np.uint64(logged.pc)
    else:
        here = np.uint64(logged.pc)
        led |= (pc[before] == here) | (ways.behind[before] == here) | (ways.target[before] == here)
        led |= ways.anywhere[before]
    found = found[led]
    if handler is not None:
        found = found[pc[found] == np.uint64(handler)]
    return int(found[0]) if len(found) else None


def is_sure(where: int, ways: Ways, pc: NDArray[np.uint64], logged: LoggedException) -> bool:
    """Does the row in front of the handler lead to where the exception was, by its bytes?"""
    return where > 0 and (not ways.anywhere[where - 1] or int(pc[where - 1]) == logged.pc)


def _interrupts(logged: LoggedException, previous: LoggedException) -> bool:
    """Could it be delivered before the handler of the previous one has run an instruction? Either that one's delivery
    failed, or its handler's first instruction can't be reached."""
    if (logged.pc, logged.rsp) == (previous.pc, previous.rsp):
        return True
    return logged.pc != previous.pc and bool(_is_lower(np.array([logged.rsp], np.uint64), previous)[0])


def _is_lower(rsp: NDArray[np.uint64], logged: LoggedException) -> NDArray[np.bool_]:
    """May it be the stack pointer behind this delivery?"""
    before = logged.rsp
    error = vector(logged.vector).has_error_code and not logged.software
    if logged.shown.efer & EFER_LMA:
        due = [(before & ~15) - FRAME_64 - 8 * error]
    else:
        due = [before - size - size // 3 * error for size in FRAMES]
    same: NDArray[np.bool_] = np.isin(rsp, np.array([value & (2**64 - 1) for value in due], np.uint64))
    distance = np.abs((rsp - np.uint64(before)).astype(np.int64))
    return same | (distance > FAR)
