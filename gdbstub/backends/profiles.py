"""What is known of each kind of stub before it is asked: one row each, measured (docs/backends.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gdbstub.backends.xen.helpers import NO_DOMAIN, NO_HARDWARE
from gdbstub.remote.capabilities import Capabilities, Dialect

AS_THE_MANUAL = Dialect()


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of stub.

    ``pipelined``: several requests may be on the wire, acks may lag. ``steps_off_breakpoints``: ``s`` from
    a breakpoint's address runs the instruction instead of reporting the breakpoint again (``c`` does so nowhere).
    ``steps_by_tf``: a step sets TF in the guest's RFLAGS, so PUSHF and interrupt frames can save it.
    ``repeats_watches``: after a step that hits a watchpoint, the next resume stops at once, without progress.
    ``idle_steps``: now and then a step is reported that ran nothing; it is done again, once.
    ``stray_watches``: a stop may carry a watch address that no watchpoint covers (one that was removed).
    ``catch_by``: how a handler's entry is watched so that the guest's own debug registers keep working.
    ``habits``: what has to be done around its stops (`gdbstub.backends.interface`). ``manners``: how it speaks.
    """

    name: str
    title: str
    pipelined: bool
    steps_off_breakpoints: bool
    steps_by_tf: bool
    repeats_watches: bool
    stray_watches: bool
    catch_by: Literal["hw", "sw"]
    capabilities: Capabilities
    idle_steps: bool = False
    habits: Literal["plain", "gdbsx"] = "plain"
    manners: Dialect = AS_THE_MANUAL


_TCG = Profile(
    name="qemu-tcg",
    title="QEMU TCG",
    pipelined=True,
    steps_off_breakpoints=True,
    steps_by_tf=False,
    repeats_watches=True,
    stray_watches=True,
    catch_by="hw",
    idle_steps=True,
    capabilities=Capabilities(
        monitor=True,
        hardware_slots=None,
        watch_lengths=(),
        debug_registers=True,
        software_patches_memory=False,
        hardware_hides_guest=False,
    ),
)
_KVM = Profile(
    name="qemu-kvm",
    title="QEMU KVM",
    pipelined=True,
    steps_off_breakpoints=False,
    steps_by_tf=True,
    repeats_watches=False,
    stray_watches=False,
    catch_by="sw",
    capabilities=Capabilities(monitor=True, read_watchpoints=False, debug_registers=True, slots_in_order=True),
)
_GDBSX = Profile(
    name="xen-gdbsx",
    title="Xen gdbsx",
    pipelined=False,
    steps_off_breakpoints=False,
    steps_by_tf=True,
    repeats_watches=False,
    stray_watches=False,
    catch_by="sw",
    capabilities=Capabilities(
        hardware_breakpoints=False,
        read_watchpoints=False,
        interrupt=False,
        hardware_slots=0,
        hardware_hides_guest=False,
        passes_by_rf=True,
        plants_int3=True,
        no_hardware=NO_HARDWARE,
        takes_debug_events=True,
    ),
    habits="gdbsx",
    manners=Dialect(
        probe=(b"qfThreadInfo", b"m"),
        reads_break=False,
        writes_all=True,
        detach_answers=False,
        kills=False,
        keeps_thread=True,
        without_guest=NO_DOMAIN,
        acks_late=True,
    ),
)
_GENERIC = Profile(
    name="generic",
    title="unknown stub",
    pipelined=False,
    steps_off_breakpoints=False,
    steps_by_tf=False,
    repeats_watches=False,
    stray_watches=False,
    catch_by="sw",
    capabilities=Capabilities(),
)

PROFILES: dict[str, Profile] = {profile.name: profile for profile in (_TCG, _KVM, _GDBSX, _GENERIC)}
