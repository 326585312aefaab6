"""Looking at a stopped guest: what is read at one stop, in which order, and what was last seen of each vCPU.

The order: ``g`` and the monitor's registers in one write; RIP tells whether anything of ours stands there; then the
bytes at RIP, with the next step behind them in the same write where the run may go ahead.
"""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from gdbstub.backends.interface import Stepped, StopHooks
from gdbstub.debugger.breakpoints import HitContext
from gdbstub.debugger.code_window import BLOCK, CodeWindow
from gdbstub.debugger.cpu_reader import Asked, CpuReader, moment
from gdbstub.debugger.interrupt_table import CR0_PE
from gdbstub.debugger.physical_points import PhysicalPoints
from gdbstub.debugger.snapshot import GONE, Snapshot
from gdbstub.debugger.vector_catch import VectorCatch
from gdbstub.errors import GdbError, Refused
from gdbstub.explain.evidence import NOTHING_KNOWN, CpuFacts
from gdbstub.protocol.stops import Stop, Stopped, Watch
from gdbstub.remote.target import RemoteTarget
from gdbstub.remote.wire import Token
from gdbstub.x86.breakpoints import ArmedBreakpoint
from gdbstub.x86.cpu_state import CpuState, DebugState, Registers
from gdbstub.x86.decode import may_stay, shape
from gdbstub.x86.exceptions import Frame
from gdbstub.x86.registers import Mode

CODE_BYTES = 15
"""The longest x86 instruction: SDM vol. 2A 2.3.11."""
PAGE = 0x1000
SIGTRAP = 5
MODE_REGISTERS = ("cs", "cr0", "cr4", "efer")
"""Where these are as before, so is the mode of the CPU."""


class StopAtArrival(NamedTuple):
    """A stop of which the registers are known and the rest is on its way; ``reply`` as in `Snapshot`. ``pc`` is None
    where the linear address needs the segment bases that are still to come. ``state`` is all of it, once that was read;
    ``retried`` as in `Snapshot`."""

    stop: Stopped
    reply: Stopped
    asked: Asked
    registers: dict[str, int]
    pc: int | None
    state: CpuState | None = None
    retried: int = 0


class CpuAsSent(NamedTuple):
    """A vCPU at a plain step: ``g`` and the bytes at linear RIP, as hex digits. The rest is as in ``like``."""

    like: CpuState
    registers: bytes
    code: bytes


class LightStop(NamedTuple):
    """A plain step as it came, to be decoded when somebody looks (`StopReader.decoded`). ``pc`` is linear."""

    at: CpuAsSent
    stop: Stopped
    pc: int
    before: CpuFacts | CpuAsSent
    armed: tuple[ArmedBreakpoint, ...]


