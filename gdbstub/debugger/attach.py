"""One guest behind one stub: shaking hands, finding out what the stub is, and leaving it tidy.

What is done with the guest in between is in `gdbstub.debugger.running` and `gdbstub.debugger.debugger`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from trio.abc import Stream

from gdbstub.backends import Parts, Stub, backend_named, identify
from gdbstub.backends.generic import GENERIC
from gdbstub.debugger.boot_walk import BootWalk
from gdbstub.debugger.breakpoints import BreakpointTable
from gdbstub.debugger.cpu_reader import CpuReader
from gdbstub.debugger.deferred_requests import DeferredRequests
from gdbstub.debugger.events import DebuggerEvent, Disconnected, Output
from gdbstub.debugger.light_steps import LightSteps
from gdbstub.debugger.options import DEFAULTS, DebuggerOptions
from gdbstub.debugger.physical_points import PhysicalPoints
from gdbstub.debugger.process_target import ProcessTarget
from gdbstub.debugger.record import StopRecord
from gdbstub.debugger.run_control import RunControl
from gdbstub.debugger.snapshot import Snapshot
from gdbstub.debugger.stop_log import StopLog
from gdbstub.debugger.stop_reader import StopReader
from gdbstub.debugger.vector_catch import VectorCatch
from gdbstub.errors import CannotBreakIn, GdbError, Refused, Unsupported
from gdbstub.explain.evidence import Action, Platform
from gdbstub.protocol.fields import ThreadId
from gdbstub.protocol.layout import RegisterLayout
from gdbstub.protocol.stops import Stopped
from gdbstub.remote.capabilities import BackendInfo, Capabilities
from gdbstub.remote.handshake import greet
from gdbstub.remote.target import RemoteTarget

NOT_LET_GO = (
    "The stub was left within the handshake, and did not say that the guest runs on: QEMU stops it when somebody "
    "connects ('cont' in its monitor lets it go)."
)


class Attachment:
    """The wire, the parts that go with the kind of stub, and who listens."""

    def __init__(self, stream: Stream, target: str, options: DebuggerOptions = DEFAULTS) -> None:
        """``target`` is the name for people."""
        self.stream = stream
        self.target = target
        """The name for people."""
        self.ended = False
        """Is the guest gone, or left?"""
        self.deferred = DeferredRequests()
        self._options = options
        self._unheard: list[DebuggerEvent] = []
        self._listeners: list[Callable[[DebuggerEvent], None]] = []
        self._log = StopLog(options.history, self._publish)
        self._remote = RemoteTarget(
            stream,
            shortcut=options.shortcut,
            on_output=self.guest_output,
            on_lost=self._on_lost_connection,
            break_in=options.break_in,
            exit_reason=self._exit_reason,
        )
        self.process = ProcessTarget(self._remote)
        """What is behind the stub, where that is no machine."""
        self._stub = Stub(self._remote, target, self.say)
        self._assemble(GENERIC.plain_parts(self._stub, GENERIC.unknown))

    def _assemble(self, parts: Parts) -> None:
        """Put everything together around what the backend brings."""
        remote, backend, hooks = self._remote, parts.backend, parts.hooks
        self._parts = parts
        self._log.leaks_tf = backend.steps_by_tf
        self._log.rip_as_reported = backend.explains.int3_leaves_rip_behind
        remote.pipelined = backend.pipelined
        remote.learn(backend.dialect)
        points = PhysicalPoints(parts.points, parts.capabilities, parts.slot_of)
        self._table = table = BreakpointTable(points)
        self._catcher = catcher = VectorCatch(table, watch_gates=not parts.capabilities.hardware_hides_guest)
        reader = CpuReader(remote, parts.source)
        self._reader = StopReader(
            *(remote, reader, points, catcher, hooks),
            stray_watches=backend.stray_watches,
            frames_of_steps=self._options.frames_of_steps,
        )
        self._walk = walk = BootWalk(self._reader, table, catcher)
        self._runner = RunControl(
            remote, backend, self._reader, table, catcher, hooks, self._options.pace, self.say, self.deferred, walk
        )
        self._light = LightSteps(remote, self._reader, self._runner, points, catcher, self.deferred, self._log, backend)

    # -- what it is -----------------------------------------------------------------------------------------

    @property
    def backend(self) -> BackendInfo:
        """Which kind of stub it is, and what it told of itself."""
        return self._parts.found

    @property
    def capabilities(self) -> Capabilities:
        """What may be asked of this target."""
        return self._parts.capabilities

    @property
    def running(self) -> bool:
        """Does the guest run, as far as can be known?"""
        return self._remote.running

    @property
    def lost(self) -> str | None:
        """Why there is no stub any more, or None."""
        return self._remote.lost

    @property
    def layout(self) -> RegisterLayout:
        """The stub's own registers, and their places in `Debugger.raw_registers`."""
        return self._remote.layout

    @property
    def goes_back(self) -> dict[str, bool]:
        """Which ways back the stub offers, by the names of ``qSupported``."""
        features = self._remote.features
        return {"ReverseStep": features.reverse_step, "ReverseContinue": features.reverse_continue}

    def thread(self, cpu: int) -> ThreadId:
        """The stub's name for a vCPU. Raises `GdbError` for one that does not exist."""
        return self._remote.thread(cpu)

    async def ask_stub(self, payload: bytes) -> bytes:
        """A packet that dr6 has no word for, as it is (no ``$``, not escaped), and its answer as it is: errors and the
        empty packet too. One that sets something (``Q``) may change the guest: all is read again behind it."""
        if payload[:1] == b"Q":
            self._remote.forget()
            self._reader.stale = True
        try:
            return await self._remote.request(payload)
        except Unsupported:
            return b""
        except Refused as refusal:
            return b"E" + refusal.code.encode("latin-1")

    @property
    def platform(self) -> Platform:
        """Who runs the guest, as evidence has it."""
        return self._log.platform

    # -- who hears what happens -----------------------------------------------------------------------------

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

    def _publish(self, notice: DebuggerEvent) -> None:
        if not self._listeners and isinstance(notice, Output):
            self._unheard.append(notice)
        for listener in self._listeners:
            listener(notice)

    async def _exit_reason(self) -> str:
        """What the transport knows of the end."""
        words = "" if self._options.exit_reason is None else await self._options.exit_reason()
        await self._parts.cleanup.connection_lost()
        return words

    def _on_lost_connection(self, why: str) -> str:
        """The end, with what of ours stays behind it."""
        whole = " ".join((why, *self._parts.cleanup.remains()))
        self._publish(Disconnected(whole))
        return whole

    # -- attach and leave -----------------------------------------------------------------------------------

    async def attach(self) -> StopRecord:
        """Shake hands, find out who the stub is, and publish where the guest stands. Raises `TransportError` where no
        stub answers as one, within 20 seconds in all, and `GdbError` where its guest is gone."""
        name = self._options.backend
        forced = None if name is None else backend_named(name)
        if forced is not None:
            self._remote.learn(forced.dialect)
        stop = await greet(self._remote, self.target)
        if not isinstance(stop, Stopped):
            raise GdbError(f"There is nothing to debug at {self.target}: its guest is gone (the stub says so to ?).")
        backend, found = await identify(self._stub, forced)
        self._assemble(await backend.open(self._stub, found, self._options))
        await self._recover()
        self._log.platform = backend.platform(self.backend)
        self._log.begin()
        return self._keep(await self._reader.read(stop), Action.ATTACH)

    def _keep(self, snapshot: Snapshot, action: Action) -> StopRecord:
        self.process.note(snapshot.stop)
        if not isinstance(snapshot.stop, Stopped):
            self.ended = True
            self._table.target_gone()
        elif (program := snapshot.stop.new_program) is not None:
            self._program_replaced(program)
        able, threads = self.capabilities, self._remote.threads
        if len(threads) > len(able.cpus):  # a process has made some
            self._parts = replace(self._parts, capabilities=replace(able, cpus=tuple(range(len(threads)))))
        return self._log.keep(snapshot, action)

    def _program_replaced(self, program: str) -> None:
        self._remote.inserted.clear()
        if rows := self._table.program_replaced():
            numbers = ", ".join(str(row.number) for row in rows)
            self.say(
                f"The process runs {program} now. Breakpoints at addresses of its former program: {numbers}, disabled."
            )

    async def detach(self, *, resume: bool = True) -> None:
        """Take every breakpoint out and go: the guest runs on, or stays stopped with ``resume=False`` (QEMU leaves it
        so when the connection closes without a detach packet). Raises `GdbError`, once that is done, where the stub did
        not give a breakpoint back."""
        left: tuple[str, ...] = ()
        try:
            if resume and not self.ended and not self._remote.greeted:
                left = () if await self._remote.let_go() else (NOT_LET_GO,)
            elif await self._still_there():
                left = await self._table.clear()
                if resume:
                    await self._runner.take_echo()
                await self._before_leaving()
                self._runner.give_up()
                await self._parts.hooks.leave(resume=resume)
        except CannotBreakIn as error:
            left = (str(error), *self._parts.cleanup.remains())
        finally:
            await self._close()
        if left:
            raise GdbError(" ".join(left))

    async def kill(self) -> None:
        """End the guest (on QEMU: QEMU itself)."""
        try:
            if await self._still_there():
                await self._parts.hooks.kill()
        finally:
            await self._close()

    async def _recover(self) -> None:
        """Undo what sessions before this one could not."""
        await self._parts.cleanup.recover()

    async def _before_leaving(self) -> None:
        """What a layer above has to put back: the guest is stopped, or gone."""

    async def _close(self) -> None:
        await self._before_leaving()
        self.ended = True
        self._parts.cleanup.close()
        await self._remote.aclose()

    async def _still_there(self) -> bool:
        """Is there a stopped guest to tidy? A run that was given up half-way is stopped for it."""
        if self.ended or self._remote.lost is not None or not self._remote.greeted:
            return False
        stop = await self._runner.halt()
        await self._remote.settle_down()
        return stop is None or isinstance(stop, Stopped)

    async def watch_idle(self) -> None:
        """Wait, while nothing else is asked, for the stub to go away; cancel before the next request."""
        await self._remote.watch_idle()
