"""What a backend does to debug exceptions, steps and breakpoints, as data: rules ask these, never a backend's name.

Each row stands with its backend (`gdbstub.backends`), with the words and sources that an explanation may use of it.
What is absent is not known of the backend; `UNKNOWN`, where all is absent, lets nothing of any platform be said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from gdbstub.explain.explanation import CauseName
from gdbstub.x86.breakpoints import Owner

Vendor = Literal["intel", "amd"]
Vendors = frozenset[Vendor | None]
"""Whose CPUs an ability holds for; None in it: also where the vendor is not known."""
INTEL: Vendors = frozenset(("intel",))
AMD: Vendors = frozenset(("amd",))
ANY_VENDOR: Vendors = frozenset(("intel", "amd", None))
NO_VENDOR: Vendors = frozenset()

GDB_MANUAL = ("gdb manual E.3",)


class Ability(NamedTuple):
    """Something that a backend is known to do. ``clause`` is the reason that an answer gives of it, ``sources`` are the
    functions or documents that it was read in, ``advice`` is what the user can do about it, or has to know."""

    clause: str = ""
    sources: tuple[str, ...] = ()
    advice: str = ""
    vendors: Vendors = ANY_VENDOR


def holds(ability: Ability | None, vendor: Vendor | None) -> bool:
    """Whether an ability is there on that vendor's CPUs."""
    return ability is not None and vendor in ability.vendors


class Meaning(NamedTuple):
    """What a backend says with a signal other than SIGTRAP and SIGINT, and how sure that is not to be anything else."""

    cause: CauseName
    owner: Owner
    clause: str


@dataclass(frozen=True, slots=True)
class Abilities:
    """What is known of one kind of backend. An `Ability` that is None, and a bool that is False, is not known."""

    # Steps of the debugger.
    steps_by_tf: bool = False
    """They set TF in the guest, whose PUSHF, INT n and exceptions can save it."""
    steps_by_mtf: Vendors = NO_VENDOR
    """They use the monitor trap flag for guests that are not PV, which is no #DB."""
    step_stops_at_handler: bool = False
    """A step into a handler ends at its first instruction."""
    step_goes_past_gate: Ability | None = None
    """A gate clears the TF of the step, so it ends later."""
    steps_off_breakpoints: Ability | None = None
    """A step runs the instruction at RIP whatever breakpoint stands there."""
    merges_step_into_dr6: bool = False
    """BS of the debugger's steps gets into the guest's DR6."""
    loses_step_at_new_rip: Ability | None = None
    steps_by_itself: Ability | None = None
    """It single-steps for its own purposes, and that #DB can get to the guest."""

    # The guest's own debug exceptions.
    guest_keeps_db: bool = False
    """They go to the guest, whether the debugger steps or not."""
    takes_db_while_stepping: Ability | None = None
    takes_every_db: Ability | None = None
    takes_int3: Ability | None = None
    """The guest's own INT3 goes to the debugger."""
    clears_guest_tf: Ability | None = None
    """Leaving a step takes away a TF that the guest had set."""
    hides_guest_breakpoints: bool = False
    """The guest's DR0-3 and DR7 are off while a hardware breakpoint of the debugger is armed."""
    drops_btf: Vendors = NO_VENDOR
    """The guest's DEBUGCTL.BTF has no effect."""
    adds_bs: bool = False
    """A #DB that is injected while TF is set gets BS, whatever its cause."""
    repeats_db_in_delivery: bool = False
    """A second #DB can come while the first is delivered."""
    task_trap_without_bt: bool = False
    reinjects_db: Ability | None = None
    """A #DB that is not the debugger's is injected into the guest again."""
    injects_db: Ability | None = None
    injects_no_db: Ability | None = None
    leaves_rip_on_icebp: Ability | None = None
    may_lack_icebp: Ability | None = None
    """Some versions raise #UD for INT1."""
    shows_old_dr6: Ability | None = None
    """The DR6 that can be read may be from before."""
    overwrites_dr6: Ability | None = None
    """A #DB leaves only its own bits in DR6."""
    keeps_old_hits: Ability | None = None
    """B bits of an earlier hit can be there again beside BS, where no debugger stopped the guest in between."""
    loses_hits: Ability | None = None
    """Versions that the quirks name lose the B bits of DR6."""
    loses_bus_lock: Ability | None = None
    forced_intercepts: Mapping[int, str] = field(default_factory=dict, hash=False)
    """Vectors, and what a patched version would do to them; for `vendors` AMD."""

    # Exits to the hypervisor.
    shows_exit: Ability | None = None
    """Where DR6 of a #DB exit is shown it is whole: what it names stopped the guest, and nothing else did."""

    # Stop replies and breakpoints of the debugger.
    debug_stop_sources: tuple[str, ...] = GDB_MANUAL
    """Where it is written how it stops for the debugger."""
    signal_sources: tuple[str, ...] = GDB_MANUAL
    signals: Mapping[int, Meaning] = field(default_factory=dict, hash=False)
    sigint_is_pause: bool = False
    """Signal 2 says that the machine was paused, and nothing else."""
    sigint_for_db: Ability | None = None
    """Signal 2 is said for a #DB of the guest as well."""
    int3_leaves_rip_behind: bool = False
    watches_are_its_own: bool = False
    """A watch packet is always for a watchpoint of the debugger's."""
    watch_by_slot: Ability | None = None
    """The address in a watch packet is the debugger's of that slot, whoever owns the hit."""
    step_hides_watch: Ability | None = None
    """A step over an access to a watchpoint reports only the step."""
    own_watch_first: bool = False
    """Where a watchpoint of the debugger's and one of the guest's meet, the guest gets nothing."""
    breaks_by_eip: Ability | None = None
    breakpoints_meet: Ability | None = None
    """Where breakpoints of the debugger and of the guest meet, the guest's fires for ever."""
    breaks_behind_step: Ability | None = None
    """An instruction breakpoint of the guest's where a step of the debugger's ends is taken, RF or not."""
    stops_for_any_bit: Ability | None = None
    shares_debug_registers: bool = False
    """Breakpoints of the debugger's stand in debug registers beside the guest's."""
    debug_registers_elsewhere: Ability | None = None


UNKNOWN = Abilities()
NONE_KNOWN: Mapping[str, Abilities] = {}
