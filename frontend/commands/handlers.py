"""Where a kernel's IDT leads to: what a Linux is recognised and found by."""

from __future__ import annotations

from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.interrupt_table import InterruptTable
from gdbstub.errors import Refused
from gdbstub.x86.cpu_state import CpuState
from gdbstub.x86.exceptions import GATE_SIZES, parse_gate

VECTORS = 32


def kernel_table(state: CpuState) -> InterruptTable | None:
    """The IDT of a 64-bit kernel in the upper half of the addresses; None where it is another's."""
    table = InterruptTable.of(state)
    return table if table is not None and table.kind == 64 and table.base >> 63 else None


async def read_handlers(debugger: Debugger, table: InterruptTable) -> dict[int, int]:
    """Vector → address of its handler, for the exceptions; nothing where the table cannot be read."""
    size = GATE_SIZES[table.kind]
    count = min(VECTORS, (table.limit + 1) // size)
    try:
        data = await debugger.read_aside(table.base, count * size)
    except Refused:
        return {}
    gates = ((number, parse_gate(data[number * size : (number + 1) * size], 64)) for number in range(count))
    return {number: gate.offset for number, gate in gates if gate is not None and gate.present}
