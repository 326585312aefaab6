"""A breakpoint as a stop has to account for it: what it stops at, where, and whose it is."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, NamedTuple

Owner = Literal["debugger", "debugger-leak", "guest", "hypervisor", "unknown"]


class BreakpointKind(StrEnum):
    """What a breakpoint stops at; the value is its word in evidence and in commands.

    ``EXECUTE`` is a debug register's in the target; of a breakpoint of the user's, whose means may be open, any.
    """

    SOFTWARE = "software"
    EXECUTE = "execute"
    WRITE = "write"
    READ = "read"
    ACCESS = "access"
    IO = "io"
    CATCH = "catch"
    """The user's: the first instruction of a vector's handler. In the target it is ``SOFTWARE`` or ``EXECUTE``."""

    @property
    def is_execution(self) -> bool:
        """Of an instruction that is about to run?"""
        return self in (BreakpointKind.SOFTWARE, BreakpointKind.EXECUTE, BreakpointKind.CATCH)

    @property
    def is_watch(self) -> bool:
        """Of memory that is accessed?"""
        return self in (BreakpointKind.WRITE, BreakpointKind.READ, BreakpointKind.ACCESS)

    @property
    def is_hardware(self) -> bool:
        """Is it in a debug register?"""
        return self.in_register in BY_RW

    @property
    def in_register(self) -> BreakpointKind:
        """What a debug register that holds it stops at: x86 has none for reads alone."""
        return BreakpointKind.ACCESS if self is BreakpointKind.READ else self

    @property
    def packet(self) -> int:
        """The type of its ``Z`` packet. `ValueError` for what has none."""
        return BY_PACKET.index(self)

    @property
    def rw(self) -> int:
        """R/Wn of a debug register that holds it. `ValueError` for what none holds."""
        return BY_RW.index(self.in_register)


BY_PACKET = (
    BreakpointKind.SOFTWARE,
    BreakpointKind.EXECUTE,
    BreakpointKind.WRITE,
    BreakpointKind.READ,
    BreakpointKind.ACCESS,
)
"""``Z0`` to ``Z4``: gdb manual, "Packets"."""
BY_RW = (BreakpointKind.EXECUTE, BreakpointKind.WRITE, BreakpointKind.IO, BreakpointKind.ACCESS)
"""R/Wn = 0, 1, 2, 3 of DR7: SDM vol. 3B 18.2.4."""


class ArmedBreakpoint(NamedTuple):
    """A breakpoint that was armed while the guest ran. ``address`` is linear (a port for ``io``);
    ``slot`` is the debug register it is known to use, or None."""

    owner: Owner
    kind: BreakpointKind
    address: int
    length: int
    slot: int | None = None
