"""``info idt``, ``gdt``, ``tss`` and ``cr``: what the CPU itself looks up, read from the guest's memory."""

from __future__ import annotations

from frontend.commands.session import Session
from frontend.commands.table import CommandError
from gdbstub.debugger.interrupt_table import InterruptTable, TableReader
from gdbstub.x86.control_registers import BITS, set_bits
from gdbstub.x86.cpu_state import CpuState, DescriptorTables
from gdbstub.x86.descriptors import SYSTEM_TYPES, TSS_BYTES, parse_descriptor, parse_stacks
from gdbstub.x86.exceptions import GATE_SIZES, Gate, parse_gate, vector
from gdbstub.x86.registers import EFER_LMA
from gdbstub.x86.task_state import TASK_GATE

NOT_SHOWN = "This stub shows neither GDTR nor IDTR, so the tables can't be found."
MOST_ENTRIES = 8192
"""Of a descriptor table: SDM vol. 3A 3.5.1."""


def _tables(state: CpuState) -> DescriptorTables:
    if state.tables is None:
        raise CommandError(NOT_SHOWN)
    return state.tables


def _is_long(state: CpuState) -> bool:
    return bool(state.registers.get("efer", 0) & EFER_LMA)


async def idt(session: Session, text: str) -> None:
    """All present gates, or the one of a vector."""
    state = await session.state()
    table = InterruptTable.of(state)
    if table is None:
        raise CommandError(NOT_SHOWN)
    try:
        wanted = [vector(text).number] if text else list(range(256))
    except ValueError as error:
        raise CommandError(str(error)) from error
    what = "interrupt vector table" if table.kind == 16 else "IDT"
    session.out(f"{what} at {session.place(table.base)}, limit {table.limit:#x}")
    for number in wanted:
        address, size = table.gate_address(number), GATE_SIZES[table.kind]
        gate = None if address is None else parse_gate(await session.read_memory(address, size), table.kind)
        if gate is not None and (gate.present or text):
            session.out(f"{number:4} {vector(number).name:<10} {await _gate(session, state, table, gate)}")
        elif text:
            session.out(f"{number:4} {vector(number).name:<10} beyond the limit")


async def _gate(session: Session, state: CpuState, table: InterruptTable, gate: Gate) -> str:
    """Where it leads, and what it is. The name is that of the linear address: the segment need not begin at 0."""
    if gate.type is None:
        return f"{gate.selector:04x}:{gate.offset:04x}  {session.place((gate.selector << 4) + gate.offset)}"
    if not gate.present:
        return "not present"
    kind = SYSTEM_TYPES.get(gate.type, f"reserved type {gate.type}")
    kind = kind.replace("32-bit", "64-bit") if table.kind == 64 else kind
    stack = f", IST {gate.ist}" if gate.ist else ""
    where = "" if gate.type == TASK_GATE else f":{gate.offset:#x}{await _name(session, state, gate)}"
    return f"{gate.selector:04x}{where}  {kind}, DPL {gate.dpl}{stack}"


async def _name(session: Session, state: CpuState, gate: Gate) -> str:
    segment = await TableReader(session.read_memory).code_segment(gate.selector, state)
    return "" if segment is None else session.symbols.text(segment[0] + gate.offset)


async def gdt(session: Session, text: str) -> None:
    state = await session.state()
    base, limit = _tables(state).gdt
    session.out(f"GDT at {session.place(base)}, limit {limit:#x}")
    data = await session.read_memory(base, min(limit + 1, MOST_ENTRIES * 8))
    at = 0
    while at + 8 <= len(data):
        found = parse_descriptor(data[at : at + 16], _is_long(state))
        if found is not None:
            absent = "" if found.present else ", not present"
            span = f"base {found.base:#x}, limit {found.limit:#x}"
            session.out(f"{at:04x}  {found.kind}, DPL {found.dpl}{absent}  {span}")
        at += 8 if found is None else found.size


async def tss(session: Session, text: str) -> None:
    """The stacks that the CPU takes from it."""
    state = await session.state()
    tr = _tables(state).tr
    session.out(f"TSS of TR {tr.selector:04x} at {session.place(tr.base)}, limit {tr.limit:#x}")
    if tr.limit + 1 < TSS_BYTES:
        raise CommandError("It is too small for a TSS of 32 or 64 bits; none was loaded, or one of 16 bits.")
    stacks = parse_stacks(await session.read_memory(tr.base, TSS_BYTES), _is_long(state))
    if stacks is None:
        raise CommandError("The stub gave fewer bytes than were asked for.")
    for level, (segment, pointer) in enumerate(stacks.levels):
        session.out(f"  SP{level}   {'' if segment is None else f'{segment:04x}:'}{session.place(pointer)}")
    for number, pointer in enumerate(stacks.ist, 1):
        session.out(f"  IST{number}  {session.place(pointer)}")


async def control_registers(session: Session, text: str) -> None:
    registers = (await session.state()).registers
    for name in ("cr0", "cr2", "cr3", "cr4", "cr8", "efer"):
        value = registers.get(name)
        bits = "" if value is None or name not in BITS else "  " + " ".join(set_bits(name, value))
        session.out(f"{name.upper():<5} {'not shown by this stub' if value is None else f'{value:#x}{bits}'}".rstrip())
