"""One stop, kept: what every pane, trace row and reply is made from. Plain frozen data, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from gdbstub.explain.evidence import Action, Evidence, Known
from gdbstub.explain.explanation import Explanation
from gdbstub.protocol.stops import Stop, Stopped
from gdbstub.x86.cpu_state import CpuState
from gdbstub.x86.exceptions import Frame


@dataclass(frozen=True, slots=True)
class CaughtEvent:
    """An exception that the guest got. ``frame`` is None where the stack could not be read. ``seen_by`` says who saw
    it: a breakpoint at its ``handler``, or the hypervisor's log, which knows no handler."""

    vector: int
    handler: int | None
    frame: Frame | None
    seen_by: Literal["handler", "log"] = "handler"


class StopSummary(NamedTuple):
    """As much of a stop as a stop reply tells. ``rip`` is an offset into CS; ``vector`` that of a caught event."""

    number: int
    cpu: int
    action: Action
    stop: Stop
    rip: int
    vector: int | None = None

    @property
    def ended(self) -> bool:
        """Is the guest gone?"""
        return not isinstance(self.stop, Stopped)


@dataclass(frozen=True, slots=True)
class StopRecord:
    """Stop number ``number`` of this session, with all that was seen and all that was concluded.

    ``stop`` is the stub's reply, with the reasons that count: without those that are known to be none, and with those
    that a backend found out. ``code`` is the guest's bytes at ``state.pc`` (our own int3s taken out), empty where
    unreadable.
    """

    number: int
    """Counted from 0, where dr6 attached."""
    cpu: int
    """The vCPU that stopped, from 0."""
    action: Action
    """What was asked of the guest before."""
    stop: Stop
    state: CpuState
    evidence: Evidence
    """All that the explanation was made from."""
    explanation: Explanation
    code: bytes = b""
    event: CaughtEvent | None = None
    """The caught vector at whose handler the guest stands, None elsewhere."""
    seconds: float = 0.0
    """Since the session began, by a monotonic clock."""
    retried: int = 0
    """How often the step was done again, since the stub reported one that ran nothing."""
    notes: tuple[str, ...] = field(default=())
    """What dr6 itself did around this stop that a user must know ("the breakpoint at 0x… was lifted")."""

    @property
    def ended(self) -> bool:
        """Is the guest gone (shut down, or killed)? Then there is nothing behind it to read."""
        return not isinstance(self.stop, Stopped)

    @property
    def exit_source(self) -> str | None:
        """Who reported the DR6 of the exit; None where nobody did."""
        fact = self.evidence.exit_dr6
        return fact.source if isinstance(fact, Known) else None

    @property
    def is_plain_step(self) -> bool:
        """Is this a step of the debugger's, and nothing else?"""
        if self.event is not None or self.action is not Action.STEP or self.ended:
            return False
        found = self.explanation
        alone = all((cause.cause, cause.owner) == ("single-step", "debugger") for cause in found.causes)
        return alone and not found.contradictions and not self.notes

    @property
    def brief(self) -> StopSummary:
        """The same, in brief."""
        vector = None if self.event is None else self.event.vector
        return StopSummary(self.number, self.cpu, self.action, self.stop, self.state.rip, vector)
