"""What a machine behind a stub can do, and what it is: frozen answers of the handshake, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Vendor = Literal["intel", "amd"]


@dataclass(frozen=True, slots=True)
class Backend:
    """Which hypervisor this is (`backend` of a trace header). ``profile`` names a row of `gdbstub.backends`;
    ``version`` and ``vendor`` are None where they could not be learnt."""

    name: str
    version: str | None
    vendor: Vendor | None
    profile: str


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What may be asked of this target; learnt at the handshake and from the backend's profile.

    ``hardware_slots`` is the number of execute/data breakpoints that fit (None: no limit known);
    ``watch_lengths`` the lengths a data breakpoint may have (empty: any).
    """

    software_breakpoints: bool = True
    hardware_breakpoints: bool = True
    read_watchpoints: bool = True
    monitor: bool = False
    interrupt: bool = True
    hardware_slots: int | None = 4
    watch_lengths: tuple[int, ...] = (1, 2, 4, 8)
    debug_registers: bool = False
    software_patches_memory: bool = True
    hardware_hides_guest: bool = True
    """Arming a hardware breakpoint switches the guest's own debug registers off (KVM)."""
    slots_in_order: bool = False
    """Hardware breakpoint n of those that are set uses DRn, and a removed one's place goes to the last (QEMU's
    ``kvm_arch_insert_hw_breakpoint`` and ``kvm_arch_remove_hw_breakpoint``)."""
    cpus: tuple[int, ...] = field(default=(0,))
