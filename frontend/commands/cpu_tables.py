"""``info idt``, ``gdt``, ``tss`` and ``cr``: what the CPU itself looks up, read from the guest's memory."""

from __future__ import annotations

from frontend.commands.session import Session
from frontend.commands.table import CommandError
from gdbstub.debugger.interrupt_table import InterruptTable, TableReader
from gdbstub.x86.control_registers import BITS, set_bits
from gdbstub.x86.cpu_state import CpuState, DescriptorTables
from gdbstub.x86.descriptors import SYSTEM_TYPES, TSS_BYTES, parse_descriptor, parse_stacks
from gdbstub.x86.exceptions import GATE_SIZES, Gate, parse_gate, vector
from gdbstub.x86.registers import EFER_LMA, Mode
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
    for line in await idt_lines(session, text):
        session.out(line)


async def idt_lines(session: Session, text: str = "") -> list[str]:
    """What `idt` says; the table is read at once."""
    state = await session.state()
    table = InterruptTable.of(state)
    if table is None:
        raise CommandError(NOT_SHOWN)
    try:
        wanted = [vector(text).number] if text else list(range(256))
    except ValueError as error:
        raise CommandError(str(error)) from error
    what = "interrupt vector table" if table.kind == 16 else "IDT"
    lines = [f"{what} at {session.place(table.base)}, limit {table.limit:#x}"]
    size = GATE_SIZES[table.kind]
    there = [number for number in wanted if table.gate_address(number) is not None]
    first = there[0] * size if there else 0
    data = await session.read_memory(table.base + first, (there[-1] + 1) * size - first) if there else b""
    names = GateNames(session, state)
    for number in wanted:
        at = number * size - first
        gate = parse_gate(data[at : at + size], table.kind) if number in there else None
        if gate is not None and (gate.present or text):
            lines.append(f"{number:4} {vector(number).name:<10} {await _gate(session, table, gate, names)}")
        elif text:
            lines.append(f"{number:4} {vector(number).name:<10} beyond the limit")
    return lines


async def _gate(session: Session, table: InterruptTable, gate: Gate, names: GateNames) -> str:
    """Where it leads, and what it is. The name is that of the linear address: the segment need not begin at 0."""
    if gate.type is None:
        return f"{gate.selector:04x}:{gate.offset:04x}  {session.place((gate.selector << 4) + gate.offset)}"
    if not gate.present:
        return "not present"
    kind = SYSTEM_TYPES.get(gate.type, f"reserved type {gate.type}")
    kind = kind.replace("32-bit", "64-bit") if table.kind == 64 else kind
    stack = f", IST {gate.ist}" if gate.ist else ""
    where = "" if gate.type == TASK_GATE else f":{gate.offset:#x}{await names.of(gate)}"
    return f"{gate.selector:04x}{where}  {kind}, DPL {gate.dpl}{stack}"


class GateNames:
    """The symbols that gates lead to. Each code segment is looked up once."""

    def __init__(self, session: Session, state: CpuState) -> None:
        self._session = session
        self._state = state
        self._segments: dict[int, tuple[int, Mode] | None] = {}

    async def of(self, gate: Gate) -> str:
        if gate.selector not in self._segments:
            reader = TableReader(self._session.read_memory)
            self._segments[gate.selector] = await reader.code_segment(gate.selector, self._state)
        segment = self._segments[gate.selector]
        return "" if segment is None else self._session.symbols.text(segment[0] + gate.offset)


async def gdt(session: Session, text: str) -> None:
    for line in await gdt_lines(session):
        session.out(line)


async def gdt_lines(session: Session) -> list[str]:
    """What `gdt` says."""
    state = await session.state()
    base, limit = _tables(state).gdt
    lines = [f"GDT at {session.place(base)}, limit {limit:#x}"]
    data = await session.read_memory(base, min(limit + 1, MOST_ENTRIES * 8))
    at = 0
    while at + 8 <= len(data):
        found = parse_descriptor(data[at : at + 16], _is_long(state))
        if found is not None:
            absent = "" if found.present else ", not present"
            span = f"base {found.base:#x}, limit {found.limit:#x}"
            lines.append(f"{at:04x}  {found.kind}, DPL {found.dpl}{absent}  {span}")
        at += 8 if found is None else found.size
    return lines


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
