"""An unwinder of its own for Linux's ORC (arch/x86/include/asm/orc_types.h of 6.1), to hold traces against."""

from __future__ import annotations

import bisect
import struct
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from elftools.elf.elffile import ELFFile

UNDEFINED, PREVIOUS_SP, DX, DI, BP, SP, R10, R13, BP_INDIRECT, SP_INDIRECT = range(10)
CALL, REGS, REGS_PARTIAL = range(3)
_REGISTERS = {
    DX: "rdx",
    DI: "rdi",
    BP: "rbp",
    SP: "rsp",
    R10: "r10",
    R13: "r13",
    BP_INDIRECT: "rbp",
    SP_INDIRECT: "rsp",
}
PT_REGS = {"r10": 56, "r13": 16, "rbp": 32, "rdx": 96, "rdi": 112, "rip": 128, "rsp": 152}
MOST = 200

ReadWord = Callable[[int], Awaitable[int | None]]


class Place(NamedTuple):
    """Where a function stands: its PC, and RSP there."""

    pc: int
    sp: int


class Orc:
    """Of a vmlinux that runs ``slide`` higher than linked."""

    def __init__(self, vmlinux: Path, slide: int) -> None:
        with vmlinux.open("rb") as file:
            by_name = {one.name: one for one in ELFFile(file).iter_sections()}
            places, entries = by_name[".orc_unwind_ip"], by_name[".orc_unwind"]
            at, data = places["sh_addr"] + slide, places.data()
            self._entries = entries.data()
        offsets = struct.unpack(f"<{len(data) // 4}i", data)
        self._ips = [at + 4 * number + offset for number, offset in enumerate(offsets)]

    async def walk(self, registers: Mapping[str, int], read: ReadWord) -> list[Place]:
        """Up to and with the program that was interrupted, or where the table says that a stack ends."""
        known = dict(registers)
        found = [Place(known["rip"], known["rsp"])]
        called = False
        while known["rip"] >> 63 and len(found) < MOST:
            kind = await self._step(known, called, read)
            if kind is None:
                break
            called = kind == CALL
            found.append(Place(known["rip"], known["rsp"]))
        return found

    async def _step(self, known: dict[str, int], called: bool, read: ReadWord) -> int | None:
        """To the caller; how the function was entered, or None where there is none."""
        index = bisect.bisect_right(self._ips, known["rip"] - called) - 1
        if index < 0:
            return None
        sp_offset, bp_offset, bits = struct.unpack_from("<hhH", self._entries, 6 * index)
        sp_register, bp_register, kind = bits & 15, bits >> 4 & 15, bits >> 8 & 3
        if sp_register == UNDEFINED or _REGISTERS[sp_register] not in known:
            return None
        frame: int | None = known[_REGISTERS[sp_register]]
        assert frame is not None
        if sp_register == SP_INDIRECT:
            frame = await read(frame)
            frame = None if frame is None else frame + sp_offset
        else:
            frame += sp_offset
            frame = await read(frame) if sp_register == BP_INDIRECT else frame
        if frame is None:
            return None
        rbp = known.get("rbp")
        if kind == CALL:
            after = {"rip": await read(frame - 8), "rsp": frame}
        elif kind == REGS:
            after = {name: await read(frame + offset) for name, offset in PT_REGS.items()}
            rbp = after["rbp"]
        else:
            after = {"rip": await read(frame), "rsp": await read(frame + 24)}
        if bp_register == PREVIOUS_SP:
            rbp = await read(frame + bp_offset)
        elif bp_register == BP and rbp is not None:
            rbp = await read(rbp + bp_offset)
        if after["rip"] is None or after["rsp"] is None:
            return None
        keep = {} if kind == CALL else {name: value for name, value in known.items() if kind == REGS_PARTIAL}
        known.clear()
        known.update(keep)
        known.update({name: value for name, value in (after | {"rbp": rbp}).items() if value is not None})
        return int(kind)
