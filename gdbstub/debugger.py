"""Run, stop, gather, explain, publish: one guest, and everything that is concluded about its stops.

The order of one stop: the stop reply; ``g`` and the monitor's registers in one write; RIP decides whether anything of
ours stands there; the bytes at RIP, with the next step behind them in the same write while a run of steps goes on;
then, with the stub at work again, the rest is parsed, explained and published. Nothing is decided once the next
step is on its way: a stop at which a breakpoint, a handler or a limit is met never runs ahead.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

import trio
from trio.abc import Stream

from gdbstub.backends import PROFILES, Profile, identify
from gdbstub.backends.hmp import parse_roms
from gdbstub.breakpoints import Breakpoint, BreakpointTable, LogicalKind, Means, Placed
from gdbstub.catch import CR0_PE, Catcher
from gdbstub.client import RemoteTarget, Token
from gdbstub.errors import GdbError, Refused, TransportError
from gdbstub.gather import Asked, StateReader, moment
from gdbstub.handshake import greet
from gdbstub.notices import Notice, Resumed, Said
from gdbstub.protocol.stops import Stop, Stopped, Watch
from gdbstub.record import CpuState, StopRecord
from gdbstub.sight import GONE, Sight, evidence_of, hits, record_of
from gdbstub.target import Backend, Capabilities
from gdbstub.x86.evidence import (
    ABSENT,
    NOTHING_KNOWN,
    Action,
    Frame,
    Known,
    Moment,
    Platform,
    SteppedOver,
    Unknown,
)
from gdbstub.x86.decode import shape
from gdbstub.x86.lidt import find_lidt

CODE_BYTES = 15
"""The longest x86 instruction: SDM vol. 2A 2.3.11."""
STEP_GRACE = 0.1
"""Seconds that a step under way may still take after an interrupt was asked for."""
STEP_SECONDS = 3.0
"""A step that takes longer waits for an interrupt in HLT: the guest is stopped, and the run of steps ends."""
FIRST_LOOK, LAST_LOOK = 0.02, 1.0
"""Seconds between looks at IDTR while a guest runs with caught vectors: doubled from look to look."""
MOST_SCANNED = 16 << 20
"""Bytes of a loaded image that are searched for LIDT."""
SAVES_RFLAGS = frozenset(("pushf", "gate"))
"""Traits of instructions that store RFLAGS, with the TF of a debugger's step in it."""
SIGINT = 2


class Arrival(NamedTuple):
    """A stop of which the registers are known and the rest is on its way. ``pc`` is None where the linear address
    needs the segment bases that are still to come."""

    stop: Stopped
    asked: Asked
    registers: dict[str, int]
    pc: int | None


def always(pc: int) -> bool:
    return True


