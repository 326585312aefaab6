"""The debug registers of rows that don't show them: as they were at the start, what MOV DR wrote, and what exceptions
show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gdbstub.backends.qemu.tcg_plugin.ring import NAMES
from gdbstub.x86.decode import shape
from gdbstub.x86.registers import Mode

DEBUG = ("dr0", "dr1", "dr2", "dr3", "dr6", "dr7")
DR6_ONES = 0xFFFF_0FF0
DR7_ONES = 0x400
"""Bits that TCG sets whatever is written (``helper_set_dr``, ``cpu_x86_update_dr7``)."""
CR4_DE = 8
MOV_TO_DR = b"\x0f\x23"
REX_R, REX_B = 4, 1


class DebugWrite:
    """``mov drN, REG``: numbers of the debug register (4 and 5 as encoded) and of the general one."""

    def __init__(self, debug: int, general: int) -> None:
        self.debug = debug
        self.general = general


def write_of(code: bytes, mode: Mode) -> DebugWrite | None:
    """SDM vol. 2, MOV to debug registers: 0F 23 /r."""
    at = code.find(MOV_TO_DR)
    known = shape(code, mode) if at >= 0 else None
    if known is None or "mov-dr" not in known.traits or at + 3 != len(known.bytes):
        return None
    rex = code[at - 1] if mode == 64 and at and 0x40 <= code[at - 1] < 0x50 else 0
    field = code[at + 2]
    return DebugWrite((field >> 3 & 7) | (8 if rex & REX_R else 0), (field & 7) | (8 if rex & REX_B else 0))


NUMBERED = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", *(f"r{n}" for n in range(8, 16)))
COLUMN = [NAMES.index(name) for name in NUMBERED]
CR4 = NAMES.index("cr4")


def written(write: DebugWrite, registers: NDArray[np.uint64]) -> tuple[int, int] | None:
    """Which of `DEBUG` has which value behind it; ``registers`` are those in front. None where it raises #UD."""
    value = int(registers[COLUMN[write.general]])
    number = write.debug
    if number in (4, 5):
        if int(registers[CR4]) & CR4_DE:
            return None
        number += 2
    if number < 4:
        return number, value
    if number > 7:
        return None
    return (4, value | DR6_ONES) if number == 6 else (5, value | DR7_ONES)
