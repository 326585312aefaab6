"""Linear RIP from RIP, with the base of CS that was seen last."""

from __future__ import annotations

from gdbstub.debugger.interrupt_table import CR0_PE
from gdbstub.x86.cpu_state import CpuState


def predicted_pc(registers: dict[str, int], seen: CpuState) -> int | None:
    """The linear RIP before the segment bases are read, unless CS was loaded since: a load that leaves the selector
    as it was is not noticed here, except after reset, where base and selector don't fit (SDM vol. 3A 9.1.4)."""
    if registers.get("cs") != seen.registers.get("cs"):
        return None
    if seen.mode == 64 or seen.segment_base("cs") is None:
        return registers["rip"]
    return linear_rip(registers["rip"], seen)


def linear_rip(rip: int, seen: CpuState) -> int | None:
    """``rip`` with the base that CS had in ``seen``, outside of 64-bit code; None where base and selector don't fit."""
    if seen.segments is None:
        base = seen.segment_base("cs")
        return None if base is None else (base + rip) & 0xFFFF_FFFF
    cs = seen.segments["cs"]
    if not seen.registers.get("cr0", 1) & CR0_PE and cs.base != cs.selector << 4:
        return None
    return (cs.base + rip) & 0xFFFF_FFFF
