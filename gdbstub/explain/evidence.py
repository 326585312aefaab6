"""What was seen at a stop: facts with their sources, and unknowns with their reasons.

A `Fact` is `Known(value, source)` or `Unknown(why)`; there is no third form and no default of zero.
`Evidence` is everything that `explain` may look at: it is built by the debugger from a live stop, by
`evidence_json` from a file, and by tests from literals.

Addresses are linear unless the name says otherwise; ``rip`` values are offsets in CS, as registers hold them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, Literal, NamedTuple, TypeVar

from gdbstub.explain.abilities import UNKNOWN, Abilities
from gdbstub.protocol.stops import Stop
from gdbstub.x86.breakpoints import ArmedBreakpoint
from gdbstub.x86.cpu_state import ExitEvent
from gdbstub.x86.exceptions import FailedDelivery, Frame, TripleFault
from gdbstub.x86.registers import Mode

T = TypeVar("T")


class Known(NamedTuple, Generic[T]):
    """A fact: its value and where it comes from ("stop reply", "monitor", "registers", "our table", …)."""

    value: T
    source: str


class Unknown(NamedTuple):
    """A fact that could not be read, and why in one clause ("gdbsx does not report DR6")."""

    why: str


Fact = Known[T] | Unknown

ABSENT = Unknown("not given")


@dataclass(frozen=True, slots=True)
class NoStop:
    """What came where a stop reply belongs, and is none: ``raw`` is its text, "" the end of the connection."""

    raw: str


class Action(StrEnum):
    """What the debugger had asked the guest to do when it stopped (`action` of a trace row)."""

    STEP = "step"
    CONTINUE = "continue"
    INTERRUPT = "interrupt"
    ATTACH = "attach"


@dataclass(frozen=True, slots=True)
class SteppedOver:
    """An instruction that the debugger single-stepped with TF set in the guest (KVM, Xen without MTF), and
    which may have saved that TF in guest memory (PUSHF, INT n, exceptions, SYSCALL)."""

    address: int
    bytes: bytes


class CodeBytes(NamedTuple):
    """Guest bytes as they stood at the stop, our own int3s already taken out. ``address`` is linear."""

    address: int
    bytes: bytes


@dataclass(frozen=True, slots=True)
class CpuFacts:
    """One vCPU at one instant."""

    rip: Fact[int] = ABSENT
    rflags: Fact[int] = ABSENT
    rsp: Fact[int] = ABSENT
    rcx: Fact[int] = ABSENT
    cs: Fact[int] = ABSENT
    cs_base: Fact[int] = ABSENT
    tr: Fact[int] = ABSENT
    cr2: Fact[int] = ABSENT
    cr4: Fact[int] = ABSENT
    debugctl: Fact[int] = ABSENT
    dr0: Fact[int] = ABSENT
    dr1: Fact[int] = ABSENT
    dr2: Fact[int] = ABSENT
    dr3: Fact[int] = ABSENT
    dr6: Fact[int] = ABSENT
    dr7: Fact[int] = ABSENT
    bytes: Fact[bytes] = ABSENT
    """Guest bytes at linear ``rip``."""
    registers: Fact[Mapping[str, int]] = ABSENT
    """The whole general registers by name, ``rflags``, and segment bases as ``fs_base``…; for the addresses
    that an instruction touched. Other names in it are not looked at."""


NOTHING_KNOWN = CpuFacts()


BACKEND_ALIASES = {"gdbsx": "xen-gdbsx"}
"""Names that evidence may use beside those of the profiles."""


@dataclass(frozen=True, slots=True)
class Platform:
    """Who ran the guest. ``backend`` is a profile name of `gdbstub.backends`, and ``abilities`` are what is known of
    it; ``guest`` is "hvm" or "pv". ``vendor`` is that of the guest's CPUID."""

    backend: Fact[str] = ABSENT
    version: Fact[str] = ABSENT
    vendor: Fact[Literal["intel", "amd"]] = ABSENT
    guest: Fact[Literal["hvm", "pv"]] = ABSENT
    abilities: Abilities = UNKNOWN


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of one stop. ``before`` is the state when the guest was last resumed (or the state
    that the user gave), ``after`` the state at the stop. ``reply`` is what the stub said."""

    platform: Platform = field(default_factory=Platform)
    reply: Fact[Stop | NoStop] = ABSENT
    action: Fact[Action] = ABSENT
    mode: Fact[Mode] = ABSENT
    cpl: Fact[int] = ABSENT
    before: CpuFacts = NOTHING_KNOWN
    after: CpuFacts = NOTHING_KNOWN
    vector: Fact[int] = ABSENT
    """The vector whose handler the guest stands at; Unknown when the stop is not at a handler."""
    at_handler: Fact[bool] = ABSENT
    """True when the guest stands at the first instruction of ``vector``'s handler."""
    handler: Fact[int] = ABSENT
    frame: Fact[Frame] = ABSENT
    saved_rip: Fact[int] = ABSENT
    """The saved RIP where the rest of the frame is not known."""
    failed: Fact[FailedDelivery] = ABSENT
    """What came instead of ``vector``, where that could not be delivered: then there is no frame."""
    unpushed: Fact[Frame] = ABSENT
    """What that frame would have held: the state of the guest when the exception came."""
    instead_of: Fact[int] = ABSENT
    """The vector of an exception or an interrupt (no INT n) that could not be delivered, so that this one came."""
    triple_fault: Fact[TripleFault] = ABSENT
    """Where one ended the guest; without vectors where somebody saw it and not those."""
    frame_mode: Fact[Mode] = ABSENT
    """The mode of the interrupted code, where it may differ from the handler's ``mode``."""
    last_frame: Fact[Frame] = ABSENT
    """The frame of the event that this vCPU's handler caught before this one; known where that handler is
    thought to have returned there. It tells which instructions ran since."""
    code: tuple[CodeBytes, ...] = ()
    breakpoints: Fact[tuple[ArmedBreakpoint, ...]] = ABSENT
    """The debugger's breakpoints that were armed; ``Known((), …)`` when there were none."""
    exit_dr6: Fact[int] = ABSENT
    """DR6 as the vCPU left the guest with it, where somebody shows it: with the bits of the debugger's own breakpoints,
    whose ``slot`` in ``breakpoints`` is then known. ``after.dr6`` is the guest's own, without them."""
    exit_dr7: Fact[int] = ABSENT
    """DR7 as the vCPU ran with it until that exit: whose breakpoints the bits of ``exit_dr6`` are."""
    exit_event: Fact[ExitEvent] = ABSENT
    """The exception that the exit was for: #DB, #BP, INT1; "none" for any other reason."""
    stepped: tuple[SteppedOver, ...] = ()
