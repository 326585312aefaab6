"""A step that ended in a handler of the guest's that nobody caught: which vector's, and the frame that it found.

Looked for only where the step ended elsewhere than its instruction leads by itself, so that other steps cost nothing.
"""

from __future__ import annotations

from gdbstub.debugger.exception_frame import DEBUG, ExceptionFrames
from gdbstub.debugger.interrupt_table import InterruptTable, ReadMemory, TableReader
from gdbstub.debugger.snapshot import SIGTRAP, Snapshot
from gdbstub.protocol.stops import Stopped
from gdbstub.x86.decode import shape, successors
from gdbstub.x86.registers import TF

BREAKPOINT, OVERFLOW = 3, 4
ENABLES = 0xFF
"""L and G of DR7's four breakpoints."""


class SteppedInto:
    """Reads IDT and stack behind such a step."""

    def __init__(self, read_memory: ReadMemory) -> None:
        self._tables = TableReader(read_memory)
        self._frames = ExceptionFrames(read_memory, self._tables)

    async def look(self, snapshot: Snapshot, before: Snapshot | None) -> Snapshot:
        """The stop with the event that its step ended in, if one is to be found; ``before`` is where it began."""
        state = snapshot.state
        table = InterruptTable.of(state)
        if before is None or table is None or not _is_elsewhere(snapshot, before):
            return snapshot
        numbers = await self._tables.leading_to(table, state)
        number = numbers[0] if len(numbers) == 1 else _named(before)
        if number is None or number not in numbers:
            return snapshot
        event, frame_mode, windows = await self._frames.event(
            number, await self._tables.way(table, number, state), state
        )
        return snapshot._replace(taken=event, frame_mode=frame_mode, windows=(*snapshot.windows, *windows))


def _is_elsewhere(snapshot: Snapshot, before: Snapshot) -> bool:
    """Did the step end where its instruction does not lead? A branch through a register leads anywhere, and is looked
    into where the guest itself may take a #DB."""
    stop, state, began = snapshot.stop, snapshot.state, before.state
    what = shape(before.code, began.mode) if before.code else None
    if what is None or not isinstance(stop, Stopped) or stop.signal != SIGTRAP or stop.reasons:
        return False
    behind = began.rip + len(what.bytes)
    if state.cpu != began.cpu or state.rip in (began.rip, behind, *successors(what, began.rip, began.mode)):
        return False
    debugs = began.registers.get("rflags", 0) & TF or (began.debug.dr7 or 0) & ENABLES
    return bool(debugs) or "gate" in what.traits or what.traits.isdisjoint(("indirect", "mov-ss"))


def _named(before: Snapshot) -> int | None:
    """The vector that the stepped instruction names, or may have raised for the debug registers."""
    what = shape(before.code, before.state.mode)
    if what is None or "gate" not in what.traits:
        return DEBUG
    if "int3" in what.traits:
        return BREAKPOINT
    if "icebp" in what.traits:
        return DEBUG
    return OVERFLOW if "into" in what.traits else what.interrupt
