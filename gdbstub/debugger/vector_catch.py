"""Catching a vector: a breakpoint at the handler that the guest's IDT names, kept right while the guest changes it.

The IDT is looked at again at every stop at which IDTR, CR0.PE or EFER.LMA is new. Where hardware watchpoints cost the
guest nothing (TCG), a hidden one lies on each caught gate, so a gate written after LIDT is noticed as well; and
hidden breakpoints lie on the LIDT instructions that are known (from the image, or found in its memory; on KVM int3s,
on those that the image's symbols prove).
Elsewhere a running guest's IDT is only seen at the stops that there are.
"""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.backends.qemu.monitor import EFER_LMA, code_mode
from gdbstub.debugger.breakpoints import Breakpoint, BreakpointTable, Means
from gdbstub.debugger.record import CaughtEvent
from gdbstub.errors import GdbError, Refused
from gdbstub.explain.evidence import CodeBytes
from gdbstub.x86.cpu_state import CpuState
from gdbstub.x86.decode import LINEAR_MASKS
from gdbstub.x86.exceptions import GATE_SIZES, MOSTLY_IRQS, Frame, Gate, parse_frame, parse_gate, vector
from gdbstub.x86.lidt import find_lidt
from gdbstub.x86.registers import RFLAGS_BITS, RFLAGS_ONE, TF, VM, Mode

CR0_PE = 1
DEBUG, PAGE_FAULT = 1, 14
TASK_GATE = 5
LIDT_BYTES = 15
STACK_BYTES = 6 * 8
"""The largest frame: SS, RSP, RFLAGS, CS, RIP and an error code, 8 bytes each."""
CODE_BEFORE, CODE_AFTER = 32, 15
"""Bytes around the saved RIP that evidence holds: enough to decode backwards two instructions, and one forward."""


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


