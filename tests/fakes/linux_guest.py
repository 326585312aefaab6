"""A guest that stands in a Linux kernel that is made here: its IDT, and its own table of symbols."""

from __future__ import annotations

from dataclasses import replace

from gdbstub.errors import Refused
from gdbstub.x86.cpu_state import CpuState, DescriptorTables, Segment
from tests.fakes.debugger import FakeDebugger
from tests.fakes.kallsyms import TEXT, Form, Name, image, symbols

IDT = 0xFFFF_FE00_0000_0000
SLIDE = TEXT - 0xFFFF_FFFF_8100_0000
NONE = Segment(0, 0, 0, 0)
HANDLERS = (0, 1, 2, 3, 6, 13, 14)


def gate(handler: int) -> bytes:
    """A 64-bit interrupt gate: SDM vol. 3A figure 6-8."""
    low = handler & 0xFFFF | 0x10 << 16 | (handler & 0xFFFF_0000) << 32 | 0x8E00 << 32
    return low.to_bytes(8, "little") + (handler >> 32).to_bytes(8, "little")


class LinuxGuest(FakeDebugger):
    """``pages`` is its memory beside that of `FakeDebugger`: address → bytes; ``said`` what was said of it."""

    def __init__(self, form: Form = "per-cpu") -> None:
        super().__init__()
        rows = [*symbols(per_cpu="per-cpu" in form), Name(TEXT + 0x4_0000, "T", "x86_64_start_kernel")]
        rows.append(Name(TEXT + 0x8_0000, "B", "_end"))
        handlers = {vector: TEXT + 16 * (vector + 1) for vector in HANDLERS}
        table = b"".join(gate(handlers[vector]) if vector in handlers else bytes(16) for vector in range(32))
        self.pages = {IDT: table.ljust(4096, b"\0"), TEXT: image(form, rows)}
        self.registers |= {"rip": TEXT + 16 * 2, "efer": 0x500}
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def _state(self, cpu: int) -> CpuState:
        return replace(super()._state(cpu), tables=DescriptorTables((0, 0), (IDT, 0xFFF), NONE, NONE))

    async def read_memory(self, address: int, length: int) -> bytes:
        for start, data in self.pages.items():
            if start <= address and address + length <= start + len(data):
                return data[address - start : address - start + length]
        return await super().read_memory(address, length)

    async def read_aside(self, address: int, length: int, *, physical: bool = False) -> bytes:
        if physical:
            raise Refused("m", "14")
        return await self.read_memory(address, length)
