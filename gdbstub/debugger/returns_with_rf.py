"""A step over an IRET that loads RF, to an instruction breakpoint of the guest's own.

Where a step ends, QEMU TCG raises the #DB of a breakpoint that stands there without asking for RF
(`breakpoint_handler`; `x86_debug_check_breakpoint`, which asks, is for free runs). The guest, whose handler has set RF
so that it gets past, takes the same #DB again, at each such step. A watchpoint of the debugger's is reported behind its
instruction, and nothing is raised then: a read of the frame is watched, and the vCPU let go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gdbstub.debugger.meeting_breakpoints import MeetingBreakpoints
from gdbstub.debugger.physical_points import PhysicalBreakpoint, PhysicalPoints
from gdbstub.debugger.snapshot import Snapshot
from gdbstub.errors import Refused
from gdbstub.protocol.stops import Stop, Stopped, Watch, format_stop
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.cpu_state import CpuState, DebugState
from gdbstub.x86.decode import LINEAR_MASKS, RIP_MASKS, shape
from gdbstub.x86.registers import RF, Mode

OPERAND_SIZE, REX_W = 0x66, 0x48


class ReturnsWithRf:
    """Finds them, and goes over one. ``say`` hears of the first; ``enabled``: does this stub lose RF so?"""

    def __init__(
        self,
        points: PhysicalPoints,
        meeting: MeetingBreakpoints,
        say: Callable[[str], None],
        *,
        enabled: bool,
    ) -> None:
        self._points = points
        self._meeting = meeting
        self._say = say
        self._enabled = enabled
        self._watched: PhysicalBreakpoint | None = None
        self._said = False

    def may_matter(self, debug: DebugState) -> bool:
        """Has the guest an instruction breakpoint, so that each IRET is to be looked at before it is stepped?"""
        return self._enabled and bool(self._meeting.places(debug))

    def is_return(self, code: bytes, state: CpuState) -> bool:
        """Is ``code``, at RIP, an IRET that has to be looked at?"""
        return self.may_matter(state.debug) and image_size(code, state.mode) > 2

    async def watch(self, seen: Snapshot) -> bool:
        """Is the instruction at RIP such an IRET? Then its frame is watched, and a continue of that vCPU goes over it;
        `end` makes a step of it. False also where the stub does not take the watchpoint."""
        await self._take_out()  # of a step that was given up half-way
        if not self.is_return(seen.code, seen.state):
            return False
        size = image_size(seen.code, seen.state.mode)
        watched = PhysicalBreakpoint(BreakpointKind.READ, _stack(seen.state), size)
        if not await self._loads_rf(watched, seen.state):
            return False
        users = self._points.watches(watched.address)
        try:
            if not users:
                await self._points.insert(watched)
                self._watched = watched
        except Refused as error:
            self._say(
                f"The step over the IRET at {seen.state.pc:#x} loses the RF that it loads, so the guest takes its own "
                f"breakpoint again: the stub refuses a watchpoint on the frame ({error})."
            )
            return False
        if not self._said:
            self._said = True
            self._say(
                f"The IRET at {seen.state.pc:#x} loads RF and returns to a breakpoint of the guest's own, which a step "
                "would have it take again on this emulator, RF or not. dr6 goes over such an IRET by a watchpoint on "
                "its frame instead."
            )
        return True

    async def end(self, stop: Stop) -> Stop:
        """The stop behind it, as that of a step; the watchpoint is out."""
        watched = self._watched
        if watched is None or not isinstance(stop, Stopped):
            return stop
        await self._take_out()
        places = range(watched.address, watched.address + watched.length)
        reasons = tuple(why for why in stop.reasons if not (isinstance(why, Watch) and why.address in places))
        plain = replace(stop, reasons=reasons)
        return replace(plain, raw=format_stop(plain).decode("latin-1"))

    async def _take_out(self) -> None:
        watched, self._watched = self._watched, None
        if watched is not None:
            await self._points.remove(watched)

    async def _loads_rf(self, at: PhysicalBreakpoint, state: CpuState) -> bool:
        """Does the frame ``at`` have RF, and the address of such a breakpoint?"""
        try:
            frame = await self._points.read_memory(at.address, 3 * at.length)
        except Refused:
            return False
        rip, _, rflags = (int.from_bytes(frame[n * at.length :][: at.length], "little") for n in range(3))
        base = 0 if state.mode == 64 else state.segment_base("cs") or 0
        return bool(rflags & RF) and (base + rip) & LINEAR_MASKS[state.mode] in self._meeting.places(state.debug)


def image_size(code: bytes, mode: Mode) -> int:
    """How wide the images are that the IRET at the beginning of ``code`` pops: 2 (which have no RF), 4 or 8 bytes; 0
    where it is none. SDM vol. 2A, IRET."""
    what = shape(code, mode) if code else None
    if what is None or "iret" not in what.traits:
        return 0
    if mode == 64 and what.bytes[-2:-1] and what.bytes[-2] & 0xF8 == REX_W:
        return 8
    return 4 if (mode == 16) == (OPERAND_SIZE in what.bytes[:-1]) else 2


def _stack(state: CpuState) -> int:
    """The linear address of what RSP points to."""
    base = 0 if state.mode == 64 else state.segment_base("ss") or 0
    return base + (state.registers.get("rsp", 0) & RIP_MASKS[state.mode]) & LINEAR_MASKS[state.mode]