class VectorCatch:
    """The caught vectors, their gates and their handlers."""

    def __init__(self, breakpoints: BreakpointTable, *, watch_gates: bool) -> None:
        self._breakpoints = breakpoints
        self._watch_gates = watch_gates
        self._table: InterruptTable | None = None
        self._cpu: int | None = None
        self._gates: dict[int, Gate | None] = {}
        self._sharing: dict[int, int] = {}
        self._gate_watches: dict[int, Breakpoint] = {}
        self._handlers: dict[int, int] | None = {}
        self._hints: list[Breakpoint] = []

    @property
    def _caught(self) -> list[Breakpoint]:
        return [row for row in self._breakpoints if row.kind == "catch" and row.vector is not None]

    @property
    def active(self) -> bool:
        """Is any vector caught?"""
        return bool(self._caught)

    @property
    def settled(self) -> bool:
        """Has every caught vector a handler?"""
        return all(row.address is not None for row in self._caught)

    @property
    def handlers(self) -> dict[int, int]:
        """Linear address of a caught handler → its vector."""
        if self._handlers is None:
            self._handlers = {
                row.address: row.vector
                for row in self._caught
                if row.address is not None and row.vector is not None and row.enabled
            }
        return self._handlers

    def vector_at(self, state: CpuState, before: CpuState | None) -> int | None:
        """The caught vector at whose handler the guest stands. Of several with one handler: #PF if CR2 is new, #DB if
        DR6 is, else the first of the others."""
        numbers = sorted(
            row.vector for row in self._caught if row.enabled and row.address == state.pc and row.vector is not None
        )
        if len(numbers) < 2 or before is None:
            return numbers[0] if numbers else None
        if PAGE_FAULT in numbers and state.registers.get("cr2") != before.registers.get("cr2"):
            return PAGE_FAULT
        if DEBUG in numbers and state.debug.dr6 != before.debug.dr6:
            return DEBUG
        return next((number for number in numbers if number not in (DEBUG, PAGE_FAULT)), numbers[0])

    def is_stale(self, state: CpuState) -> bool:
        """Does the guest use another interrupt table than the one that was looked at?"""
        return bool(self._caught) and InterruptTable.of(state) != self._table

    def is_gate_watch(self, address: int) -> bool:
        """Did a hidden watchpoint on a gate report ``address``?"""
        return any(
            row.address is not None and row.address <= address < row.address + row.length
            for row in self._gate_watches.values()
        )

    async def hint(self, addresses: tuple[int, ...], sure: frozenset[int]) -> None:
        """Stop, unseen, at these LIDT instructions. Those in ``sure`` are known to be some; the others may be a part
        of something else.

        Where a hardware breakpoint takes the guest's own away, only an int3 will do. It changes memory, so it is put
        where an LIDT surely is, and is loaded already.
        """
        for address in addresses:
            if not self._watch_gates and not (address in sure and await self._is_loaded(address)):
                continue
            means: Means = "hw" if self._watch_gates else "sw"
            try:
                self._hints.append(await self._breakpoints.add("execute", address, means=means, hidden=True))
            except Refused:
                return

    async def _is_loaded(self, address: int) -> bool:
        try:
            return address in find_lidt(await self._breakpoints.read_memory(address, LIDT_BYTES), address)
        except Refused:
            return False

    def is_hint(self, address: int) -> bool:
        return any(row.address == address for row in self._hints)

    async def refresh(self, state: CpuState) -> None:
        """Read the gates of all caught vectors and move the breakpoints to the handlers that they name."""
        table, caught = InterruptTable.of(state), self._caught
        if table is not None and await self._is_behind(table, state):
            return
        self._handlers = None
        self._table, self._cpu = table, state.cpu
        if table is None:
            if caught:
                raise GdbError("This stub does not show IDTR, so the handlers of vectors can't be found.")
            return
        for row in caught:
            number = row.vector or 0
            address = table.gate_address(number)
            await self._watch(number, address, GATE_SIZES[table.kind])
            gate, self._sharing[number] = await self._gate_of(table, number)
            self._gates[number] = gate
            await self._move(row, await self._handler(gate, state, table))
        for number in set(self._gate_watches) - {row.vector for row in caught}:
            await self._breakpoints.remove(self._gate_watches.pop(number).number)

    async def _move(self, row: Breakpoint, handler: int | None) -> None:
        """A handler that is not mapped has no breakpoint: between two modes IDTR still shows the table of the first,
        which says nothing in the second."""
        try:
            await self._breakpoints.move(row, handler)
        except Refused:
            await self._breakpoints.move(row, None)

    async def _is_behind(self, table: InterruptTable, state: CpuState) -> bool:
        """Is this a vCPU that has no handlers yet, beside one that has? Others run into theirs while it starts up, so
        their breakpoints stay."""
        if state.cpu == self._cpu or not any(row.address is not None for row in self._caught):
            return False
        for row in self._caught:
            gate, _ = await self._gate_of(table, row.vector or 0)
            if await self._handler(gate, state, table) is not None:
                return False
        return True

    async def _gate_of(self, table: InterruptTable, number: int) -> tuple[Gate | None, int]:
        """The gate of a vector, and how many others lead to its handler. None where none is there to be caught: in real
        mode a BIOS's default handler serves interrupts, too, and would be called this vector's."""
        gate = await self._read_gate(table.gate_address(number), table.kind)
        others = await self._others(table, gate)
        return (None if table.kind == 16 and (others or number in MOSTLY_IRQS) else gate), others

    async def _watch(self, number: int, address: int | None, size: int) -> None:
        if not self._watch_gates:
            return
        row = self._gate_watches.get(number)
        if row is not None and row.length == size:
            await self._breakpoints.move(row, address)
            return
        if row is not None:
            await self._breakpoints.remove(self._gate_watches.pop(number).number)
        if address is not None:
            self._gate_watches[number] = await self._breakpoints.add("write", address, size, hidden=True)

    async def _others(self, table: InterruptTable, gate: Gate | None) -> int:
        """How many other vectors have the same handler; as far as the table can be read."""
        if gate is None:
            return 0
        size = GATE_SIZES[table.kind]
        try:
            data = await self._breakpoints.read_memory(table.base, min(table.limit + 1, 256 * size))
        except Refused:
            return 0
        gates = [parse_gate(data[at : at + size], table.kind) for at in range(0, len(data) - size + 1, size)]
        same = [one for one in gates if one and one.present and one[:2] == gate[:2]]
        return max(len(same) - 1, 0)

    def doubts(self, number: int) -> tuple[str, ...]:
        """What keeps an event at this vector's handler from being surely this vector's."""
        others = self._sharing.get(number, 0)
        if not others:
            return ()
        return (f"which vector it was: {others} other{'s' * (others > 1)} of the guest's IDT have the same handler",)

    async def _read_gate(self, address: int | None, kind: Mode) -> Gate | None:
        if address is None:
            return None
        try:
            gate = parse_gate(await self._breakpoints.read_memory(address, GATE_SIZES[kind]), kind)
        except Refused:
            return None
        if gate is None or not gate.present or gate.type == TASK_GATE:
            return None
        return None if kind == 16 and gate.offset == gate.selector == 0 else gate  # an empty vector table

    async def _handler(self, gate: Gate | None, state: CpuState, table: InterruptTable | None) -> int | None:
        if gate is None or (gate.type is not None and not _is_usable(gate, state)):
            return None
        if table is not None and table.kind == 64:
            return gate.offset
        segment = await self.code_segment(gate.selector, state)
        return None if segment is None else (segment[0] + gate.offset) & 0xFFFF_FFFF

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
            entry = await self._breakpoints.read_memory(table + (selector & ~7), 8)
        except Refused:
            return None
        mode = code_mode(int.from_bytes(entry[4:8], "little"), efer)
        return 0 if mode == 64 else int.from_bytes(entry[2:5], "little") | entry[7] << 24, mode

    async def event(self, number: int, state: CpuState) -> tuple[CaughtEvent, Mode | None, tuple[CodeBytes, ...]]:
        """The frame on the guest's stack at the handler's first instruction, the mode of the interrupted code, and
        the code around the saved RIP."""
        frame = await self._frame(number, state)
        segment = None if frame is None else await self._interrupted(frame, state)
        if frame is None or segment is None:
            return CaughtEvent(number, state.pc, frame), None, ()
        base, mode = segment
        if mode != 64:
            frame = frame._replace(cs_base=base, ss_base=await self._stack_base(frame, state))
        windows = await self.code_around(base + frame.rip)
        if number == DEBUG and mode == 64 and not frame.cs & 3:
            windows += await self._behind_syscall(state)
        return CaughtEvent(number, state.pc, frame), mode, windows

    async def _behind_syscall(self, state: CpuState) -> tuple[CodeBytes, ...]:
        """The two bytes in front of RCX, if they may be a SYSCALL that ran with TF: R11 holds its RFLAGS. Anything else
        in R11 is no reason to read where RCX happens to point."""
        behind, saved = state.registers.get("rcx", 0), state.registers.get("r11", 0)
        if behind < 2 or not saved & TF or saved & ~RFLAGS_BITS or not saved & RFLAGS_ONE:
            return ()
        try:
            return (CodeBytes(behind - 2, await self._breakpoints.read_memory(behind - 2, 2)),)
        except Refused:
            return ()

    async def _interrupted(self, frame: Frame, state: CpuState) -> tuple[int, Mode] | None:
        """Base and mode of the code that the event interrupted."""
        return (frame.cs << 4, 16) if frame.rflags & VM else await self.code_segment(frame.cs, state)

    async def _stack_base(self, frame: Frame, state: CpuState) -> int | None:
        """The base of the SS that was pushed; None where none was."""
        if frame.ss is None:
            return None
        if frame.rflags & VM:
            return frame.ss << 4
        segment = await self.code_segment(frame.ss, state)
        return None if segment is None else segment[0]

    async def _frame(self, number: int, state: CpuState) -> Frame | None:
        gate = self._gates.get(number)
        width: Mode = state.mode
        if gate is not None and gate.type in (6, 7):
            width = 16
        elif gate is not None and gate.type is not None and state.mode != 64:
            width = 32
        stack = state.registers["rsp"]
        if state.mode != 64 and state.segments is not None:
            ss = state.segments["ss"]
            stack = ss.base + (stack & (0xFFFF_FFFF if ss.attributes & 1 << 22 else 0xFFFF))
        try:
            data = await self._breakpoints.read_memory(stack, STACK_BYTES)
        except Refused:
            return None
        has_error_code = vector(number).has_error_code and gate is not None and gate.type is not None
        return parse_frame(data, width, has_error_code=has_error_code)

    async def code_around(self, address: int) -> tuple[CodeBytes, ...]:
        """Guest bytes before and after ``address``, as far as they can be read."""
        start = max(address - CODE_BEFORE, 0)
        for first in (start, address & ~0xFFF if address & 0xFFF < CODE_BEFORE else address):
            for length in (address - first + CODE_AFTER, (address | 0xFFF) + 1 - first):
                try:
                    return (CodeBytes(first, await self._breakpoints.read_memory(first, length)),)
                except Refused:
                    continue
        return ()


def _is_usable(gate: Gate, state: CpuState) -> bool:
    """Can the CPU go through this gate? Not where its selector is null or beyond the GDT, nor with an offset that no
    mode of paging has: IDTR then points at something else, as at the BIOS's vectors before the kernel's LIDT."""
    limit = None if state.tables is None else state.tables.gdt[1]
    outside = limit is not None and not gate.selector & 4 and gate.selector | 7 > limit
    return bool(gate.selector & ~3) and not outside and gate.offset + (1 << 56) & LINEAR_MASKS[64] < 1 << 57
