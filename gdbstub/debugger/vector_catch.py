"""Catching a vector: a breakpoint at the handler that the guest's IDT names, kept right while the guest changes it.

The IDT is looked at again at every stop at which IDTR, CR0.PE or EFER.LMA is new. Where hardware breakpoints cost the
guest nothing (TCG) more is done: a hidden watchpoint lies on all that decides where a handler is (the gate, and EIP in
the TSS behind a task gate), so what is written after LIDT is noticed as well; the same for the table of real mode for
as long as the guest can be back there; and hidden breakpoints lie on the LIDT instructions that are known (from the
image, or found in its memory; on KVM int3s, on those that the image's symbols prove).
Elsewhere a running guest's IDT is only seen at the stops that there are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gdbstub.debugger.breakpoints import Breakpoint, BreakpointTable, Means
from gdbstub.debugger.exception_frame import DEBUG, ExceptionFrames
from gdbstub.debugger.interrupt_table import NO_WAY, REAL_MODE, InterruptTable, TableReader, Way
from gdbstub.debugger.record import CaughtEvent
from gdbstub.errors import GdbError, Refused
from gdbstub.explain.evidence import CodeBytes
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.cpu_state import CpuState
from gdbstub.x86.exceptions import GATE_SIZES, vector
from gdbstub.x86.lidt import find_lidt
from gdbstub.x86.registers import Mode

PAGE_FAULT = 14
LIDT_BYTES = 15


class BlindSpot(NamedTuple):
    """Where events may have been missed: why, in a sentence, and whether the guest's handlers were real mode's then."""

    why: str
    in_real_mode: bool


class VectorCatch:
    """The caught vectors, their gates and their handlers."""

    def __init__(self, breakpoints: BreakpointTable, *, watch_gates: bool) -> None:
        self.on_move: Callable[[Breakpoint], None] = lambda row: None
        """Hears of a caught vector whose handler was found, or is another one, or none any more."""
        self._breakpoints = breakpoints
        self._tables = TableReader(breakpoints.points.read_memory)
        self._frames = ExceptionFrames(breakpoints.points.read_memory, self._tables)
        self.watch_gates = watch_gates
        self._table: InterruptTable | None = None
        self._cpu: int | None = None
        self._ways: dict[int, Way] = {}
        self._watches: dict[tuple[int, Mode], list[Breakpoint]] = {}
        """On all that decides where the handler of a vector is, in the table of a mode."""
        self._real_handlers: dict[int, Breakpoint] = {}
        """Where real mode's table leads, while another one is in use."""
        self._handlers: dict[int, int] | None = {}
        self._lidt: list[Breakpoint] = []
        self._found: set[int] = set()
        self._gaps: list[BlindSpot] = []

    @property
    def _caught(self) -> list[Breakpoint]:
        return [row for row in self._breakpoints if row.kind is BreakpointKind.CATCH and row.vector is not None]

    @property
    def active(self) -> bool:
        """Is any vector caught?"""
        return bool(self._caught)

    @property
    def vectors(self) -> frozenset[int]:
        """Those that are caught now."""
        return frozenset(row.vector for row in self._caught if row.enabled and row.vector is not None)

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

    def vectors_at(self, pc: int) -> list[int]:
        """The caught vectors with this handler."""
        return sorted(
            row.vector for row in self._caught if row.enabled and row.address == pc and row.vector is not None
        )

    def vector_at(self, state: CpuState, before: CpuState | None) -> int | None:
        """The caught vector at whose handler the guest stands. Of several with one handler: #PF if CR2 is new, #DB if
        DR6 is, else the first of the others."""
        numbers = self.vectors_at(state.pc)
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
            for rows in self._watches.values()
            for row in rows
        )

    async def watch_lidt(self, addresses: tuple[int, ...], sure: frozenset[int]) -> None:
        """Stop, unseen, at these LIDT instructions. Those in ``sure`` are known to be some; the others may be a part
        of something else.

        Where a hardware breakpoint takes the guest's own away, only an int3 will do. It changes memory, so it is put
        where an LIDT surely is, and is loaded already.
        """
        for address in addresses:
            if not self.watch_gates and not (address in sure and await self._is_loaded(address)):
                continue
            means: Means = "hw" if self.watch_gates else "sw"
            try:
                row = await self._breakpoints.add(BreakpointKind.EXECUTE, address, means=means, hidden=True)
            except Refused:
                return
            self._lidt.append(row)

    async def _is_loaded(self, address: int) -> bool:
        try:
            return address in find_lidt(await self._breakpoints.points.read_memory(address, LIDT_BYTES), address)
        except Refused:
            return False

    def is_passed_by(self, address: int) -> bool:
        """Is this a place of ours that the guest goes on from, unseen: a LIDT, a handler of another mode?"""
        return any(row.address == address for row in (*self._lidt, *self._real_handlers.values()))

    @property
    def never_found(self) -> tuple[int, ...]:
        """Caught vectors that have had no handler so far."""
        return tuple(sorted({row.vector or 0 for row in self._caught} - self._found))

    def why_none(self, number: int) -> str:
        """Why this vector has no handler although the guest's table has an entry, in a clause; else empty."""
        return self._ways.get(number, NO_WAY).why_none

    def lost_handler(self, address: int) -> bool:
        """The breakpoint there is out of the target: a blind spot, if it is a handler's."""
        if (number := self.handlers.get(address)) is None:
            return False
        real = self._table is not None and self._table.kind == 16
        why = (
            f"An instruction breakpoint of the guest's own lies on its handler of {vector(number).name} at "
            f"{address:#x}, where dr6 can't have one beside it; events of that vector may be missing for as long as it "
            "is there."
        )
        self._gaps.append(BlindSpot(why, real))
        return True

    def take_gaps(self) -> tuple[BlindSpot, ...]:
        """Where events may have been missed; once."""
        gaps, self._gaps = tuple(self._gaps), []
        return gaps

    async def refresh(self, state: CpuState, *, by_chance: bool = False) -> None:
        """Read the gates of all caught vectors and move the breakpoints to the handlers that they name. ``by_chance``:
        a look at a running guest came here, so what is new may be so for a while."""
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
            gate = () if address is None else ((address, GATE_SIZES[table.kind]),)
            await self._watch(number, table.kind, gate)
            way = self._ways[number] = await self._tables.way(table, number, state)
            await self._watch(number, table.kind, way.places)
            before = row.address
            await self._move(row, way.handler)
            if row.address is not None:
                self._found.add(number)
                if by_chance and before != row.address:
                    self._gaps.append(BlindSpot(_late(number, before, row.address), table.kind == 16))
        await self._stand_by(table, state)

    async def _stand_by(self, table: InterruptTable, state: CpuState) -> None:
        """Where another table is in use than real mode's: keep an eye on that one, for as long as the guest may be back
        there before anybody looks (a BIOS goes to and fro). Out of long mode nobody comes unseen."""
        numbers = {row.vector or 0 for row in self._caught}
        wanted = numbers if self.watch_gates and table.kind == 32 else set()
        for number in sorted(wanted):
            way = await self._tables.way(REAL_MODE, number, state)
            await self._watch(number, 16, way.places)
            row = self._real_handlers.get(number)
            if row is None and way.handler is not None:
                self._real_handlers[number] = await self._breakpoints.add(
                    BreakpointKind.EXECUTE, way.handler, means="hw", hidden=True
                )
            elif row is not None:
                await self._move(row, way.handler)
        for number in set(self._real_handlers) - wanted:
            await self._breakpoints.remove(self._real_handlers.pop(number).number)
        kinds = {table.kind, 16} if table.kind != 64 else {64}
        for number, kind in set(self._watches) - {(number, kind) for number in numbers for kind in kinds}:
            await self._watch(number, kind, ())

    async def _move(self, row: Breakpoint, handler: int | None) -> None:
        """A handler that is not mapped has no breakpoint: between two modes IDTR still shows the table of the first,
        which says nothing in the second."""
        before = row.address
        try:
            await self._breakpoints.move(row, handler)
        except Refused:
            await self._breakpoints.move(row, None)
        if row.address != before and not row.hidden:
            self.on_move(row)

    async def _is_behind(self, table: InterruptTable, state: CpuState) -> bool:
        """Is this a vCPU that has no handlers yet, beside one that has? Others run into theirs while it starts up, so
        their breakpoints stay."""
        if state.cpu == self._cpu or not any(row.address is not None for row in self._caught):
            return False
        for row in self._caught:
            if (await self._tables.way(table, row.vector or 0, state)).handler is not None:
                return False
        return True

    async def _watch(self, number: int, kind: Mode, places: tuple[tuple[int, int], ...]) -> None:
        """Have watchpoints at ``places`` (address, bytes) and nowhere else for this vector and mode."""
        if not self.watch_gates:
            return
        rows = self._watches.setdefault((number, kind), [])
        for row, (address, size) in zip(tuple(rows), places, strict=False):
            if row.length == size:
                await self._breakpoints.move(row, address)
            else:
                await self._breakpoints.remove(row.number)
                rows[rows.index(row)] = await self._breakpoints.add(BreakpointKind.WRITE, address, size, hidden=True)
        for address, size in places[len(rows) :]:
            rows.append(await self._breakpoints.add(BreakpointKind.WRITE, address, size, hidden=True))
        while len(rows) > len(places):
            await self._breakpoints.remove(rows.pop().number)
        if not rows:
            del self._watches[number, kind]

    def doubts(self, number: int) -> tuple[str, ...]:
        """What keeps an event at this vector's handler from being surely this vector's."""
        others = self._ways.get(number, NO_WAY).others
        if not others:
            return ()
        return (f"which vector it was: {others} other{'s' * (others > 1)} of the guest's IDT have the same handler",)

    async def event(self, number: int, state: CpuState) -> tuple[CaughtEvent, Mode | None, tuple[CodeBytes, ...]]:
        """As `ExceptionFrames.event`, by the gate that the vector came through."""
        return await self._frames.event(number, self._ways.get(number, NO_WAY), state)

    async def code_around(self, address: int) -> tuple[CodeBytes, ...]:
        """As `ExceptionFrames.code_around`."""
        return await self._frames.code_around(address)


def _late(number: int, before: int | None, handler: int) -> str:
    name = vector(number).name
    known = "no handler of it was known" if before is None else f"it was watched at {before:#x}"
    return (
        f"A look at the running guest found the handler of {name} at {handler:#x}; until then {known}, so events "
        "before this may be missing."
    )
