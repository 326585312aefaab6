"""What `explain` answers: causes with owner, class, confidence and reasons; what contradicts; what is unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from gdbstub.x86.breakpoints import Owner
from gdbstub.x86.instructions import Instruction

CauseName = Literal[
    "instruction-breakpoint",
    "data-write",
    "data-access",
    "io-breakpoint",
    "general-detect",
    "single-step",
    "branch-step",
    "task-switch",
    "icebp",
    "bus-lock",
    "rtm",
    "injected",
    "software-breakpoint",
    "software-interrupt",
    "exception",
    "interrupt-request",
    "shutdown",
    "internal-error",
    "spurious",
    "unknown",
]
Class = Literal["fault", "trap", "none"]
Confidence = Literal["certain", "likely", "possible"]
Provenance = Literal["reported", "reconstructed", "unknown"]


class Cause(NamedTuple):
    """One reason for the stop. ``because`` are clauses, each one a fact that was used; ``sources`` are the manual
    sections or functions that the rule rests on ("SDM 3B 18.3.1.4")."""

    cause: CauseName
    owner: Owner
    klass: Class
    confidence: Confidence
    because: tuple[str, ...]
    sources: tuple[str, ...] = ()
    slot: int | None = None
    taken: int | None = None
    """The vector that the guest took in a step of the debugger's, for this cause."""


class GuestDr6(NamedTuple):
    """The guest's own DR6, taken apart: names of the causes set by this event, of those left from before, and of
    the reserved bits that no CPU shows so."""

    value: int
    set: tuple[str, ...]
    stale: tuple[str, ...]
    reserved_wrong: tuple[str, ...]


class ExitDr6(NamedTuple):
    """The DR6 of the exit that the hypervisor handled for the debugger; never on the wire of QEMU."""

    value: int | None
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer for one stop. ``causes`` is never empty: where nothing is known it holds ``unknown``.
    ``instruction`` is the one that caused the stop (executed, or about to be for a fault), when known."""

    summary: str
    causes: tuple[Cause, ...]
    guest_dr6: GuestDr6 | None
    exit_dr6: ExitDr6
    instruction: Instruction | None
    contradictions: tuple[str, ...] = ()
    unknowns: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
