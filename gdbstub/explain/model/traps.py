"""The debug traps of one instruction, which come behind it: data and I/O breakpoints, the single step, a bus lock.

SDM vol. 3B 18.3.1.2-18.3.1.6; part of the architecture model (`architecture.py`).
"""

from __future__ import annotations

from gdbstub.explain.model.vcpu_state import Bits, VcpuState, slots
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.debug_registers import B_MASK, BLD, BS, Slot, covered
from gdbstub.x86.decode import LINEAR_MASKS
from gdbstub.x86.instructions import Shape
from gdbstub.x86.operands import touches
from gdbstub.x86.registers import DEBUGCTL_BLD, DEBUGCTL_BTF, OF, TF, part


def data(setting: VcpuState, what: Shape) -> Bits:
    """R/W 01 and 11. Each register whose range an operand meets, all of them."""
    if setting.dr7 is None:
        return Bits(0, B_MASK, ("DR7",)) if what.memory else Bits()
    sure = maybe = 0
    missing = []
    for slot, place in slots(setting, BreakpointKind.WRITE, BreakpointKind.ACCESS):
        hit = None if place is None else accesses(setting, what, slot, place)
        if hit:
            sure |= 1 << slot.number
        elif hit is None and _could_touch(what, slot):
            maybe |= 1 << slot.number
            missing.append(f"DR{slot.number}" if place is None else "the registers")
    return Bits(sure, maybe, tuple(missing))


def _could_touch(what: Shape, slot: Slot) -> bool:
    reads = slot.type is BreakpointKind.ACCESS
    return any(reads or operand.writes for operand in what.memory) or bool(SYSTEM & what.traits)


SYSTEM = frozenset(("gate", "iret", "descriptor"))
"""They touch a stack or a descriptor table that their operands don't name."""


def accesses(setting: VcpuState, what: Shape, slot: Slot, place: int) -> bool | None:
    """Whether an operand meets what the register covers; None where that is not known."""
    writes = slot.type is BreakpointKind.WRITE
    hit = touches(
        what, setting.address, covered(place, slot.length), writes, setting.registers, setting.mode,
        executed=setting.executed,
    )  # fmt: skip
    return None if hit is False and SYSTEM & what.traits else hit


def ports(setting: VcpuState, what: Shape) -> Bits:
    """R/W 10: IN, OUT, INS, OUTS, where CR4.DE is 1 (without it the type is undefined)."""
    if not what.port_size or setting.de is False:
        return Bits()
    if setting.dr7 is None:
        return Bits(0, B_MASK, ("DR7",))
    port = part("dx", setting.registers) if what.port is None else what.port
    sure = maybe = 0
    missing = []
    for slot, place in slots(setting, BreakpointKind.IO):
        if port is None or place is None:
            maybe |= 1 << slot.number
            missing.append("the port" if port is None else f"DR{slot.number}")
        elif covered(place, slot.length).meets(port, what.port_size):
            sure |= 1 << slot.number
    if sure and setting.de is None:
        return Bits(0, sure | maybe, (*missing, "CR4.DE"))
    return Bits(sure, maybe, tuple(missing))


def single_step(setting: VcpuState, what: Shape) -> Bits:
    """BS: TF as it was when the instruction began; SYSCALL and SYSRET go by the TF that they leave (Xen XSA-204)."""
    tf = _trap_flag(setting, what)
    if tf is False:
        return Bits()
    if tf is None:
        return Bits(0, BS, ("RFLAGS.TF",))
    return _by_branch(setting, what)


def _trap_flag(setting: VcpuState, what: Shape) -> bool | None:
    """Whether a step is due behind ``what``, DEBUGCTL.BTF aside; None where that is not known."""
    before = None if setting.rflags is None else bool(setting.rflags & TF)
    if "syscall" in what.traits:
        kept = None if setting.fmask is None else not setting.fmask & TF
        return False if before is False or kept is False else before and kept
    if what.mnemonic in ("sysret", "sysretq"):
        image = part("r11", setting.registers)
        return None if image is None else bool(image & TF)
    if "into" in what.traits and setting.rflags is not None and not setting.rflags & OF:
        return before
    if "gate" in what.traits and "sysenter" not in what.traits:
        return False  # the gate clears TF
    return before


def _by_branch(setting: VcpuState, what: Shape) -> Bits:
    """With DEBUGCTL.BTF only a branch that is taken traps."""
    if setting.debugctl is not None and not setting.debugctl & DEBUGCTL_BTF:
        return Bits(BS)
    taken = _taken(setting, what)
    if taken:
        return Bits(BS)
    if setting.debugctl is None:
        return Bits(0, BS, ("DEBUGCTL.BTF",))
    return Bits() if taken is False else Bits(0, BS, ("whether the branch was taken",))


def _taken(setting: VcpuState, what: Shape) -> bool | None:
    if "branch" not in what.traits:
        return False
    if "conditional" not in what.traits:
        return True
    behind = setting.address + len(what.bytes)
    return None if setting.target is None else setting.target != behind & LINEAR_MASKS[setting.mode]


def bus_lock(setting: VcpuState, what: Shape) -> Bits:
    """BLD: DEBUGCTL bit 2, CPL above 0, a locked access over a cache line's end (or to uncached memory)."""
    off = setting.debugctl is not None and not setting.debugctl & DEBUGCTL_BLD
    if "lock" not in what.traits or off or setting.cpl == 0:
        return Bits()
    return Bits(0, BLD, ("whether the bus was locked",))
