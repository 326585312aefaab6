"""The debug faults of one instruction, which come before it: instruction breakpoints and general detect.

SDM vol. 3B 18.2.4 and 18.3.1.1; part of the architecture model (`architecture.py`).
"""

from __future__ import annotations

from gdbstub.explain.model.vcpu_state import Bits, VcpuState, slots
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.debug_registers import B_MASK, BD, decode_dr7
from gdbstub.x86.instructions import Shape
from gdbstub.x86.registers import RF


def instruction_breakpoints(setting: VcpuState, address: int, rflags: int | None, *, shadow: bool) -> Bits:
    """Those at ``address``. RF suppresses them once; so does MOV SS on Intel, but not on AMD (KVM
    `kvm_is_code_breakpoint_inhibited`)."""
    if (rflags is not None and rflags & RF) or (shadow and setting.vendor == "intel"):
        return Bits()
    if setting.dr7 is None:
        return Bits(0, B_MASK, ("DR7",))
    rows = list(slots(setting, BreakpointKind.EXECUTE))
    hits = sum(1 << slot.number for slot, place in rows if place == address)
    unknown = [slot.number for slot, place in rows if place is None]
    maybe = sum(1 << number for number in unknown)
    missing = tuple(f"DR{number}" for number in unknown)
    if hits and shadow and setting.vendor is None:
        return Bits(0, hits | maybe, (*missing, "the CPU's vendor"))
    if hits and rflags is None:
        return Bits(0, hits | maybe, (*missing, "RFLAGS.RF"))
    return Bits(hits, maybe, missing)


def general_detect(setting: VcpuState, what: Shape) -> Bits:
    """MOV DR at CPL 0 while DR7.GD is set. MOV SS does not put it off (kvm-unit-tests debug.c)."""
    if "mov-dr" not in what.traits or setting.cpl not in (0, None):
        return Bits()
    if setting.dr7 is None:
        return Bits(0, BD, ("DR7",))
    if not decode_dr7(setting.dr7).general_detect:
        return Bits()
    return Bits(BD) if setting.cpl == 0 else Bits(0, BD, ("CPL",))
