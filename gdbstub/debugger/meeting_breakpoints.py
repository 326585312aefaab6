"""Where a breakpoint of ours and an instruction breakpoint of the guest's own meet.

QEMU TCG never stops for ours there: it raises the guest's #DB, and again after each return, RF or not
(`cpu_breakpoint_test` in `breakpoint_handler` asks for neither RF nor whose breakpoint matched). So ours is out of the
target for as long as the guest's is in its debug registers.
"""

from __future__ import annotations

from collections.abc import Callable

from gdbstub.debugger.physical_points import PhysicalPoints
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.cpu_state import CpuState, DebugState
from gdbstub.x86.debug_registers import decode_dr7

DR7_ENABLES = 0xFF


class MeetingBreakpoints:
    """``told`` hears of each address at which something went out of the target."""

    def __init__(self, points: PhysicalPoints, told: Callable[[int], None], *, enabled: bool) -> None:
        """``enabled``: is this a stub that can't have both?"""
        self._points = points
        self._told = told
        self._enabled = enabled
        self._guests: dict[int, frozenset[int]] = {}

    def places(self, debug: DebugState) -> frozenset[int]:
        """Linear addresses at which none of ours can stop the guest, by its debug registers."""
        dr7 = debug.dr7 or 0
        if not self._enabled or not dr7 & DR7_ENABLES:
            return frozenset()
        addresses = (debug.dr0, debug.dr1, debug.dr2, debug.dr3)
        slots = zip(addresses, decode_dr7(dr7).slots, strict=True)
        executed = (at for at, slot in slots if slot.enabled and slot.type is BreakpointKind.EXECUTE)
        return frozenset(at for at in executed if at is not None)

    async def part(self, state: CpuState) -> None:
        """Before the guest goes on from there: ours out where they meet, and back in where they do so no more."""
        if not self._enabled or state.debug.dr7 is None:
            return
        places = self.places(state.debug)
        if places == self._guests.get(state.cpu, frozenset()) and not places:
            return
        self._guests[state.cpu] = places
        for address in await self._points.set_aside(frozenset().union(*self._guests.values())):
            self._told(address)
