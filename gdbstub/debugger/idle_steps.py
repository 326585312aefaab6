"""Steps that ran nothing: some stubs report such a one now and then."""

from __future__ import annotations

from gdbstub.debugger.snapshot import Snapshot
from gdbstub.debugger.stop_reader import SIGTRAP, StopAtArrival, StopReader
from gdbstub.x86.decode import may_stay, shape


class IdleSteps:
    """Tells them from steps that changed nothing. ``enabled``: does this stub report any?"""

    def __init__(self, reader: StopReader, *, enabled: bool) -> None:
        self._reader = reader
        self._enabled = enabled

    def seems_idle(self, arrival: StopAtArrival, before: StopAtArrival | None = None) -> bool:
        """Did a step leave every register as it was, on a stub that reports steps that ran nothing? ``before`` is the
        stop in front of it, where that has not been read."""
        seen = self._reader.seen
        if not self._enabled or arrival.stop.signal != SIGTRAP or arrival.stop.reasons:
            return False
        if before is not None:
            return before.asked.cpu == arrival.asked.cpu and before.registers == arrival.registers
        return seen is not None and seen.state.registers == arrival.registers and not _stays(seen, seen.code)

    async def moves_on(self, pc: int) -> bool:
        """Does the instruction at ``pc`` surely change a register, in the mode that was seen last?"""
        seen = self._reader.seen
        known = None if seen is None else shape(await self._reader.code.at(pc), seen.state.mode)
        if seen is None or known is None:
            return False
        base = seen.state.pc - seen.state.rip
        return not may_stay(known, pc - base, seen.state.mode)

    async def ran_nothing(self, arrival: StopAtArrival) -> bool:
        """Did the step that `seems_idle` run nothing? Not where its instruction, or an exception that it raised, may
        have ended where it began, nor where DR6 tells of something."""
        seen, state = self._reader.seen, arrival.state
        if seen is None or state is None or not self.seems_idle(arrival):
            return False
        code = seen.code or await self._reader.code.at(seen.state.pc)
        if shape(code, seen.state.mode) is None or _stays(seen, code):
            return False
        return seen.state.debug.dr6 in (None, state.debug.dr6)


def _stays(seen: Snapshot, code: bytes) -> bool:
    """May the instruction have ended where it began?"""
    known = shape(code, seen.state.mode) if code else None
    return known is not None and may_stay(known, seen.state.rip, seen.state.mode)
