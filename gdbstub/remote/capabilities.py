"""What a machine behind a stub can do, and what it is: frozen answers of the handshake, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Vendor = Literal["intel", "amd"]
Guest = Literal["hvm", "pv"]


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """Which hypervisor this is (`backend` of a trace header). ``profile`` names a row of `gdbstub.backends`;
    ``version``, ``vendor`` and ``guest`` are None where they could not be learnt."""

    name: str
    version: str | None
    vendor: Vendor | None
    profile: str
    guest: Guest | None = None


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a stub does otherwise than the gdb manual has it; the defaults are QEMU's.

    ``probe``: a request, and how its answer alone begins: for getting back in step. ``no_break``: why 0x03 does not
    stop a running guest, and what does (empty: it does). ``writes_all``: registers are written with ``G``, there is no
    ``P``. ``detach_answers``: ``D`` is answered before the connection ends. ``kills``: ``k`` ends the guest.
    ``keeps_thread``: the thread that ``H`` chose stays so over a stop. ``without_guest``: what it means that ``g`` or a
    resume is answered by the empty packet; empty where it means nothing. ``acks_late``: an answer's ack may come with
    the next request. ``memory_chunk``: the bytes that one answer to ``m`` may have, where that is more than its packet
    size tells (None: as that has it). ``pause_signals``: those of the stop that 0x03 brings, where it gives no other
    reason. ``behind_int3``: a stop at an int3 that the stub put in shows RIP behind it, and says nothing (None: not
    seen yet).
    """

    probe: tuple[bytes, bytes] = (b"qC", b"QC")
    no_break: str = ""
    writes_all: bool = False
    detach_answers: bool = True
    kills: bool = True
    keeps_thread: bool = False
    without_guest: str = ""
    acks_late: bool = False
    memory_chunk: int | None = None
    pause_signals: frozenset[int] = frozenset((2,))
    behind_int3: bool | None = False


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What may be asked of this target; learnt at the handshake and from the backend's profile.

    ``hardware_slots`` is the number of execute/data breakpoints that fit (None: no limit known);
    ``watch_lengths`` the lengths a data breakpoint may have (empty: any).
    """

    software_breakpoints: bool = True
    hardware_breakpoints: bool = True
    """Watchpoints, too."""
    read_watchpoints: bool = True
    """Of reads alone (``Z3``)."""
    monitor: bool = False
    """Does the stub have a monitor that dr6 reads?"""
    interrupt: bool = True
    """Does 0x03 on the wire stop a running guest?"""
    hardware_slots: int | None = 4
    watch_lengths: tuple[int, ...] = (1, 2, 4, 8)
    debug_registers: bool = False
    """Are DR0-3, DR6 and DR7 of the guest's own vCPUs shown?"""
    debug_outside_g: bool = False
    """A program of its own reads them, which takes longer than a step: only where somebody asks for them."""
    software_patches_memory: bool = True
    """A software breakpoint is an int3 that the guest could read."""
    hardware_hides_guest: bool = True
    """Arming a hardware breakpoint switches the guest's own debug registers off (KVM)."""
    slots_in_order: bool = False
    """Hardware breakpoint n of those that are set uses DRn, and a removed one's place goes to the last (QEMU's
    ``kvm_arch_insert_hw_breakpoint`` and ``kvm_arch_remove_hw_breakpoint``)."""
    passes_by_rf: bool = False
    """A resume passes a hardware breakpoint at RIP with it in place: RF is set for it."""
    writes_around_int3s: bool = False
    """There is no ``Z0``: software breakpoints are int3s that dr6 writes itself, and that stay over a write there."""
    no_hardware: str = ""
    """Why there are neither hardware breakpoints nor watchpoints, and what to do instead; empty where there are."""
    takes_debug_events: bool = False
    """Every #DB and #BP of the guest's kernel stops it before its handler, so there is no vector to catch for them."""
    cpus: tuple[int, ...] = field(default=(0,))
    """The vCPUs, from 0."""
