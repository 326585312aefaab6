"""Where RIP stands behind an instruction, as the frame of a debug trap saves it.

SDM vol. 3A 6.5, vol. 3B 18.3.1.4 for REP; part of the architecture model (`architecture.py`).
"""

from __future__ import annotations

from gdbstub.explain.model.vcpu_state import VcpuState
from gdbstub.x86.decode import LINEAR_MASKS, RIP_MASKS, successors
from gdbstub.x86.instructions import Shape
from gdbstub.x86.registers import part

COMPARES = ("cmps", "scas")
COUNTERS = {"si": "cx", "di": "cx", "esi": "ecx", "edi": "ecx", "rsi": "rcx", "rdi": "rcx"}
"""REP counts in the register that is as wide as its addresses, which a prefix can make other than the mode's."""


def places_behind(setting: VcpuState, what: Shape) -> tuple[int, ...]:
    """Linear addresses; empty where the bytes don't say, and ``target`` does not either."""
    behind = _behind(setting, what)
    if "rep" in what.traits:
        left = iterations_left(setting, what)
        return (behind, setting.address) if left is None else (setting.address,) if left else (behind,)
    if "icebp" in what.traits:
        return (behind,)
    if "gate" in what.traits:
        return ()
    mask = LINEAR_MASKS[setting.mode]
    leads = successors(what, setting.address - setting.base, setting.mode)
    places = tuple(setting.base + rip & mask for rip in leads)
    if setting.target is not None and (not places or setting.target in places):
        return (setting.target,)
    return places


def _behind(setting: VcpuState, what: Shape) -> int:
    offset = setting.address - setting.base + len(what.bytes) & RIP_MASKS[setting.mode]
    return setting.base + offset & LINEAR_MASKS[setting.mode]


def iterations_left(setting: VcpuState, what: Shape) -> bool | None:
    """Whether iterations of a REP remain behind one; None where that is not known (CMPS and SCAS end by ZF too)."""
    count = part(COUNTERS[what.memory[0].base], setting.registers)
    if count is None:
        return None
    left = count > (0 if setting.executed else 1)
    return None if left and what.mnemonic.startswith(COMPARES) else left
