"""``$name`` of a stopped CPU: whole registers, their parts, segment bases, descriptor tables, DR0-DR7."""

from __future__ import annotations

from frontend.commands.values import INT, LONG, UCHAR, UINT, ULONG, USHORT, CType, Style, Value, pointer, value_of
from gdbstub.x86.cpu_state import CpuState
from gdbstub.x86.registers import MASK_32, MASK_64, PARTS, SEGMENTS, part

ALIASES = {"eflags": "rflags", "flags": "rflags", "cs_sel": "cs"}
DEBUG_REGISTERS = ("dr0", "dr1", "dr2", "dr3", "dr6", "dr7")
COMPUTED = ("pc", "sp", "fp")
TABLES = ("gdt_base", "gdt_limit", "idt_base", "idt_limit", "ldt", "ldt_base", "tr", "tr_base")
_ADDRESSES = frozenset(("rip", "rsp", "rbp"))
_TYPES: dict[int, CType] = {0xFF: UCHAR, 0xFFFF: USHORT, MASK_32: UINT, MASK_64: LONG}


def register_value(state: CpuState, name: str) -> Value | None:
    """``$name`` without its dollar; None where this target has no such register or does not show it.

    ``pc``, ``sp`` and ``fp`` are linear addresses (segment base added), ``rip``, ``rsp`` and ``rbp`` offsets.
    """
    name = name.lower()
    name = ALIASES.get(name, name)
    if name in COMPUTED:
        return pointer(_linear(state, name))
    if name in DEBUG_REGISTERS:
        value = getattr(state.debug, name)
        return None if value is None else Value(value, ULONG, "hex" if name in ("dr6", "dr7") else "address")
    known = PARTS.get(name)
    value = part(name, state.registers)
    if value is None:
        return _hidden(state, name)
    if name in _ADDRESSES or name.endswith("_base"):
        return pointer(value)
    if known is not None:
        return value_of(value, _TYPES[known.mask])
    style: Style = "flags" if name == "rflags" else "hex" if name[:2] == "cr" or name == "efer" else "plain"
    return Value(value, INT if name in SEGMENTS else ULONG, style)


def merged(state: CpuState, name: str, value: int) -> tuple[str, int] | None:
    """What to write so that ``$name`` becomes ``value``: the whole register and its new content, other bits
    kept (as gdb does for ``$eax``). ``pc`` is turned into RIP. None for a name that cannot be written."""
    name = name.lower()
    name = ALIASES.get(name, name)
    if name in COMPUTED:
        base = _linear(state, name) - state.registers[_COMPUTED_FROM[name]]
        return _COMPUTED_FROM[name], (value - base) & MASK_64
    known = PARTS.get(name)
    if known is not None and known.whole in state.registers:
        kept = state.registers[known.whole] & ~(known.mask << known.shift)
        return known.whole, kept | (value & known.mask) << known.shift
    if name in state.registers or name in DEBUG_REGISTERS:
        return name, value & MASK_64
    return None


def register_names(state: CpuState) -> list[str]:
    """Every name that `register_value` answers for this CPU, for completion."""
    names = [*state.registers, *COMPUTED, "eflags", *DEBUG_REGISTERS]
    names += [name for name, known in PARTS.items() if known.whole in state.registers]
    if state.tables is not None:
        names += TABLES
    if state.segments is not None:
        names += [f"{name}_base" for name in state.segments]
    return sorted(set(names))


_COMPUTED_FROM = {"pc": "rip", "sp": "rsp", "fp": "rbp"}


def _linear(state: CpuState, name: str) -> int:
    if name == "pc":
        return state.pc
    value = state.registers[_COMPUTED_FROM[name]]
    if state.mode == 64:
        return value
    base = state.segment_base("ss") or 0
    return (base + (value & (0xFFFF if state.mode == 16 else MASK_32))) & MASK_32


def _hidden(state: CpuState, name: str) -> Value | None:
    if name.endswith("_base") and name[:2] in SEGMENTS:
        base = state.segment_base(name[:2])
        return None if base is None else pointer(base)
    tables = state.tables
    if tables is None or name not in TABLES:
        return None
    values = {
        "gdt_base": pointer(tables.gdt[0]),
        "gdt_limit": Value(tables.gdt[1], ULONG, "hex"),
        "idt_base": pointer(tables.idt[0]),
        "idt_limit": Value(tables.idt[1], ULONG, "hex"),
        "ldt": Value(tables.ldt.selector, INT),
        "ldt_base": pointer(tables.ldt.base),
        "tr": Value(tables.tr.selector, INT),
        "tr_base": pointer(tables.tr.base),
    }
    return values[name]


def is_real_mode(state: CpuState) -> bool:
    """Real or virtual-8086 mode: a segment's base is its selector times 16."""
    if state.mode == 64:
        return False
    cr0 = state.registers.get("cr0")
    virtual = state.registers.get("rflags", 0) >> 17 & 1
    return bool(virtual) or (not cr0 & 1 if cr0 is not None else state.mode == 16)
