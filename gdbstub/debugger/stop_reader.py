"""Looking at a stopped guest: what is read at one stop, in which order, and what was last seen of each vCPU.

The order: ``g`` and the monitor's registers in one write; RIP tells whether anything of ours stands there; then the
bytes at RIP, with the next step behind them in the same write where the run may go ahead.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from gdbstub.backends.interface import Stepped, StopHooks
from gdbstub.debugger.breakpoints import HitContext
from gdbstub.debugger.code_reader import CODE_BYTES, PAGE, CodeReader
from gdbstub.debugger.cpu_reader import Asked, CpuReader, moment
from gdbstub.debugger.light_stop import LightStop, decoded
from gdbstub.debugger.linear_pc import predicted_pc
from gdbstub.debugger.physical_points import PhysicalPoints
from gdbstub.debugger.snapshot import GONE, Snapshot
from gdbstub.debugger.stepped_into import SteppedInto
from gdbstub.debugger.vector_catch import VectorCatch
from gdbstub.errors import GdbError
from gdbstub.explain.evidence import NOTHING_KNOWN
from gdbstub.protocol.stops import Stop, Stopped, Watch
from gdbstub.remote.link_stream import Token
from gdbstub.remote.target import RemoteTarget
from gdbstub.x86.cpu_state import CpuState, Registers
from gdbstub.x86.exceptions import Frame
from gdbstub.x86.registers import Mode

SIGTRAP = 5


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
        frames_of_steps: bool,
    ) -> None:
        self._remote = remote
        self._hooks = hooks
        self._reader = reader
        self._points = points
        self._catcher = catcher
        self._stray_watches = stray_watches
        self._seen: dict[int, Snapshot | LightStop] = {}
        self.code = CodeReader(remote, points, hooks)
        self._into = SteppedInto(points.read_memory) if frames_of_steps else None
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
        return decoded(light, self._reader.decode)

    async def read(self, stop: Stop) -> Snapshot:
        """Everything of a stop, with the next resume not yet decided."""
        if not isinstance(stop, Stopped):
            return self._gone(stop)
        return await self.read_rest(await self.read_registers(stop))

    def forget_before(self) -> None:
        """The guest went backwards: what was seen of it lies ahead, and is not what came before."""
        self._seen.clear()
        self._last_frames.clear()
        self.stale = False

    def forget_event(self) -> None:
        """The stop that was read last is nobody's: an event there counts at the next one, in the same place."""
        seen = self.seen
        if seen is not None and seen.event is not None:
            self._seen[self.cpu] = seen._replace(event=None)
            self._last_frames[self.cpu] = seen.last_frame

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

    async def read_registers(self, stop: Stopped) -> StopAtArrival:
        """The registers of the vCPU that stopped."""
        reply, stop = stop, self.without_strays(stop)
        if stop.new_program is not None:
            self.forget_before()  # of another program
            self.code.forget()
        cpu = await self._hooks.stopped_vcpu(stop)
        self.cpu = self.cpu if cpu is None else cpu
        asked = await self._reader.ask(self.cpu)
        again = self._remote.ask_again() if self._remote.pipelined and not self._remote.stepped else {}
        registers = await self._reader.registers(asked)
        await self._remote.lines(again, used=False)
        stop, registers = await self._hooks.fix_up_stop(stop, self.cpu, registers)
        seen = self.seen
        if seen is None:
            return StopAtArrival(stop, reply, asked, registers, None)
        if self._catcher.is_stale(seen.state):
            await self._catcher.refresh(seen.state)
        return StopAtArrival(stop, reply, asked, registers, predicted_pc(registers, seen.state))

    async def read_on(self, arrival: StopAtArrival) -> StopAtArrival:
        """The same with the whole state."""
        return arrival._replace(state=await self._state_of(arrival))

    async def complete(self, snapshot: Snapshot) -> Snapshot:
        """The same with all that can still be read of it."""
        asked = await self._reader.ask(self.cpu)
        state = await self._reader.state(asked, await self._reader.registers(asked))
        code = snapshot.code or await self.code.at(state.pc)
        whole = snapshot._replace(state=state, code=code, moment=moment(state, code))
        self._seen[self.cpu] = whole
        return whole

    async def peek(self, stop: Stopped, reads: Iterable[int]) -> tuple[HitContext, int]:
        """The registers of the vCPU that stopped, and its linear RIP (-1: not known), with nothing else read. The stop
        counts as not seen."""
        cpu = self._remote.cpu_of(stop.thread)
        self.cpu = self.cpu if cpu is None else cpu
        asked = await self._reader.ask(self.cpu, source=False)
        lines = self._remote.ask_lines(reads if self._remote.pipelined else ())
        registers = await self._reader.registers(asked)
        await self._remote.lines(lines)
        seen = self.seen
        pc = None if seen is None else predicted_pc(registers, seen.state)
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
        """Queue the bytes at RIP and the next step behind them; the tokens of both. For `read_rest`."""
        assert arrival.pc is not None
        return self._remote.ask_memory(arrival.pc, CODE_BYTES), self._remote.ask_resume(step=self.cpu)

    async def read_rest(self, arrival: StopAtArrival, ahead: Token | None = None, *, stepped: bool = False) -> Snapshot:
        """The rest of a stop. ``ahead`` is the request for the bytes at RIP when the next step is under way already;
        ``stepped`` says that this is the stop behind a step."""
        before = self.seen
        state = arrival.state or await self._state_of(arrival)
        if ahead is None:
            code = await self.code.behind(state, before, stale=self.stale)
        else:
            code = await self.code.asked(ahead, state.pc) if state.pc == arrival.pc else b""
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
            if stepped and self._into is not None and snapshot.event is None:
                snapshot = await self._into.look(snapshot, before)
        self._seen[self.cpu] = snapshot
        return snapshot

    async def _state_of(self, arrival: StopAtArrival) -> CpuState:
        before = self.seen
        stepped = None if before is None else Stepped(before.state, before.code)
        return await self._reader.state(arrival.asked, arrival.registers, stepped)

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
        code = snapshot.code if state.pc == snapshot.state.pc else await self.code.at(state.pc)
        self._seen[self.cpu] = snapshot._replace(state=state, code=code, moment=moment(state, code))

    async def read_again(self, cpu: int) -> CpuState:
        """Read a vCPU without a new stop: after the user changed something, or chose another vCPU."""
        self._remote.thread(cpu)
        self.code.forget()
        asked = await self._reader.ask(cpu)
        state = await self._reader.state(asked, await self._reader.registers(asked), fresh=True)
        code = await self.code.at(state.pc)
        seen = self._seen_of(cpu) or next((self._seen_of(other) for other in self._seen), None)
        if seen is None:
            raise GdbError("There is no stop yet.")
        self._seen[cpu] = Snapshot(seen.stop, seen.reply, state, code, moment(state, code), None, seen.event)
        self.stale = self.stale and cpu != self.cpu
        return state
