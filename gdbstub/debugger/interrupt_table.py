"""Where the CPU looks handlers up, and where a gate leads: SDM vol. 3A 6.10-6.14, task gates 7.2-7.3."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from gdbstub.errors import Refused
from gdbstub.x86.cpu_state import CpuState
from gdbstub.x86.decode import LINEAR_MASKS
from gdbstub.x86.exceptions import BIOS_IRQS, GATE_SIZES, MOSTLY_IRQS, Gate, parse_gate
from gdbstub.x86.registers import EFER_LMA, Mode, code_mode
from gdbstub.x86.task_state import TASK_GATE, TaskState, parse_task_descriptor, parse_task_state

ReadMemory = Callable[[int, int], Awaitable[bytes]]
"""Linear address, length; raises `Refused`."""

CR0_PE = 1
CR4_LA57 = 1 << 12
"""Linear addresses have 57 bits instead of 48: SDM vol. 3A 4.5."""


class InterruptTable(NamedTuple):
    """Where the CPU looks handlers up; equal tables need no second look. ``kind`` as in `parse_gate`."""

    base: int
    limit: int
    kind: Mode

    @classmethod
    def of(cls, state: CpuState) -> InterruptTable | None:
        """IDTR, CR0.PE and EFER.LMA as one value; None where the backend doesn't show them."""
        if state.tables is None:
            return None
        base, limit = state.tables.idt
        if state.registers.get("efer", 0) & EFER_LMA:
            return cls(base, limit, 64)
        return cls(base, limit, 32 if state.registers.get("cr0", 0) & CR0_PE else 16)

    def gate_address(self, number: int) -> int | None:
        """Linear address of the gate of vector ``number``; None beyond the limit."""
        size = GATE_SIZES[self.kind]
        return None if number * size + size - 1 > self.limit else self.base + number * size


REAL_MODE = InterruptTable(0, 0x3FF, 16)
"""The table of vectors after reset, and of every real-mode program that loads no other: SDM vol. 3A 20.1.4."""


class Way(NamedTuple):
    """How a vector gets to its handler: the gate, the handler's linear address, how many other vectors share it, and
    the places in memory (linear address, bytes) that say so. ``task`` is the selector of a task gate's TSS."""

    gate: Gate | None
    handler: int | None
    others: int
    places: tuple[tuple[int, int], ...]
    task: int | None = None
    why_none: str = ""
    """Why an entry that leads somewhere gives no handler, in a clause."""


NO_WAY = Way(None, None, 0, ())