class Debugger:
    """One stopped-or-running guest. All methods are for one trio task at a time, except `interrupt`.

    Raises `GdbError` branches only. Build, then `attach`; at the end `detach` or `kill`.
    """

    def __init__(
        self,
        stream: Stream,
        target: str,
        *,
        backend: str | None = None,
        history: int = 10_000,
        lidt_hints: tuple[int, ...] = (),
        break_in: Callable[[], Awaitable[None]] | None = None,
        pace: Callable[[float], Awaitable[None]] = trio.sleep,
        last_words: Callable[[], Awaitable[str]] | None = None,
    ) -> None:
        """``lidt_hints``: linear addresses of LIDT instructions in the guest's image. ``pace`` waits until a running
        guest's IDT is to be looked at again, given how long that should be (a replay knows better). ``last_words``
        tells how the program behind the stream died."""
        self.stream = stream
        self.target = target
        self.backend = Backend("generic", None, None, "generic")
        self.capabilities = Capabilities()
        self.records: deque[StopRecord] = deque(maxlen=history)
        self.cpu = 0
        self.ended = False
        self._remote = RemoteTarget(stream, on_output=self.guest_output, break_in=break_in, last_words=last_words)
        self._profile = PROFILES["generic"]
        self._forced = backend
        self._hints = lidt_hints
        self._hinted = False
        self._listeners: list[Callable[[Notice], None]] = []
        self._reader: StateReader
        self._table = BreakpointTable(self._remote, self.capabilities)
        self._catcher = Catcher(self._remote, self._table, watch_gates=False)
        self._platform = Platform()
        self._seen: dict[int, Sight] = {}
        self._stale = False
        self._last_frames: dict[int, Frame | None] = {}
        self._stepped: deque[SteppedOver] = deque(maxlen=16)
        self._resuming: Token | None = None
        self._interrupted = False
        self._stepping = False
        self._looked = False
        self._echo: dict[str, int] | None = None
        self._look_seconds = FIRST_LOOK
        self._pace = pace
        self._number = 0
        self._began = time.monotonic()

    # -- what it is -----------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        return self._remote.running

    @property
    def lost(self) -> str | None:
        """Why there is no stub any more, or None."""
        return self._remote.lost

    @property
    def interrupted(self) -> bool:
        """Was the last run asked to stop?"""
        return self._interrupted

    @property
    def breakpoints(self) -> dict[int, Breakpoint]:
        """The user's, by number."""
        return self._table.listed

    @property
    def profile(self) -> Profile:
        return self._profile

    def listen(self, listener: Callable[[Notice], None]) -> None:
        """Call ``listener`` synchronously for every notice, in order."""
        self._listeners.append(listener)

    def say(self, text: str) -> None:
        """A message of dr6 itself to all listeners."""
        self._publish(Said(text, "dr6"))

    def guest_output(self, text: bytes) -> None:
        """Text of the guest's console to all listeners; it is not cleaned here."""
        self._publish(Said(text.decode("utf-8", "replace"), "guest"))

    def _publish(self, notice: Notice) -> None:
        for listener in self._listeners:
            listener(notice)

    # -- attach and leave -----------------------------------------------------------------------------------

    async def attach(self) -> StopRecord:
        """Shake hands, find out who the stub is, and publish where the guest stands."""
        remote = self._remote
        stop = await greet(remote, self.target)
        await self._identify()
        profile = self._profile
        remote.pipelined = profile.pipelined
        self.capabilities = replace(profile.capabilities, cpus=tuple(range(max(len(remote.threads), 1))))
        self._reader = StateReader(remote, profile)
        self._table = BreakpointTable(remote, self.capabilities)
        self._catcher = Catcher(remote, self._table, watch_gates=not self.capabilities.hardware_hides_guest)
        self._platform = _platform(self.backend)
        self._began = time.monotonic()
        return self._keep(await self._see(stop), Action.ATTACH)

    async def _identify(self) -> None:
        name = self._forced
        if name is not None and name not in PROFILES:
            raise GdbError(f"There is no backend {name}; dr6 knows {', '.join(PROFILES)}.")
        found = await identify(self._remote.monitor)
        self.backend = found if name is None else replace(found, name=name, profile=name)
        self._profile = PROFILES[self.backend.profile]

    async def detach(self, *, resume: bool = True) -> None:
        """Take every breakpoint out and go: the guest runs on, or stays stopped with ``resume=False`` (QEMU leaves it
        so when the connection closes without a detach packet)."""
        await self._halt()
        if not self.ended:
            await self._table.clear()
            if resume:
                await self._remote.detach()
        self.ended = True
        await self._remote.aclose()

    async def kill(self) -> None:
        """End the guest (on QEMU: QEMU itself)."""
        await self._halt()
        if not self.ended:
            await self._remote.kill()
        self.ended = True
        await self._remote.aclose()

    async def _halt(self) -> None:
        """Stop a guest whose run was given up half-way (a cancelled task), so that it can be tidied."""
        if self._remote.lost is not None or not self._remote.greeted:
            self.ended = True
        if self.ended or not self._remote.running or self._resuming is None:
            return
        await self._remote.interrupt()
        stop = await self._remote.stop(self._resuming)
        self.ended = not isinstance(stop, Stopped)

    def number_from(self, number: int) -> None:
        """Give the next record this number; a trace counts its own rows."""
        self._number = number

    async def watch_idle(self) -> None:
        """Wait, while nothing else is asked, for the stub to go away; cancel before the next request."""
        await self._remote.watch_idle()

    # -- running --------------------------------------------------------------------------------------------

    async def step(self) -> StopRecord:
        """One instruction of the selected vCPU, the others held."""
        return await self.run_steps(1)

    async def run_steps(
        self,
        count: int | None,
        sink: Callable[[StopRecord], None] = lambda record: None,
        *,
        go_on: Callable[[int], bool] = always,
        end_at_hits: bool = True,
    ) -> StopRecord:
        """Step ``count`` times (None: for ever) and give every record to ``sink``; returns the last one.

        Ends early when the guest ends, at `interrupt`, where ``go_on`` says no to a linear RIP, and (with
        ``end_at_hits``) at the user's breakpoints and caught vectors.
        """
        self._interrupted = False
        self._stepping = True
        try:
            return await self._run_steps(count, sink, go_on, end_at_hits)
        finally:
            self._stepping = False

    async def _run_steps(
        self,
        count: int | None,
        sink: Callable[[StopRecord], None],
        go_on: Callable[[int], bool],
        end_at_hits: bool,
    ) -> StopRecord:
        self._publish(Resumed())
        stop = await self._step()
        while True:
            count = None if count is None else count - 1
            arrival = await self._arrive(stop)
            ahead = arrival is not None and count != 0 and self._is_plain(arrival) and go_on(arrival.pc or 0)
            sight = await self._look(arrival, ahead) if arrival is not None else await self._see(stop)
            record = self._keep(sight, Action.INTERRUPT if _is_pause(stop) else Action.STEP)
            sink(record)
            if _is_pause(stop):
                return record
            if ahead:
                stop = await self._await_step()
                continue
            if count == 0 or record.ended or self._interrupted or not go_on(record.state.pc):
                return record
            if hits(self._table, sight) and await self._wanted(sight) and end_at_hits:
                return record
            stop = await self._step()

    async def resume(self) -> StopRecord:
        """Run to the next stop that the user wants to see, or to a caught event. Publishes and returns it."""
        self._interrupted = False
        self._publish(Resumed())
        while True:
            stepped = await self._step_off()
            sight, ours = stepped or await self._run()
            if ours and not self._interrupted and not hits(self._table, sight):
                continue
            if (not stepped and self._is_echo(sight)) or await self._is_lidt(sight):
                continue
            if await self._wanted(sight):
                action = Action.INTERRUPT if self._interrupted and _is_pause(sight.stop) else Action.CONTINUE
                return self._keep(sight, action)

    async def interrupt(self) -> None:
        """Make a running `resume` or `run_steps` return; may be called from another task. No-op when stopped.

        A step is given a moment to end by itself, so that it is not broken off before its instruction has run.
        """
        self._interrupted = True
        token = self._resuming
        if self._stepping:
            await trio.sleep(STEP_GRACE)
        if token == self._resuming:
            await self._remote.interrupt()

    async def _begin(self, step: int | None) -> None:
        """Resume; whatever the user changed since the stop is read again first, so that "before" is true."""
        if self._stale:
            await self._reread(self.cpu)
        self._resuming = self._remote.ask_resume(step=step)
        await self._remote.flush()

    async def _step(self) -> Stop:
        """One step, with our breakpoint at RIP out of the way where the stub would only report it again."""
        seen = self._seen.get(self.cpu)
        lifted: tuple[Placed, ...] = ()
        if not self._profile.steps_off_breakpoints and seen is not None:
            lifted = await self._table.lift(seen.state.pc)
        await self._begin(self.cpu)
        stop = await self._await_step()
        if lifted and isinstance(stop, Stopped):
            await self._table.put_back(lifted)
        return stop

    async def _step_off(self) -> tuple[Sight, bool] | None:
        """Before a continue: one step from a breakpoint's address, since no stub continues from there. Returns the
        stop only if it is one by itself."""
        seen = self._seen.get(self.cpu)
        if seen is None or seen.state.pc not in self._table.marks:
            return None
        stop = await self._step()
        ours = self._is_gate_watch(stop)
        sight = await self._see(stop)
        if isinstance(stop, Stopped) and isinstance(stop.reason, Watch) and self._profile.repeats_watches:
            self._echo = sight.state.registers
        alone = not isinstance(stop, Stopped) or stop.reasons or sight.state.pc in self._table.marks
        return (sight, ours) if alone else None

    async def _run(self) -> tuple[Sight, bool]:
        """Continue; the stop, and whether it was for a purpose of ours."""
        await self._begin(None)
        stop, looked = await self._await_run()
        ours = self._is_gate_watch(stop) or (looked and _is_pause(stop))
        sight = await self._see(stop)
        if self._is_gate_watch(stop):
            await self._catcher.refresh(sight.state)
        return sight, ours

    def _is_gate_watch(self, stop: Stop) -> bool:
        return (
            isinstance(stop, Stopped)
            and isinstance(stop.reason, Watch)
            and self._catcher.is_gate_watch(stop.reason.address)
        )

    async def _await_step(self) -> Stop:
        token = self._pending
        with trio.move_on_after(STEP_SECONDS):
            return await self._remote.stop(token)
        self.say(
            f"The step did not end within {STEP_SECONDS:g} seconds (HLT waits for an interrupt?); it was broken off."
        )
        await self._remote.interrupt()
        return await self._remote.stop(token)

    async def _await_run(self) -> tuple[Stop, bool]:
        """The stop, and whether we stopped the guest ourselves to look at its IDT."""
        token = self._pending
        self._looked = False
        if not self._catcher.active:
            return await self._remote.stop(token), False
        failure: GdbError | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._look_at_idt)
            try:
                stop = await self._remote.stop(token)
            except GdbError as error:  # carried out of the nursery as it is, not in a group
                failure = error
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return stop, self._looked

    async def _look_at_idt(self) -> None:
        await self._pace(self._look_seconds)
        self._look_seconds = min(2 * self._look_seconds, LAST_LOOK)
        self._looked = True
        with suppress(TransportError):  # who waits for the stop learns of it, too
            await self._remote.interrupt()

    @property
    def _pending(self) -> Token:
        if self._resuming is None:
            raise GdbError("The guest was not resumed.")
        return self._resuming

    # -- one stop -------------------------------------------------------------------------------------------

    async def _see(self, stop: Stop) -> Sight:
        """Read everything of a stop, without running ahead."""
        arrival = await self._arrive(stop)
        if arrival is None:
            self.ended = True
            return Sight(stop, GONE, b"", NOTHING_KNOWN, self._before(self.cpu), armed=self._table.armed)
        return await self._look(arrival, False)

    async def _arrive(self, stop: Stop) -> Arrival | None:
        """The registers of the vCPU that stopped; None when the guest is gone."""
        if not isinstance(stop, Stopped):
            return None
        cpu = self._remote.cpu_of(stop.thread)
        self.cpu = self.cpu if cpu is None else cpu
        asked = await self._reader.ask(self.cpu)
        registers = await self._reader.registers(asked)
        seen = self._seen.get(self.cpu)
        pc = None
        if seen is not None:
            if self._catcher.is_stale(seen.state):
                await self._catcher.refresh(seen.state)
            pc = _predicted_pc(registers, seen.state)
        return Arrival(stop, asked, registers, pc)

    def _is_plain(self, arrival: Arrival) -> bool:
        """Is this a step like any other, with nothing of ours at its RIP?"""
        pc = arrival.pc
        return (
            pc is not None
            and not arrival.stop.reasons
            and not self._interrupted
            and self._remote.pipelined
            and pc not in self._table.marks
            and pc & 0xFFF <= 0x1000 - CODE_BYTES
        )

    async def _look(self, arrival: Arrival, ahead: bool) -> Sight:
        """The rest of a stop. With ``ahead`` the next step leaves behind the request for the bytes at RIP."""
        remote = self._remote
        code = b""
        token = None
        if arrival.pc is not None and remote.pipelined:
            token = remote.ask_memory(arrival.pc, CODE_BYTES)
        if ahead:
            self._resuming = remote.ask_resume(step=self.cpu)
        state = await self._reader.state(arrival.asked, arrival.registers)
        if token is not None:
            try:
                code = await remote.memory(token)
            except Refused:
                code = b""
        if not ahead and (not code or state.pc != arrival.pc):
            code = await self._code(state.pc)
        elif state.pc != arrival.pc:
            code = b""
        before = self._seen.get(self.cpu)
        self._stale = False
        sight = Sight(
            arrival.stop,
            state,
            code,
            moment(state, code),
            before.moment if before else None,
            armed=self._table.armed,
        )
        if not ahead:
            sight = await self._catch(sight, before)
        self._seen[self.cpu] = sight
        return sight

    async def _catch(self, sight: Sight, before: Sight | None) -> Sight:
        """Find the event, if RIP is at a caught handler; look at the IDT again if the guest changed it."""
        state = sight.state
        if self._catcher.is_stale(state):
            await self._catcher.refresh(state)
            self._look_seconds = FIRST_LOOK
        vector = self._catcher.handlers.get(state.pc)
        if vector is None:
            return sight
        if before is not None and before.event is not None and before.state.registers == state.registers:
            return sight  # no progress: TCG reports a handler that a step reached once more
        event, frame_mode, windows = await self._catcher.event(vector, state)
        last = self._last_frames.get(state.cpu)
        self._last_frames[state.cpu] = event.frame
        return sight._replace(event=event, windows=windows, frame_mode=frame_mode, last_frame=last)

    async def _code(self, pc: int) -> bytes:
        """The bytes at ``pc``, fewer before a page that can't be read."""
        for length in (CODE_BYTES, 0x1000 - (pc & 0xFFF)):
            if length <= CODE_BYTES:
                try:
                    return await self.read_memory(pc, length)
                except Refused:
                    continue
        return b""

    def _before(self, cpu: int) -> Moment | None:
        seen = self._seen.get(cpu)
        return None if seen is None else seen.moment

    def _keep(self, sight: Sight, action: Action) -> StopRecord:
        """Explain, number, remember and publish."""
        evidence = evidence_of(sight, action, self._platform, tuple(self._stepped))
        record = record_of(sight, self._number, action, evidence, time.monotonic() - self._began)
        self._number += 1
        self.records.append(record)
        if action is Action.STEP and self._profile.steps_by_tf:
            self._remember_tf(sight)
        self._publish(record)
        return record

    def _remember_tf(self, sight: Sight) -> None:
        """Keep what this step ran if it may have saved the step's TF in guest memory."""
        before = sight.before
        if before is None or isinstance(before.bytes, Unknown) or isinstance(before.rip, Unknown):
            return
        what = shape(before.bytes.value, sight.state.mode)
        if what is not None and not SAVES_RFLAGS.isdisjoint(what.traits):
            base = 0 if isinstance(before.cs_base, Unknown) else before.cs_base.value
            self._stepped.append(SteppedOver(base + before.rip.value, what.bytes))

    def _is_echo(self, sight: Sight) -> bool:
        """Is this TCG's second report, without progress, of a watchpoint that a step of ours hit?"""
        echo, self._echo = self._echo, None
        return (
            echo is not None
            and isinstance(sight.stop, Stopped)
            and not sight.stop.reasons
            and (echo == sight.state.registers)
        )

    async def _is_lidt(self, sight: Sight) -> bool:
        """Did the guest stop at a LIDT that it must not run unseen, and at nothing else? Then it has run now."""
        if not isinstance(sight.stop, Stopped) or sight.stop.reasons or hits(self._table, sight):
            return False
        if not self._catcher.is_hint(sight.state.pc):
            return False
        await self._see(await self._step())
        return not self.ended

    async def _wanted(self, sight: Sight) -> bool:
        """Ask ignore counts and conditions of the breakpoints that were hit; a stop without any is wanted."""
        numbers = hits(self._table, sight)
        wanted = not numbers
        for number in numbers:
            row = self._table.get(number)
            if row is None or (row.predicate is not None and not await row.predicate()):
                continue
            row.hits += 1
            if row.ignore > 0:
                row.ignore -= 1
                continue
            wanted = True
            if row.temporary:
                await self._table.remove(number)
        return wanted

    # -- state, memory, breakpoints ---------------------------------------------------------------------------

    async def state(self, cpu: int | None = None) -> CpuState:
        """The state of a vCPU now; that of the selected one comes from the last stop unless it was changed."""
        cpu = self.cpu if cpu is None else cpu
        seen = self._seen.get(cpu)
        if seen is not None and cpu == self.cpu and not self._stale:
            return seen.state
        state = await self._reread(cpu)
        await self._remote.select(self.cpu)
        return state

    async def _reread(self, cpu: int) -> CpuState:
        """Read a vCPU again without a new stop: after the user changed something, or chose another vCPU."""
        self._remote.thread(cpu)
        asked = await self._reader.ask(cpu)
        state = await self._reader.state(asked, await self._reader.registers(asked))
        code = await self._code(state.pc)
        seen = self._seen.get(cpu) or next(iter(self._seen.values()))
        self._seen[cpu] = Sight(seen.stop, state, code, moment(state, code), None, seen.event)
        self._stale = self._stale and cpu != self.cpu
        return state

    async def read_memory(self, address: int, length: int) -> bytes:
        """Linear memory as the guest sees it, our own int3s taken out. Raises `Refused` naming the first bad page."""
        data = await self._remote.read_memory(address, length)
        return self._table.unpatch(address, data) if self.capabilities.software_patches_memory else data

    async def write_memory(self, address: int, data: bytes) -> None:
        await self._remote.write_memory(address, data)
        self._stale = True

    async def set_register(self, name: str, value: int) -> None:
        """Write one register of the selected vCPU by our name (``rflags``). Debug registers can't be written here."""
        await self._remote.select(self.cpu)
        await self._remote.write_register("eflags" if name == "rflags" else name, value)
        self._stale = True

    async def monitor(self, command: str) -> str:
        """The stub's own monitor. What it changes is read again."""
        text = await self._remote.monitor(command)
        self._stale = True
        return text

    async def select_cpu(self, cpu: int) -> None:
        """Make ``cpu`` the one that is stepped and shown."""
        self._remote.thread(cpu)
        self.cpu = cpu
        await self._remote.select(cpu)
        await self._reread(cpu)

    async def add_breakpoint(
        self,
        kind: LogicalKind,
        address: int | None,
        length: int = 1,
        *,
        means: Means = "auto",
        temporary: bool = False,
        vector: int | None = None,
        text: str = "",
        hidden: bool = False,
    ) -> Breakpoint:
        """Arm a breakpoint at a linear address; ``catch`` finds its address in the guest's IDT, now and later."""
        if kind == "catch":
            means = self._profile.catch_by if means == "auto" else means
            await self._give_hints()
        row = await self._table.add(
            kind, address, length, means=means, temporary=temporary, vector=vector, text=text, hidden=hidden
        )
        if kind == "catch":
            self._look_seconds = FIRST_LOOK
            await self._catcher.refresh(await self.state())
        return row

    async def _give_hints(self) -> None:
        """Before the guest has booted: mark the LIDT instructions of its image, given or found in its memory."""
        hints, self._hints = self._hints, ()
        state = await self.state()
        if self._hinted or state.tables is None or state.registers.get("cr0", 0) & CR0_PE:
            return
        self._hinted = True
        await self._catcher.hint(hints or await self._find_lidt())

    async def _find_lidt(self) -> tuple[int, ...]:
        """LIDT instructions in what QEMU loaded into RAM before the first instruction (a PVH kernel)."""
        if not self.capabilities.monitor:
            return ()
        found: tuple[int, ...] = ()
        for address, size in parse_roms(await self._remote.monitor("info roms")):
            try:
                found += find_lidt(await self._remote.read_memory(address, min(size, MOST_SCANNED)), address)
            except Refused:
                continue
        return found

    async def delete_breakpoint(self, number: int) -> None:
        await self._table.remove(number)
        await self._catcher.refresh(await self.state())

    async def enable_breakpoint(self, number: int, enabled: bool) -> None:
        await self._table.enable(number, enabled)
        await self._catcher.refresh(await self.state())


def _platform(backend: Backend) -> Platform:
    if backend.name == "generic":
        return Platform(backend=Known("generic", "its monitor is none that we know"))
    return Platform(
        backend=Known(backend.name, "monitor"),
        version=Known(backend.version, "monitor") if backend.version else ABSENT,
        vendor=Known(backend.vendor, "monitor") if backend.vendor else ABSENT,
        guest=Known("hvm", "QEMU runs whole machines"),
    )


def _is_pause(stop: Stop) -> bool:
    return isinstance(stop, Stopped) and stop.signal == SIGINT


def _predicted_pc(registers: dict[str, int], seen: CpuState) -> int | None:
    """The linear RIP before the segment bases are read, unless CS was loaded since: a load that leaves the selector
    as it was is not noticed here, except after reset, where base and selector don't fit (SDM vol. 3A 9.1.4)."""
    if registers.get("cs") != seen.registers.get("cs"):
        return None
    if seen.mode == 64 or seen.segments is None:
        return registers["rip"]
    cs = seen.segments["cs"]
    if not seen.registers.get("cr0", 1) & CR0_PE and cs.base != cs.selector << 4:
        return None
    return (cs.base + registers["rip"]) & 0xFFFF_FFFF
