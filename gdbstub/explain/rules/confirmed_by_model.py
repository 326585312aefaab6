"""Causes that the architecture model bears out: what was due behind the instruction that ran last, and is in DR6."""

from __future__ import annotations

from gdbstub.explain.exception_facts import ExceptionFacts
from gdbstub.explain.reconstruct import judged
from gdbstub.explain.stop_facts import Finding
from gdbstub.x86.debug_registers import BS

REASON = "the architecture has it due behind the instruction that ran last"
STEPS = ("single-step", "branch-step")


def agreed(event: ExceptionFacts, found: list[Finding]) -> list[Finding]:
    """``found``, its likely causes made certain where the model says that they were due here, come what may."""
    exact = event.exact
    if exact is None or event.causes is None or all(row.cause.confidence != "likely" for row in found):
        return found
    due = judged(event, exact).prediction.due
    if due is None or event.at not in due.places:
        return found
    return [_raised(row) if _bit(row) & due.bits & event.causes else row for row in found]


def _bit(row: Finding) -> int:
    """The bit of DR6 that a cause of the guest's stands for; 0 where it is none, or more than likely already."""
    if row.cause.confidence != "likely" or row.cause.owner != "guest":
        return 0
    if row.cause.cause in STEPS:
        return BS
    return 0 if row.cause.slot is None else 1 << row.cause.slot


def _raised(row: Finding) -> Finding:
    return row._replace(cause=row.cause._replace(confidence="certain", because=(*row.cause.because, REASON)))
