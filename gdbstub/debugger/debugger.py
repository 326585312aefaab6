"""One guest, and everything that is concluded about its stops: the way in for every screen, trace and command.

What a stop means is left to `gdbstub.x86`; what is read at it, and how the guest is made to go, to the rooms around.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import trio
from trio.abc import Stream

from gdbstub.backends import PROFILES, Profile, find_loaded_lidt, identify, wrong_width
from gdbstub.backends.opening import OPENERS
from gdbstub.backends.xen.dom0 import Dom0, Helpers
from gdbstub.backends.xen.int3 import recover
from gdbstub.backends.xen.journal import Journal, left_behind
from gdbstub.debugger.breakpoints import Breakpoint, BreakpointTable, Condition, HitContext, LogicalKind, Means
from gdbstub.debugger.cpu_reader import CpuReader
from gdbstub.debugger.deferred_requests import DeferredRequests
from gdbstub.debugger.events import DebuggerEvent, Disconnected, Output, Resumed
from gdbstub.debugger.plain_steps import Detour, Express
from gdbstub.debugger.record import StopRecord, StopSummary
from gdbstub.debugger.run_control import Pace, RunControl, is_pause
from gdbstub.debugger.snapshot import Snapshot, hits, platform_of, reply_text
from gdbstub.debugger.step_loop import StepLoop
from gdbstub.debugger.stop_history import StopHistory
from gdbstub.debugger.stop_log import StopLog
from gdbstub.debugger.stop_reader import StopReader
from gdbstub.debugger.vector_catch import CR0_PE, VectorCatch
from gdbstub.errors import CannotBreakIn, GdbError, Refused, TransportError, Unsupported
from gdbstub.explain.evidence import Action, Platform
from gdbstub.protocol.layout import RegisterLayout
from gdbstub.protocol.stops import Stop, Stopped
from gdbstub.remote.capabilities import BackendInfo, Capabilities
from gdbstub.remote.connection import NonblockingIO
from gdbstub.remote.handshake import greet
from gdbstub.remote.target import RemoteTarget
from gdbstub.x86.cpu_state import CpuState
from gdbstub.x86.decode import LONGEST

XEN = "xen-gdbsx"


def always(pc: int) -> bool:
    return True


async def yes(question: str) -> bool:
    return True


def lines_of(registers: dict[str, int]) -> tuple[int, ...]:
    """Addresses that a debugger looks at in every stop: the instruction at RIP, and the top of the stack."""
    return registers["rip"], registers["rip"] + LONGEST - 1, registers.get("rsp", 0)


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
        lidt_sure: frozenset[int] = frozenset(),
        break_in: Callable[[], Awaitable[None]] | None = None,
        pace: Pace = trio.sleep,
        exit_reason: Callable[[], Awaitable[str]] | None = None,
        shortcut: NonblockingIO | None = None,
        helpers: Helpers | None = None,
        planted: Path | None = None,
        may_restore: Callable[[str], Awaitable[bool]] = yes,
    ) -> None:
        """``target`` is the name for people. ``lidt_hints``: linear addresses of LIDT instructions in the guest's
        image, ``lidt_sure`` those of them that are proven to be some. ``pace`` waits until a running guest's IDT is to
        be looked at again, given how long that should be (a replay knows better). ``last_words`` and ``shortcut`` are
        for the `Conversation`. ``helpers`` are those of the domain in Xen's dom0; ``planted`` is the folder of the
        journals of int3s (None: nothing is kept); ``may_restore`` is asked, with a question for the user, before those
        of a dr6 that died are taken out."""
        self.stream = stream
        self.target = target
        self.backend = BackendInfo("generic", None, None, "generic")
        self.capabilities = Capabilities()
        self._ledger = StopLog(history, self._publish)
        self.ended = False
        self._remote = RemoteTarget(
            stream,
            shortcut=shortcut,
            on_output=self.guest_output,
            on_lost=self._on_lost_connection,
            break_in=break_in,
            exit_reason=self._exit_reason,
        )
        self._forced = backend
        self._breaks_in = break_in is not None
        self._words = exit_reason
        self._dom0 = Dom0(helpers, self.say)
        self._planted = planted
        self._may_restore = may_restore
        self._unheard: list[DebuggerEvent] = []
        self._hints: tuple[int, ...] | None = lidt_hints
        self._sure = lidt_sure
        self._pace = pace
        self._listeners: list[Callable[[DebuggerEvent], None]] = []
        self.deferred = DeferredRequests()
        self._settle(PROFILES["generic"])

    def _settle(self, profile: Profile) -> None:
        """Put the parts together for this kind of stub."""
        remote = self._remote
        cpus = tuple(range(max(len(remote.threads), 1)))
        self._profile = profile
        self._ledger.leaks_tf = profile.steps_by_tf
        can = replace(profile.capabilities, cpus=cpus)
        if profile.capabilities.plants_int3:
            there, why = self._dom0.there, self._dom0.no_hardware
            can = replace(can, interrupt=self._breaks_in, debug_registers=there, debug_aside=there)
            can = replace(can, no_hardware=why, hardware_slots=0 if why else 4, hardware_breakpoints=not why)
        self.capabilities = can
        remote.pipelined = profile.pipelined
        remote.learn(profile.manners)
        journal = Journal(self._planted, self.target, self._dom0.identity)
        furnished = OPENERS[profile.habits](profile, remote, self._dom0, journal, self.say)
        self._habits, self._int3s, self._hardware = furnished.habits, furnished.int3s, furnished.hardware
        self._table = table = BreakpointTable(furnished.points, can, self._hardware.slot_of if self._hardware else None)
        self._catcher = catcher = VectorCatch(table, watch_gates=not can.hardware_hides_guest)
        self._observer = StopReader(
            remote,
            CpuReader(remote, profile, furnished.dom0),
            table,
            catcher,
            furnished.habits,
            stray_watches=profile.stray_watches,
            idle_steps=profile.idle_steps,
        )
        self._runner = RunControl(
            remote, profile, self._observer, table, catcher, furnished.habits, self._pace, self.say, self.deferred
        )

    # -- what it is -----------------------------------------------------------------------------------------

    @property
    def cpu(self) -> int:
        """The vCPU that is stepped and shown: the one that stopped last, or that the user chose."""
        return self._observer.cpu

    @property
    def running(self) -> bool:
        return self._remote.running

    @property
    def lost(self) -> str | None:
        """Why there is no stub any more, or None."""
        return self._remote.lost

    @property
    def records(self) -> StopHistory:
        """The stops so far, oldest first."""
        return self._ledger.records

    @property
    def newest(self) -> StopSummary | None:
        """The last stop, in brief."""
        return self._ledger.newest

    @property
    def interrupted(self) -> bool:
        """Was the last run asked to stop?"""
        return self._runner.interrupted

    @property
    def breakpoints(self) -> dict[int, Breakpoint]:
        """The user's, by number."""
        return self._table.listed

    def owned_by(self, party: int) -> tuple[Breakpoint, ...]:
        """The breakpoints of one party that shares the guest."""
        return self._table.owned_by(party)

    def hit_at(self, stop: int) -> tuple[Breakpoint, ...]:
        """The breakpoints, anybody's, that caused the stop of this number."""
        return self._table.hit_at(stop)

    @property
    def layout(self) -> RegisterLayout:
        """The stub's own registers."""
        return self._remote.layout

    async def ask_stub(self, payload: bytes) -> bytes:
        """A packet that dr6 has no word for, as it is, and its answer as it is: errors and the empty packet too."""
        try:
            return await self._remote.request(payload)
        except Unsupported:
            return b""
        except Refused as refusal:
            return b"E" + refusal.code.encode("latin-1")

    @property
    def profile(self) -> Profile:
        return self._profile

    @property
    def platform(self) -> Platform:
        """Who runs the guest, as evidence has it."""
        return self._ledger.platform

    def listen(self, listener: Callable[[DebuggerEvent], None]) -> None:
        """Call ``listener`` synchronously for every notice, in order; the first one also hears what was said before."""
        self._listeners.append(listener)
        unheard, self._unheard = self._unheard, []
        for notice in unheard:
            listener(notice)

    def say(self, text: str) -> None:
        """A message of dr6 itself to all listeners."""
        self._publish(Output(text, "dr6"))

    def guest_output(self, text: bytes) -> None:
        """Text of the guest's console to all listeners; it is not cleaned here."""
        self._publish(Output(text.decode("utf-8", "replace"), "guest"))

    def number_from(self, number: int) -> None:
        """Give the next record this number; a trace counts its own rows."""
        self._ledger.number = number

    async def _exit_reason(self) -> str:
        """What the transport knows of the end; int3s of ours go with a domain that is gone."""
        words = "" if self._words is None else await self._words()
        if self._int3s is not None and self._remains() and not await self._dom0.is_there():
            self._int3s.forget()
        return words

    def _on_lost_connection(self, why: str) -> str:
        """The end, with what of ours stays behind it."""
        whole = " ".join((why, *self._remains()))
        self._publish(Disconnected(whole))
        return whole

    def _publish(self, notice: DebuggerEvent) -> None:
        if not self._listeners and isinstance(notice, Output):
            self._unheard.append(notice)
        for listener in self._listeners:
            listener(notice)

    # -- attach and leave -----------------------------------------------------------------------------------

    async def attach(self) -> StopRecord:
        """Shake hands, find out who the stub is, and publish where the guest stands."""
        if self._forced is not None and self._forced not in PROFILES:
            raise GdbError(f"There is no backend {self._forced}; dr6 knows {', '.join(PROFILES)}.")
        if self._forced is not None:
            self._remote.learn(PROFILES[self._forced].manners)
        stop = await greet(self._remote, self.target)
        self.backend = await self._identify()
        self._settle(PROFILES[self.backend.profile])
        if self._int3s is not None:
            await self._take_out_old()
        self._ledger.platform = platform_of(self.backend)
        self._ledger.begin()
        return self._keep(await self._observer.see(stop), Action.ATTACH)

    async def _identify(self) -> BackendInfo:
        """Who the stub is, by its address or the user first, else by its answers."""
        remote, name = self._remote, self._forced
        offers = bool(remote.features.raw)
        found = await identify(remote.monitor, offers=offers, odd_threads=remote.odd_threads)
        if name == XEN and (offers or found.name not in (XEN, "generic")):
            raise TransportError(f"{self.target} is no gdbsx: it answers as {found.name} does. Attach to it as tcp:.")
        found = found if name is None else replace(found, name=name, profile=name)
        if found.name != XEN:
            return found
        cs = await remote.selector()
        if (wrong := wrong_width(cs, wide="rip" in remote.layout.by_name)) is not None:
            raise TransportError(wrong)
        return await self._dom0.identify(cs)

    async def _take_out_old(self) -> None:
        """The int3s that a dr6 before this one could not take out any more."""
        if self._planted is not None:
            left = tuple(left_behind(self._planted, self.target, self._dom0.identity))
            findings = await recover(self._remote, left, self._may_restore, self._hardware)
            if findings.sentence:
                self.say(findings.sentence)

    async def detach(self, *, resume: bool = True) -> None:
        """Take every breakpoint out and go: the guest runs on, or stays stopped with ``resume=False`` (QEMU leaves it
        so when the connection closes without a detach packet). Raises `GdbError`, once that is done, where the stub did
        not give a breakpoint back."""
        left: tuple[str, ...] = ()
        try:
            if await self._still_there():
                left = await self._table.clear()
                await self._habits.leave(resume=resume)
        except CannotBreakIn as error:
            left = (str(error), *self._remains())
        finally:
            await self._close()
        if left:
            raise GdbError(" ".join(left))

    async def _close(self) -> None:
        self.ended = True
        if self._int3s is not None:
            self._int3s.close()
        await self._remote.aclose()

    def _remains(self) -> tuple[str, ...]:
        """What of ours is in a guest that can't be reached any more."""
        planted = self._int3s.planted if self._int3s is not None else ()
        cpus = self._hardware.left if self._hardware is not None else ()
        left = []
        if planted:
            which = "1 int3 of dr6's stays" if len(planted) == 1 else f"{len(planted)} int3s of dr6's stay"
            left.append(f"{which} in the guest's memory")
        if cpus:
            left.append(f"breakpoints of dr6's stay in the debug registers of vCPU {', '.join(map(str, cpus))}")
        return (f"{'; '.join(left)} until dr6 is attached to it again.",) if left else ()

    async def kill(self) -> None:
        """End the guest (on QEMU: QEMU itself)."""
        try:
            if await self._still_there():
                await self._habits.kill()
        finally:
            await self._close()

    async def _still_there(self) -> bool:
        """Is there a stopped guest to tidy? A run that was given up half-way is stopped for it."""
        if self.ended or self._remote.lost is not None or not self._remote.greeted:
            return False
        stop = await self._runner.halt()
        return stop is None or isinstance(stop, Stopped)

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
        others: bool = False,
    ) -> StopRecord:
        """Step ``count`` times (None: for ever) and give every record to ``sink``; returns the last one. With
        ``others`` the other vCPUs run meanwhile.

        Ends early when the guest ends, at `interrupt`, when a step hangs, where ``go_on`` says no to a linear RIP, and
        (with ``end_at_hits``) at the user's breakpoints and caught vectors.
        """
        self._runner.begin(stepping=True)
        self._publish(Resumed())

        async def ends(snapshot: Snapshot) -> bool:
            # counts it in any case
            met = bool(hits(self._table, snapshot)) and await self._wanted(snapshot, self._ledger.number - 1)
            return met and end_at_hits

        run = StepLoop(self._remote, self._observer, self._runner, self._catcher, self.deferred, self._keep, sink)
        return await run.run(count, go_on, ends, others=others)

    async def step_lightly(self, told: Callable[[StopSummary], None], *, others: bool = False) -> StopSummary:
        """One step of which only the registers are read, and the lines that a debugger asks for next; ``told`` hears of
        it in between. Anything but a plain step in 64-bit code is read and explained as ever. Listeners are not told of
        a plain one."""
        self._runner.begin(stepping=True)
        guess = self._lines_near()
        return await self._take_lightly(await self._runner.step(others=others), guess, told)

    def express(self, *, others: bool = False) -> Express | None:
        """More of such steps at once, from where the guest stands; None where the last stop was no plain one."""
        ledger, newest, seen = self._ledger, self._ledger.newest, self._ledger.unexplained
        busy = self._catcher.active or self._observer.stale or self.deferred.waiting or self._runner.interrupted
        if newest is None or seen is None or busy or ledger.leaks_tf or not self._remote.pipelined:
            return None
        if self._remote.kept_registers(newest.cpu) is None:
            return None
        return Express(self._remote, self._observer, ledger, self._table, seen, newest, others=others)

    async def finish_step(self, detour: Detour, told: Callable[[StopSummary], None]) -> StopSummary:
        """The step with which an `express` ended, as `step_lightly` has it."""
        self._runner.begin(stepping=True)
        seen = self._observer.seen
        if detour.token is None and seen is not None:  # it has ended as the one before did
            return await self._take_lightly(seen.stop, self._lines_near(), told)
        if detour.token is not None:
            self._runner.went_ahead(detour.token)
        return await self._take_lightly(await self._runner.await_step(), self._lines_near(), told)

    def _lines_near(self) -> tuple[int, ...]:
        seen = self._observer.seen
        return () if seen is None else lines_of(seen.state.registers)

    async def _take_lightly(
        self, stop: Stop, guess: tuple[int, ...], told: Callable[[StopSummary], None]
    ) -> StopSummary:
        runner, observer = self._runner, self._observer
        arrival = await observer.arrive_lightly(stop, guess) if isinstance(stop, Stopped) else None
        if arrival is None or runner.interrupted:
            snapshot = await runner.see_step(stop)
            record = self._keep(snapshot, Action.INTERRUPT if is_pause(snapshot.stop) else Action.STEP)
            await self._wanted(snapshot, record.number)
            told(record.brief)
            return record.brief
        brief = StopSummary(self._ledger.number, observer.cpu, Action.STEP, reply_text(stop), arrival.registers["rip"])
        self._ledger.announce(brief)  # before anybody is told: the next request may come while the lines are read
        told(brief)
        await self._remote.read_lines(lines_of(arrival.registers))
        snapshot = observer.look_lightly(arrival)
        self._ledger.keep_later(brief.number, lambda: snapshot)
        self._ledger.newest_is(snapshot)
        return brief

    async def explain_newest(self) -> None:
        """Read what a step was content without, while the guest still stands there."""
        snapshot = self._ledger.take_unexplained()
        if snapshot is not None and not self.ended and not self._remote.running:
            self._ledger.complete(await self._observer.complete(snapshot))

    async def resume(self, *, only: int | None = None) -> StopRecord:
        """Run to the next stop that the user wants to see, or to a caught event. Publishes and returns it. ``only`` is
        the one vCPU that runs, the others held."""
        runner = self._runner
        runner.begin(stepping=False, only=only)
        self._publish(Resumed())
        while True:
            snapshot = await runner.run()
            wanted = await self._wanted(snapshot, self._ledger.number)
            if wanted or runner.interrupted:  # who asked for a stop takes any: a busy breakpoint comes before 0x03
                asked = runner.interrupted and (is_pause(snapshot.stop) or not wanted)
                went = Action.STEP if runner.stuck else Action.CONTINUE
                return self._keep(snapshot, Action.INTERRUPT if asked else went)

    async def interrupt(self) -> None:
        """Make a running `resume` or `run_steps` return; may be called from another task. No-op when stopped."""
        try:
            await self._runner.interrupt()
        except CannotBreakIn as error:
            self.say(str(error))

    async def _wanted(self, snapshot: Snapshot, stop_number: int) -> bool:
        """Ask ignore counts and conditions of the breakpoints that were hit; a stop without any is wanted."""
        numbers = hits(self._table, snapshot)
        wanted = not numbers
        for number in numbers:
            row = self._table.get(number)
            if row is None or (row.predicate is not None and not await row.predicate()):
                continue
            if row.test is not None and not await row.test(await self._glance()):
                continue
            row.hits += 1
            if row.ignore > 0:
                row.ignore -= 1
                continue
            wanted, row.hit_at = True, stop_number
            if row.temporary:
                await self._table.remove(number)
        return wanted

    def _keep(self, snapshot: Snapshot, action: Action) -> StopRecord:
        self.ended = self.ended or not isinstance(snapshot.stop, Stopped)
        return self._ledger.keep(snapshot, action)

    async def _glance(self) -> HitContext:
        return HitContext(await self._remote.read_registers(self.cpu, self.cpu), self.read_memory)

    # -- state, memory ----------------------------------------------------------------------------------------

    async def state(self, cpu: int | None = None, *, complete: bool = False) -> CpuState:
        """The state of a vCPU (the selected one) now; a ``complete`` one has the debug registers that were passed over
        at a step, too."""
        return await self._observer.state(self.cpu if cpu is None else cpu, complete=complete)

    async def raw_registers(self, cpu: int | None = None) -> bytes:
        """The stub's own answer to ``g`` for a vCPU (the selected one), hex digits as `layout` orders them."""
        return await self._remote.read_registers(self.cpu if cpu is None else cpu, self.cpu)

    def kept_registers(self, cpu: int) -> bytes | None:
        """`raw_registers`, where they were read since the guest stopped."""
        return self._remote.kept_registers(cpu)

    def kept_memory(self, address: int, length: int) -> bytes | None:
        """`read_memory`, where all of it was read since the guest stopped."""
        data = self._remote.kept_memory(address, length)
        return None if data is None else self._table.unpatched(address, data)

    async def read_ahead(self) -> None:
        """Read what a debugger asks for at every stop: the code at RIP and the top of the stack."""
        seen = self._observer.seen
        if seen is not None and not self.ended and self._remote.pipelined:
            await self._remote.read_lines(lines_of(seen.state.registers | {"rip": seen.state.pc}))

    async def read_memory(self, address: int, length: int) -> bytes:
        """Linear memory as the guest sees it, our own int3s taken out. Raises `Refused` naming the first bad page."""
        return await self._table.read_memory(address, length)

    async def write_memory(self, address: int, data: bytes) -> None:
        await self._table.write_memory(address, data)
        self._observer.stale = True

    async def set_register(self, name: str, value: int, cpu: int | None = None) -> None:
        """Write one register of a vCPU (the selected one) by our name (``rflags``). Debug registers can't be written
        here."""
        cpu = self.cpu if cpu is None else cpu
        await self._remote.select(cpu)
        await self._remote.write_register("eflags" if name == "rflags" else name, value)
        if cpu != self.cpu:
            await self._remote.select(self.cpu)
        self._observer.stale = True

    async def monitor(self, command: str) -> str:
        """The stub's own monitor. What it changes is read again."""
        text = await self._remote.monitor(command)
        self._observer.stale = True
        return text

    async def select_cpu(self, cpu: int) -> None:
        """Make ``cpu`` the one that is stepped and shown."""
        self._remote.thread(cpu)
        self._observer.cpu = cpu
        await self._remote.select(cpu)
        await self._observer.read_again(cpu)

    # -- breakpoints ------------------------------------------------------------------------------------------

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
        owner: int | None = None,
        test: Condition | None = None,
    ) -> Breakpoint:
        """Arm a breakpoint at a linear address; ``catch`` finds its address in the guest's IDT, now and later."""
        if kind == "catch":
            means = self._profile.catch_by if means == "auto" else means
            await self._mark_lidt()
        row = await self._table.add(
            kind,
            address,
            length,
            means=means,
            temporary=temporary,
            vector=vector,
            text=text,
            hidden=hidden,
            owner=owner,
            test=test,
        )
        if kind == "catch":
            self._runner.look_soon()
            await self._catcher.refresh(await self.state())
        return row

    async def delete_breakpoint(self, number: int) -> None:
        await self._table.remove(number)
        await self._catcher.refresh(await self.state())

    async def enable_breakpoint(self, number: int, enabled: bool) -> None:
        await self._table.enable(number, enabled)
        await self._catcher.refresh(await self.state())

    async def _mark_lidt(self) -> None:
        """Once, before the guest has booted: mark the LIDT instructions of its image, given or found in its memory."""
        hints, self._hints = self._hints, None
        state = await self.state()
        if hints is None or state.tables is None or state.registers.get("cr0", 0) & CR0_PE:
            return
        if not hints and self.capabilities.monitor:
            hints = await find_loaded_lidt(self._remote.monitor, self.read_memory)
        await self._catcher.hint(hints, self._sure)
