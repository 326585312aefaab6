"""Why the guest stopped: from evidence to an explanation. Plain functions of their input; no I/O."""

from gdbstub.explain.evidence import CpuFacts, Evidence, Known, Platform, Unknown
from gdbstub.explain.explain import explain
from gdbstub.explain.explanation import Cause, ExitDr6, Explanation, GuestDr6

__all__ = [
    "Cause",
    "CpuFacts",
    "Evidence",
    "ExitDr6",
    "Explanation",
    "GuestDr6",
    "Known",
    "Platform",
    "Unknown",
    "explain",
]
