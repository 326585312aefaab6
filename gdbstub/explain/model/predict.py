"""The architecture as a pure function: which #DB is due at one instruction, from the state in front of it.

It knows no platform. What a platform does instead is found by holding its stops against this, in `deviations`.
Sources: SDM vol. 3B 18.2-18.3, vol. 3A 6.8.3 and table 6-2; kvm-unit-tests x86/debug.c for what the SDM leaves open.

The order at an instruction: an instruction breakpoint on it comes first (a fault), then general detect (a fault of
MOV DR); once it has run, its traps are delivered together with an instruction breakpoint on the next one.
"""

from __future__ import annotations

from gdbstub.explain.model.faults import general_detect, instruction_breakpoints
from gdbstub.explain.model.saved_rip import iterations_left, places_behind
from gdbstub.explain.model.traps import accesses, bus_lock, data, ports, single_step
from gdbstub.explain.model.vcpu_state import Bits, PendingDebugException, Prediction, VcpuState, join, slots
from gdbstub.x86.breakpoints import BY_RW
from gdbstub.x86.debug_registers import B_MASK, BS, merge_dr6
from gdbstub.x86.decode import shape
from gdbstub.x86.instructions import Shape


def predict(setting: VcpuState) -> Prediction:
    """The #DB that is due at the instruction in front of which ``setting`` stands: before it (a fault) or behind it (a
    trap). That the instruction raises no other exception is taken for granted. Never raises."""
    what = shape(setting.code, setting.mode)
    if what is None:
        return Prediction(None, 0, ("the instruction",))
    fault = _fault(setting, what)
    if fault.sure:
        return Prediction(_faulted(setting, fault), 0, fault.missing)
    own = join(data(setting, what), ports(setting, what), single_step(setting, what), bus_lock(setting, what))
    icebp = "icebp" in what.traits
    traps = join(own, _held_back(setting.held, icebp=icebp))
    if "mov-ss" in what.traits and not setting.shadow:  # a second one in a row has no shadow
        return Prediction(_faulted(setting, fault) if fault.maybe else None, traps.sure, traps.missing)
    if not (traps.sure or traps.maybe or icebp):
        return Prediction(_faulted(setting, fault) if fault.maybe else None, 0, fault.missing)
    return _trapped(setting, what, traps, fault, icebp=icebp)


def _held_back(held: int, *, icebp: bool) -> Bits:
    """What MOV SS put off. INT1 behind it raises one #DB, without BS (kvm-unit-tests debug.c)."""
    return Bits(held & ~BS if icebp else held)


def _fault(setting: VcpuState, what: Shape) -> Bits:
    """An instruction breakpoint is served before any other fault, so general detect waits for the next attempt."""
    hits = instruction_breakpoints(setting, setting.address, setting.rflags, shadow=setting.shadow)
    return hits if hits.sure else join(hits, general_detect(setting, what))


def _faulted(setting: VcpuState, fault: Bits) -> PendingDebugException:
    """RF is 0 in the frame: an instruction breakpoint leaves it as it was, and general detect does not set it (KVM
    `kvm_check_and_inject_events`). A step that MOV SS holds back is lost (kvm-unit-tests debug.c); of data hits that is
    not known."""
    bits = join(fault, Bits(0, setting.held & ~BS))
    return PendingDebugException("fault", bits.sure, bits.maybe, (setting.address,), False, _merged(setting, bits))


def _trapped(setting: VcpuState, what: Shape, traps: Bits, fault: Bits, *, icebp: bool) -> Prediction:
    places = places_behind(setting, what)
    following = _on_the_next(setting, what, places)
    if not traps.sure:
        following = Bits(0, following.sure | following.maybe, following.missing)
    bits = join(traps, Bits(0, fault.maybe, fault.missing), following, _disabled_matches(setting, what, places))
    rf = iterations_left(setting, what) if "rep" in what.traits else False
    old_hits = icebp and setting.vendor != "intel" and (setting.dr6 or 0) & B_MASK  # AMD keeps them: Xen x86_merge_dr6
    dr6 = None if old_hits else _merged(setting, bits)
    return Prediction(PendingDebugException("trap", bits.sure, bits.maybe, places, rf, dr6), 0, bits.missing)


def _merged(setting: VcpuState, bits: Bits) -> int | None:
    return None if setting.dr6 is None or bits.maybe else merge_dr6(setting.dr6, bits.sure)


def _on_the_next(setting: VcpuState, what: Shape, places: tuple[int, ...]) -> Bits:
    """Instruction breakpoints on the next instruction, which are delivered with the traps of this one (Linux
    `hw_breakpoint_handler`). IRET can load an RF that suppresses them, and REP sets it for its own iterations."""
    found = [
        instruction_breakpoints(setting, place, None if "iret" in what.traits else 0, shadow=False)
        for place in places
        if place != setting.address or "rep" not in what.traits
    ]
    if len(found) == 1 and len(places) == 1:
        return found[0]
    either = join(*found)
    return Bits(0, either.sure | either.maybe, ("where RIP went",) if either.sure or either.maybe else ())


def _disabled_matches(setting: VcpuState, what: Shape, places: tuple[int, ...]) -> Bits:
    """B bits of matches that DR7 does not enable: Intel leaves open whether they are set (SDM vol. 3B 18.2.3)."""
    maybe = 0
    for slot, place in slots(setting, *BY_RW, enabled=False):
        if place is not None and (place in places or accesses(setting, what, slot, place)):
            maybe |= 1 << slot.number
    return Bits(0, maybe)
