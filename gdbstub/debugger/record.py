"""One stop, kept: what every pane, trace row and reply is made from. Plain frozen data, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from gdbstub.explain.evidence import Action, Evidence
from gdbstub.explain.explanation import Explanation
from gdbstub.x86.cpu_state import CpuState
from gdbstub.x86.exceptions import Frame


@dataclass(frozen=True, slots=True)
class CaughtEvent:
    """A vector that was caught at its handler. ``frame`` is None where the stack could not be read."""

    vector: int
    handler: int
    frame: Frame | None


class StopSummary(NamedTuple):
    """As much of a stop as a stop reply tells. ``rip`` is an offset into CS; ``vector`` that of a caught event."""

    number: int
    cpu: int
    action: Action
    reply: str
    rip: int
    vector: int | None = None
    ended: bool = False


@dataclass(frozen=True, slots=True)
class StopRecord:
    """Stop number ``number`` of this session, with all that was seen and all that was concluded.

    ``code`` is the guest's bytes at ``state.pc`` (our own int3s taken out), empty where unreadable. ``ended`` is
    set when the guest is gone (shut down, killed, or its stub lost): there is nothing behind it to read.
    """

    number: int
    cpu: int
    action: Action
    reply: str
    state: CpuState
    evidence: Evidence
    explanation: Explanation
    code: bytes = b""
    event: CaughtEvent | None = None
    ended: bool = False
    seconds: float = 0.0
    """Since the session began, by a monotonic clock."""
    retried: int = 0
    """How often the step was done again, since the stub reported one that ran nothing."""
    notes: tuple[str, ...] = field(default=())
    """What dr6 itself did around this stop that a user must know ("the breakpoint at 0x… was lifted")."""

    @property
    def brief(self) -> StopSummary:
        vector = None if self.event is None else self.event.vector
        return StopSummary(self.number, self.cpu, self.action, self.reply, self.state.rip, vector, self.ended)