class TableReader:
    """Reads gates, descriptors and task states of a stopped guest."""

    def __init__(self, read_memory: ReadMemory) -> None:
        self._read = read_memory

    async def way(self, table: InterruptTable, number: int, state: CpuState) -> Way:
        """Where vector ``number`` leads, as far as it can be read."""
        address = table.gate_address(number)
        if address is None:
            return NO_WAY
        places = ((address, GATE_SIZES[table.kind]),)
        gate = await self._gate(address, table.kind)
        if gate is not None and gate.type == TASK_GATE:
            return await self._task_way(gate, state, places)
        others = await self._others(table, gate)
        if table.kind == 16 and gate is not None and (others or number in MOSTLY_IRQS):
            # a BIOS's default handler serves interrupts, too, and would be called this vector's
            serves = f"{others} other vector{'s' * (others > 1)}" if others else f"IRQ {number - BIOS_IRQS.start}"
            why = f"the one in real mode's table, at {(gate.selector << 4) + gate.offset:#x}, is that of {serves} too"
            return Way(None, None, others, places, why_none=why)
        return Way(gate, await self._handler(gate, state, table), others, places)

    async def leading_to(self, table: InterruptTable, state: CpuState) -> list[int]:
        """The vectors at whose handler the guest stands; task gates are left out."""
        size = GATE_SIZES[table.kind]
        try:
            data = await self._read(table.base, min(table.limit + 1, 256 * size))
        except Refused:
            return []
        found = []
        for number in range(len(data) // size):
            gate = parse_gate(data[number * size : (number + 1) * size], table.kind)
            if gate is None or not gate.present or gate.type == TASK_GATE or gate.offset != state.rip:
                continue
            if await self._handler(gate, state, table) == state.pc:
                found.append(number)
        return found

    async def _gate(self, address: int, kind: Mode) -> Gate | None:
        try:
            gate = parse_gate(await self._read(address, GATE_SIZES[kind]), kind)
        except Refused:
            return None
        if gate is None or not gate.present or (gate.type == TASK_GATE and kind != 32):
            return None
        return None if kind == 16 and gate.offset == gate.selector == 0 else gate  # an empty vector table

    async def _others(self, table: InterruptTable, gate: Gate | None) -> int:
        """How many other vectors have the same handler; as far as the table can be read."""
        if gate is None:
            return 0
        size = GATE_SIZES[table.kind]
        try:
            data = await self._read(table.base, min(table.limit + 1, 256 * size))
        except Refused:
            return 0
        gates = [parse_gate(data[at : at + size], table.kind) for at in range(0, len(data) - size + 1, size)]
        same = [one for one in gates if one and one.present and one[:2] == gate[:2]]
        return max(len(same) - 1, 0)

    async def _handler(self, gate: Gate | None, state: CpuState, table: InterruptTable) -> int | None:
        if gate is None or (gate.type is not None and not _is_usable(gate, state)):
            return None
        if table.kind == 64:
            return gate.offset
        if table.kind == 16:
            return (gate.selector << 4) + gate.offset
        segment = await self.code_segment(gate.selector, state)
        return None if segment is None else (segment[0] + gate.offset) & 0xFFFF_FFFF

    async def _task_way(self, gate: Gate, state: CpuState, places: tuple[tuple[int, int], ...]) -> Way:
        """The handler is where the task's own state says: behind its last IRET, once it has run."""
        task = await self.task_state(gate.selector, state)
        if task is None:
            return Way(gate, None, 0, places, gate.selector)
        segment = await self.code_segment(task.cs, state)
        handler = None if segment is None else (segment[0] + task.eip) & 0xFFFF_FFFF
        return Way(gate, handler, 0, (*places, task.eip_place), gate.selector)

    async def task_state(self, selector: int, state: CpuState) -> TaskState | None:
        """The TSS that a selector of the GDT names, as it lies in memory; None where it can't be read."""
        if state.tables is None or selector & 4:
            return None
        try:
            found = parse_task_descriptor(await self._read(state.tables.gdt[0] + (selector & ~7), 8))
            if found is None:
                return None
            return parse_task_state(await self._read(found.base, found.size), found)
        except Refused:
            return None

    async def code_segment(self, selector: int, state: CpuState) -> tuple[int, Mode] | None:
        """Base and mode of a code segment that need not be loaded: CS itself, real mode's, or the descriptor's."""
        segments, tables = state.segments, state.tables
        if segments is None or tables is None:
            return None
        efer = state.registers.get("efer", 0)
        if segments["cs"].selector | 3 == selector | 3:
            return 0 if state.mode == 64 else segments["cs"].base, state.mode
        if not state.registers.get("cr0", 0) & CR0_PE:
            return selector << 4, 16
        table = tables.ldt.base if selector & 4 else tables.gdt[0]
        try:
            entry = await self._read(table + (selector & ~7), 8)
        except Refused:
            return None
        mode = code_mode(int.from_bytes(entry[4:8], "little"), efer)
        return 0 if mode == 64 else int.from_bytes(entry[2:5], "little") | entry[7] << 24, mode


def _is_usable(gate: Gate, state: CpuState) -> bool:
    """Can the CPU go through this gate? Not where its selector is null or beyond the GDT, nor with an offset that no
    mode of paging has: IDTR then points at something else, as at the BIOS's vectors before the kernel's LIDT."""
    limit = None if state.tables is None else state.tables.gdt[1]
    outside = limit is not None and not gate.selector & 4 and gate.selector | 7 > limit
    width = 57 if state.registers.get("cr4", CR4_LA57) & CR4_LA57 else 48
    canonical = gate.offset + (1 << width - 1) & LINEAR_MASKS[64] < 1 << width
    return bool(gate.selector & ~3) and not outside and canonical
