"""A breakpoint as a stop has to account for it: what it watches, and whose it is."""

from __future__ import annotations

from typing import Literal, NamedTuple

BreakpointKind = Literal["execute", "write", "access", "io", "software"]
Owner = Literal["debugger", "debugger-leak", "guest", "hypervisor", "unknown"]


class ArmedBreakpoint(NamedTuple):
    """A breakpoint that was armed while the guest ran. ``address`` is linear (a port for ``io``);
    ``slot`` is the debug register it is known to use, or None."""

    owner: Owner
    kind: BreakpointKind
    address: int
    length: int
    slot: int | None = None
