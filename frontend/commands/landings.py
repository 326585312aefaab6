"""A step that ends in a handler of the guest's: which vector it is, and the way back out of it."""

from __future__ import annotations

from typing import NamedTuple

from frontend.commands.session import Session
from frontend.commands.stopping import hidden_breakpoint, resume
from gdbstub.debugger.exception_frame import ExceptionFrames
from gdbstub.debugger.interrupt_table import InterruptTable, TableReader
from gdbstub.debugger.record import StopRecord
from gdbstub.errors import Refused
from gdbstub.x86.cpu_state import CpuState
from gdbstub.x86.exceptions import GATE_SIZES, parse_gate, vector
from gdbstub.x86.registers import Mode

VECTORS = 256
MOST_RETURNS = 64
"""How often one instruction may fault, and be gone back to, within one step of the user's."""


class Landing(NamedTuple):
    """A handler's first instruction. ``back`` is the linear address that it came from, ``lowest_sp`` the RSP there."""

    vector: int
    back: int
    lowest_sp: int

    @property
    def name(self) -> str:
        known = vector(self.vector).name
        return known if known.startswith("#") else f"vector {self.vector}"


async def landed(session: Session, state: CpuState) -> Landing | None:
    """The handler that a CPU stands at the beginning of; None where it is none, or nothing tells."""
    table = InterruptTable.of(state)
    if table is None:
        return None
    number = await _vector_at(session, table, state)
    if number is None:
        return None
    tables = TableReader(session.read_memory)
    way = await tables.way(table, number, state)
    event, _, _ = await ExceptionFrames(session.read_memory, tables).event(number, way, state)
    frame = event.frame
    if frame is None or (frame.rsp is None and frame.size is None):
        return None
    above = state.registers["rsp"] + (frame.size or 0)
    return Landing(number, (frame.cs_base or 0) + frame.rip, above if frame.rsp is None else frame.rsp)


async def _vector_at(session: Session, table: InterruptTable, state: CpuState) -> int | None:
    size = GATE_SIZES[table.kind]
    count = min(VECTORS, (table.limit + 1) // size)
    try:
        data = await session.read_memory(table.base, count * size)
    except Refused:
        return None
    for number in range(count):
        gate = parse_gate(data[number * size : (number + 1) * size], table.kind)
        if gate is not None and gate.present and _entry(gate.offset, gate.selector, table.kind) == state.pc:
            return number
    return None


def _entry(offset: int, selector: int, kind: Mode) -> int:
    return (selector << 4) + offset if kind == 16 else offset


async def leave(session: Session, landing: Landing, at: int, behind: int) -> StopRecord:
    """Run until the handler comes back, and say so: to the instruction ``at`` which it was taken, or ``behind`` it, as
    after a trap of the kernel's own (UD2)."""
    session.message(
        f"{landing.name} was taken at {session.place(at)}; its handler runs till it comes back "
        "(set step-into-handlers on shows it)."
    )
    async with (
        hidden_breakpoint(session, landing.back, lowest_sp=landing.lowest_sp),
        hidden_breakpoint(session, behind, lowest_sp=landing.lowest_sp),
    ):
        return await resume(session)
