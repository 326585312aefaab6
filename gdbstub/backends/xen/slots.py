"""Two owners of four debug registers: the guest, and dr6. Plain functions of their values; nothing is read or set here.

A slot is a number of DR0 to DR3 with its bits of DR7: Ln, Gn, R/Wn and LENn (SDM vol. 3B 18.2.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gdbstub.backends.xen.vcpu_helper import Addresses, VcpuDebugRegisters
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.debug_registers import B_MASK, BS, LENGTHS, STICKY, decode_dr7

ORDER = (3, 2, 1, 0)
"""Which slots dr6 takes first: guests begin with DR0."""


class SlotSetting(NamedTuple):
    """What one slot of dr6's is set to."""

    type: BreakpointKind
    address: int
    length: int


PARKED = SlotSetting(BreakpointKind.WRITE, 1 << 63, 1)
"""A watchpoint at an address that is none (not canonical): it enables a slot, and never hits."""
PARKED_SLOT = 3
Slots = Mapping[int, SlotSetting]


def field(slot: int) -> int:
    """The bits of DR7 that belong to a slot."""
    return 3 << 2 * slot | 0xF << 16 + 4 * slot


def enabling(slot: int, armed: SlotSetting) -> int:
    """Those bits where the slot is armed, locally: a task switch in hardware clears it, and no guest makes one."""
    return 1 << 2 * slot | (armed.type.rw | LENGTHS.index(armed.length) << 2) << 16 + 4 * slot


def bits_of(slots: Iterable[int]) -> int:
    """B0 to B3 of DR6 for these slots."""
    return sum(1 << slot for slot in slots)


def merge(own: VcpuDebugRegisters, ours: Slots) -> VcpuDebugRegisters:
    """What the registers hold with the guest's own values and ours; our B bits are clear, to be seen when they come."""
    dr, dr7 = list(own.dr), own.dr7
    for slot, armed in ours.items():
        dr[slot] = armed.address
        dr7 = dr7 & ~field(slot) | enabling(slot, armed)
    return VcpuDebugRegisters(_four(dr), own.dr6 & ~bits_of(ours), dr7)


class Taken(NamedTuple):
    """The guest's own registers as they are now; the slots of ours that it wrote; and those of ours that were hit."""

    own: VcpuDebugRegisters
    overwritten: tuple[int, ...]
    hits: tuple[int, ...]


def split(
    now: VcpuDebugRegisters, before: VcpuDebugRegisters, ours: Slots, *, sticky: bool, stepped: bool = False
) -> Taken:
    """Tell the guest's registers from ours. ``before`` are the guest's own when ours were set; ``sticky``: a #DB leaves
    older B bits in DR6 (Xen's PV guests), where a CPU exchanges all four; ``stepped``: BS is that of dr6's step."""
    dr, dr7 = list(now.dr), now.dr7
    overwritten = []
    for slot, armed in ours.items():
        if now.dr[slot] == armed.address:
            dr[slot] = before.dr[slot]
        if now.dr[slot] == armed.address and now.dr7 & field(slot) == enabling(slot, armed):
            dr7 = dr7 & ~field(slot) | before.dr7 & field(slot)
        else:
            overwritten.append(slot)
    mask = bits_of(ours)
    hit, theirs = now.dr6 & mask, now.dr6 & B_MASK & ~mask
    only_ours = hit and not theirs and not sticky  # this #DB was none of the guest's, and took its older bits away
    own_b = before.dr6 & B_MASK if only_ours else theirs | before.dr6 & mask
    kept = B_MASK | BS if stepped else B_MASK
    own_dr6 = now.dr6 & ~kept | own_b | before.dr6 & kept & ~B_MASK
    own = VcpuDebugRegisters(_four(dr), own_dr6, dr7, now.ran)
    return Taken(own, tuple(overwritten), tuple(slot for slot in ours if hit >> slot & 1))


def enabled(own: Iterable[VcpuDebugRegisters]) -> frozenset[int]:
    """The slots that any vCPU's own DR7 enables."""
    return frozenset(slot.number for one in own for slot in decode_dr7(one.dr7).slots if slot.enabled)


def same(one: VcpuDebugRegisters, other: VcpuDebugRegisters) -> bool:
    """Equal, but for bits of DR6 that Xen puts right by itself."""
    return one.dr == other.dr and one.dr7 == other.dr7 and not (one.dr6 ^ other.dr6) & (B_MASK | STICKY)


def _four(values: list[int]) -> Addresses:
    first, second, third, fourth = values
    return first, second, third, fourth