class StopReader:
    """Reads stops. ``cpu`` is the vCPU that is selected: the one that stopped last, or that the user chose."""

    def __init__(
        self,
        remote: RemoteTarget,
        reader: CpuReader,
        points: PhysicalPoints,
        catcher: VectorCatch,
        hooks: StopHooks,
        *,
        stray_watches: bool,
        idle_steps: bool = False,
    ) -> None:
        self._remote = remote
        self._hooks = hooks
        self._reader = reader
        self._points = points
        self._catcher = catcher
        self._stray_watches = stray_watches
        self.idle_steps = idle_steps
        self._seen: dict[int, Snapshot | LightStop] = {}
        self._window = CodeWindow()
        self._last_frames: dict[int, Frame | None] = {}
        self.cpu = 0
        self.stale = False
        """Did the user change something since the stop was read?"""

    @property
    def seen(self) -> Snapshot | None:
        """What was last seen of the selected vCPU."""
        return self._seen_of(self.cpu)

    @property
    def last(self) -> Snapshot | LightStop | None:
        """The same, not decoded if nobody has looked at it yet."""
        return self._seen.get(self.cpu)

    def _seen_of(self, cpu: int) -> Snapshot | None:
        seen = self._seen.get(cpu)
        if isinstance(seen, LightStop):
            seen = self._seen[cpu] = self.decoded(seen)
        return seen

    def stepped_to(self, light: LightStop) -> None:
        """The selected vCPU stands there now."""
        self._seen[self.cpu] = light

    def decoded(self, light: LightStop) -> Snapshot:
        """A plain step without its debug registers and hidden parts."""
        before = light.before if isinstance(light.before, CpuFacts) else self._decoded(light.before)[1]
        state, facts = self._decoded(light.at)
        code = unhexlify(light.at.code)
        return Snapshot(light.stop, light.stop, state, code, facts, before, armed=light.armed)

    def _decoded(self, sent: CpuAsSent) -> tuple[CpuState, CpuFacts]:
        like, registers = sent.like, self._reader.decode(sent.registers)
        state = CpuState(
            like.cpu, registers, DebugState(), like.mode, like.cpl, like.segments, None, False, like.architecture
        )
        return state, moment(state, unhexlify(sent.code))

    async def see(self, stop: Stop) -> Snapshot:
        """Everything of a stop, with the next resume not yet decided."""
        if not isinstance(stop, Stopped):
            return self._gone(stop)
        return await self.look(await self.arrive(stop))

    def forget_before(self) -> None:
        """The guest went backwards: what was seen of it lies ahead, and is not what came before."""
        self._seen.clear()
        self._last_frames.clear()
        self.stale = False

    def _gone(self, stop: Stop) -> Snapshot:
        seen = self.seen
        return Snapshot(stop, stop, GONE, b"", NOTHING_KNOWN, seen.moment if seen else None, armed=self._points.armed)

    def set_architecture(self, mode: Mode | None) -> None:
        """What the user says that code is; the state is read anew with it."""
        self._reader.architecture = mode
        self.stale = True

    def without_strays(self, stop: Stopped) -> Stopped:
        """The stop without the watch addresses that none of our watchpoints covers, on a stub that sends such: TCG does
        when a watchpoint was removed just before."""
        if not self._stray_watches or not stop.reasons:
            return stop
        reasons = tuple(why for why in stop.reasons if not isinstance(why, Watch) or self._points.watches(why.address))
        return stop if reasons == stop.reasons else replace(stop, reasons=reasons)

    async def arrive(self, stop: Stopped) -> StopAtArrival:
        """The registers of the vCPU that stopped."""
        reply, stop = stop, self.without_strays(stop)
        cpu = await self._hooks.stopped_vcpu(stop)
        self.cpu = self.cpu if cpu is None else cpu
        asked = await self._reader.ask(self.cpu)
        registers = await self._reader.registers(asked)
        stop, registers = await self._hooks.fix_up_stop(stop, self.cpu, registers)
        seen = self.seen
        if seen is None:
            return StopAtArrival(stop, reply, asked, registers, None)
        if self._catcher.is_stale(seen.state):
            await self._catcher.refresh(seen.state)
        return StopAtArrival(stop, reply, asked, registers, _predicted_pc(registers, seen.state))

    def seems_idle(self, arrival: StopAtArrival, before: StopAtArrival | None = None) -> bool:
        """Did a step leave every register as it was, on a stub that reports steps that ran nothing? ``before`` is the
        stop in front of it, where that has not been read."""
        seen = self.seen
        if not self.idle_steps or arrival.stop.signal != SIGTRAP or arrival.stop.reasons:
            return False
        if before is not None:
            return before.asked.cpu == arrival.asked.cpu and before.registers == arrival.registers
        return seen is not None and seen.state.registers == arrival.registers and not self._stays(seen, seen.code)

    @staticmethod
    def _stays(seen: Snapshot, code: bytes) -> bool:
        known = shape(code, seen.state.mode) if code else None
        return known is not None and may_stay(known, seen.state.rip, seen.state.mode)

    async def read_on(self, arrival: StopAtArrival) -> StopAtArrival:
        """The same with the whole state."""
        return arrival._replace(state=await self._state_of(arrival))

    async def moves_on(self, pc: int) -> bool:
        """Does the instruction at ``pc`` surely change a register, in the mode that was seen last?"""
        seen = self.seen
        known = None if seen is None else shape(await self.code(pc), seen.state.mode)
        if seen is None or known is None:
            return False
        base = seen.state.pc - seen.state.rip
        return not may_stay(known, pc - base, seen.state.mode)

    async def ran_nothing(self, arrival: StopAtArrival) -> bool:
        """Did the step that `seems_idle` run nothing? Not where its instruction, or an exception that it raised, may
        have ended where it began, nor where DR6 tells of something."""
        seen, state = self.seen, arrival.state
        if seen is None or state is None or not self.seems_idle(arrival):
            return False
        code = seen.code or await self.code(seen.state.pc)
        if shape(code, seen.state.mode) is None or self._stays(seen, code):
            return False
        return seen.state.debug.dr6 in (None, state.debug.dr6)

    async def complete(self, snapshot: Snapshot) -> Snapshot:
        """The same with all that can still be read of it."""
        asked = await self._reader.ask(self.cpu)
        state = await self._reader.state(asked, await self._reader.registers(asked))
        code = snapshot.code or await self.code(state.pc)
        whole = snapshot._replace(state=state, code=code, moment=moment(state, code))
        self._seen[self.cpu] = whole
        return whole

    async def glance(self, stop: Stopped, reads: Iterable[int]) -> tuple[HitContext, int]:
        """The registers of the vCPU that stopped, and its linear RIP (-1: not known), with nothing else read. The stop
        counts as not seen."""
        cpu = self._remote.cpu_of(stop.thread)
        self.cpu = self.cpu if cpu is None else cpu
        asked = await self._reader.ask(self.cpu, source=False)
        lines = self._remote.ask_lines(reads if self._remote.pipelined else ())
        registers = await self._reader.registers(asked)
        await self._remote.lines(lines)
        seen = self.seen
        pc = None if seen is None else _predicted_pc(registers, seen.state)
        payload = await self._remote.read_registers(self.cpu, self.cpu)
        return HitContext(payload, self._points.read_kept), -1 if pc is None else pc

    def may_go_ahead(self, arrival: StopAtArrival) -> bool:
        """May the bytes at RIP, all on one page, be asked for together with the next step?"""
        pc = arrival.pc
        return self._remote.pipelined and self.is_plain(arrival) and (pc or 0) % PAGE <= PAGE - CODE_BYTES

    def is_plain(self, arrival: StopAtArrival) -> bool:
        """Is this a step like any other, with nothing of ours at its RIP?"""
        pc, stop = arrival.pc, arrival.stop
        return pc is not None and pc not in self._points.marks and stop.signal == SIGTRAP and not stop.reasons

    def step_ahead(self, arrival: StopAtArrival) -> tuple[Token, Token]:
        """Queue the bytes at RIP and the next step behind them; the tokens of both. For `look`."""
        assert arrival.pc is not None
        return self._remote.ask_memory(arrival.pc, CODE_BYTES), self._remote.ask_resume(step=self.cpu)

    async def look(self, arrival: StopAtArrival, ahead: Token | None = None) -> Snapshot:
        """The rest of a stop. ``ahead`` is the request for the bytes at RIP when the next step is under way already."""
        before = self.seen
        state = arrival.state or await self._state_of(arrival)
        if ahead is None:
            code = await self._code_behind(state, before)
        else:
            code = await self._asked_code(ahead, state.pc) if state.pc == arrival.pc else b""
        self.stale = False
        snapshot = Snapshot(
            arrival.stop,
            arrival.reply,
            state,
            code,
            moment(state, code),
            before.moment if before else None,
            armed=self._points.armed,
        )
        if arrival.retried:
            snapshot = snapshot._replace(retried=arrival.retried)
        if ahead is None:
            snapshot = await self._catch(await self._with_culprit(snapshot), before)
        self._seen[self.cpu] = snapshot
        return snapshot

    async def _state_of(self, arrival: StopAtArrival) -> CpuState:
        before = self.seen
        stepped = None if before is None else Stepped(before.state, before.code)
        return await self._reader.state(arrival.asked, arrival.registers, stepped)

    async def _asked_code(self, token: Token, address: int) -> bytes:
        try:
            return self._points.unpatched(address, await self._remote.memory(token))
        except Refused:
            return b""

    async def _with_culprit(self, snapshot: Snapshot) -> Snapshot:
        """At a watchpoint, and the like, the instruction that did it lies in front of RIP; its bytes are evidence."""
        if not isinstance(snapshot.stop, Stopped) or not self._hooks.wants_code_before(snapshot.stop):
            return snapshot
        return snapshot._replace(windows=await self._catcher.code_around(snapshot.state.pc))

    async def _catch(self, snapshot: Snapshot, before: Snapshot | None) -> Snapshot:
        """Find the event, if RIP is at a caught handler; look at the IDT again if the guest changed it."""
        state = snapshot.state
        if self._catcher.is_stale(state):
            await self._catcher.refresh(state)
        if state.pc not in self._catcher.handlers:
            return snapshot
        vector = self._catcher.vector_at(state, before.state if before else None)
        if vector is None:
            return snapshot
        if before is not None and before.event is not None and before.state.registers == state.registers:
            return snapshot  # no progress: TCG reports a handler that a step reached once more
        event, frame_mode, windows = await self._catcher.event(vector, state)
        last = self._last_frames.get(state.cpu)
        self._last_frames[state.cpu] = event.frame
        return snapshot._replace(
            event=event,
            windows=windows,
            frame_mode=frame_mode,
            last_frame=last,
            doubts=self._catcher.doubts(vector),
        )

    async def _code_behind(self, state: CpuState, before: Snapshot | None) -> bytes:
        """The bytes at RIP, without asking where a step from ``before`` can't have changed them."""
        window = self._window
        if not self._hooks.keeps_code:
            return await self.code(state.pc)
        if before is None or not self._remote.stepped or before.state.cpu != state.cpu or self.stale:
            window.forget()
        else:
            window.stepped(before.state, before.code, state.rip)
        with suppress(Refused):
            for block in window.missing(state.pc, CODE_BYTES):
                window.keep(block, await self._points.read_memory(block, BLOCK))
        known = window.at(state.pc, CODE_BYTES)
        return await self.code(state.pc) if known is None else known

    async def code(self, pc: int) -> bytes:
        """The bytes at ``pc``, fewer before a page that can't be read."""
        for length in (CODE_BYTES, PAGE - pc % PAGE):
            if length <= CODE_BYTES:
                try:
                    return await self._points.read_memory(pc, length)
                except Refused:
                    continue
        return b""

    async def state(self, cpu: int, *, complete: bool = False) -> CpuState:
        """The state of a vCPU now; that of the selected one comes from its last stop unless something was changed, or,
        for a ``complete`` one, not read there."""
        seen = self._seen_of(cpu)
        lacks = complete and seen is not None and seen.state.debug.is_partly_read
        if seen is not None and cpu == self.cpu and not self.stale and not lacks:
            light = seen.state.tables is None and self._reader.shows_tables
            return (await self.complete(seen)).state if light else seen.state
        state = await self.read_again(cpu)
        await self._remote.select(self.cpu)
        return state

    async def amend(self, changed: dict[str, int]) -> None:
        """Registers of the selected vCPU were changed for it to go on: the next stop begins with those."""
        snapshot = self._seen_of(self.cpu)
        assert snapshot is not None
        state = replace(snapshot.state, registers=Registers(snapshot.state.registers | changed))
        code = snapshot.code if state.pc == snapshot.state.pc else await self.code(state.pc)
        self._seen[self.cpu] = snapshot._replace(state=state, code=code, moment=moment(state, code))

    async def read_again(self, cpu: int) -> CpuState:
        """Read a vCPU without a new stop: after the user changed something, or chose another vCPU."""
        self._remote.thread(cpu)
        self._window.forget()
        asked = await self._reader.ask(cpu)
        state = await self._reader.state(asked, await self._reader.registers(asked), fresh=True)
        code = await self.code(state.pc)
        seen = self._seen_of(cpu) or next((self._seen_of(other) for other in self._seen), None)
        if seen is None:
            raise GdbError("There is no stop yet.")
        self._seen[cpu] = Snapshot(seen.stop, seen.reply, state, code, moment(state, code), None, seen.event)
        self.stale = self.stale and cpu != self.cpu
        return state


def _predicted_pc(registers: dict[str, int], seen: CpuState) -> int | None:
    """The linear RIP before the segment bases are read, unless CS was loaded since: a load that leaves the selector
    as it was is not noticed here, except after reset, where base and selector don't fit (SDM vol. 3A 9.1.4)."""
    if registers.get("cs") != seen.registers.get("cs"):
        return None
    if seen.mode == 64 or seen.segment_base("cs") is None:
        return registers["rip"]
    return linear_rip(registers["rip"], seen)


def linear_rip(rip: int, seen: CpuState) -> int | None:
    """``rip`` with the base that CS had in ``seen``, outside of 64-bit code; None where base and selector don't fit."""
    if seen.segments is None:
        base = seen.segment_base("cs")
        return None if base is None else (base + rip) & 0xFFFF_FFFF
    cs = seen.segments["cs"]
    if not seen.registers.get("cr0", 1) & CR0_PE and cs.base != cs.selector << 4:
        return None
    return (cs.base + rip) & 0xFFFF_FFFF
