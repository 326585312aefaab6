"""What the bits mean: debug registers, vectors, instructions, evidence, and why the guest stopped. No I/O."""

from gdbstub.x86.evidence import Evidence, Known, Moment, Platform, Unknown
from gdbstub.x86.explain import explain
from gdbstub.x86.explanation import Cause, ExitDr6, Explanation, GuestDr6

__all__ = [
    "Cause",
    "Evidence",
    "ExitDr6",
    "Explanation",
    "GuestDr6",
    "Known",
    "Moment",
    "Platform",
    "Unknown",
    "explain",
]
