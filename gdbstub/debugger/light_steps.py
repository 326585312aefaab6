"""Steps of which no more is read than a debugger asks for: the registers, and the memory at RIP and RSP.

For who steps thousands of times and asks why once. Such a step is kept as the stub sent it, and decoded and explained
when somebody looks. It is taken while nobody else gets a turn; whatever is not plain (another mode, a breakpoint of
ours at RIP, a step that takes long, an answer out of the ordinary) is left to who can wait, and read as ever.
"""

from __future__ import annotations

from binascii import hexlify, unhexlify
from collections.abc import Callable
from typing import NamedTuple, TypeGuard

from gdbstub.backends import Backend
from gdbstub.debugger.deferred_requests import DeferredRequests
from gdbstub.debugger.light_stop import CpuAsSent, LightStop
from gdbstub.debugger.linear_pc import linear_rip
from gdbstub.debugger.physical_points import PhysicalPoints
from gdbstub.debugger.record import StopSummary
from gdbstub.debugger.run_control import RunControl
from gdbstub.debugger.snapshot import Snapshot
from gdbstub.debugger.stop_log import StopLog
from gdbstub.debugger.stop_reader import SIGTRAP, StopReader
from gdbstub.debugger.vector_catch import VectorCatch
from gdbstub.errors import Refused
from gdbstub.explain.evidence import Action
from gdbstub.protocol import RegisterLayout, ThreadId, messages
from gdbstub.protocol.stops import Stop, Stopped, parse_stop
from gdbstub.remote.memory_cache import LINE
from gdbstub.remote.target import RemoteTarget
from gdbstub.x86.cpu_state import CpuState
from gdbstub.x86.decode import LONGEST, shape
from gdbstub.x86.instructions import Trait

MILLISECONDS = 20.0
"""What takes longer is waited for with everything else going on."""
MODE_REGISTERS = ("cs", "cr0", "cr4", "efer")
"""Where these are as before, so is the mode of the CPU."""
SELECTORS = ("ss", "ds", "es", "fs", "gs")
"""Outside of 64-bit code these have bases, which change where they do."""
LOADS_SEGMENTS: frozenset[Trait] = frozenset(("descriptor", "gate", "iret", "sysret"))

Told = Callable[[StopSummary], None]


class Rest(NamedTuple):
    """What is left of a step that was no plain one. ``stop``: the guest has stopped, and is to be read; None: it is
    still under way."""

    stop: Stop | None = None


class _PlainStop(NamedTuple):
    """One that was told of. ``raw`` is the answer to ``g``, ``lines`` are to be read yet."""

    number: int
    stop: Stopped
    raw: bytes
    pc: int
    last: Snapshot | LightStop
    lines: tuple[int, ...]

    @property
    def requests(self) -> tuple[bytes, ...]:
        return tuple([messages.read_memory(line, LINE) for line in self.lines])


class LightSteps:
    """Steps a guest from where it was read last."""

    def __init__(
        self,
        remote: RemoteTarget,
        reader: StopReader,
        runner: RunControl,
        points: PhysicalPoints,
        catcher: VectorCatch,
        deferred: DeferredRequests,
        log: StopLog,
        backend: Backend,
    ) -> None:
        self._remote = remote
        self._reader = reader
        self._runner = runner
        self._points = points
        self._catcher = catcher
        self._deferred = deferred
        self._log = log
        self._backend = backend
        self._digits: _Digits | None = None
        self._near: set[int] = set()
        self._lines: tuple[int, ...] = ()
        self._asked: tuple[bytes, ...] = (messages.READ_REGISTERS,)
        self._mode: tuple[CpuState | None, bytes] = (None, b"")
        self._thread: tuple[ThreadId | None, int] | None = None
        """The thread of a stop reply that was found to be of this vCPU."""

    @property
    def may_step(self) -> bool:
        """Is the guest stopped where a step can be a plain one, and does nobody want anything else of it?"""
        last = self._reader.last
        if last is None or self._reader.stale or self._catcher.active or self._deferred.waiting:
            return False
        if self._points.patches_memory or self._remote.running or not self._remote.pipelined:
            return False
        like, pc = (last.state, last.state.pc) if isinstance(last, Snapshot) else (last.at.like, last.pc)
        if self._runner.returns.may_matter(like.debug):  # an IRET there is none that can be stepped lightly
            code = last.code if isinstance(last, Snapshot) else unhexlify(last.at.code)
            if not code or self._runner.returns.is_return(code, like):
                return False
        leaves_breakpoint = self._backend.steps_off_breakpoints or pc not in self._points.marks
        return leaves_breakpoint and like.segments is not None

    @property
    def newest(self) -> StopSummary:
        """The last stop, which was a plain step."""
        assert self._log.newest is not None
        return self._log.newest

    @property
    def pc(self) -> int:
        """Linear RIP there."""
        last = self._reader.last
        assert last is not None
        return last.pc if isinstance(last, LightStop) else last.state.pc

    def step(self, told: Told, *, others: bool = False) -> Rest | None:
        """One step, where `may_step`. None where it was a plain one, of which ``told`` has heard; otherwise what is to
        be waited for."""
        runner, cpu = self._runner, self._reader.cpu
        runner.steps(cpu, others=others)
        self._points.all_in()
        went = self._remote.step_at_once(cpu, MILLISECONDS, others=others)
        if not went.answers:
            token = went.tokens[0] if went.tokens else self._remote.ask_resume(step=cpu, others=others)
            runner.went_ahead(token)
            return Rest()
        stop = parse_stop(went.answers[0])
        if not self._is_plain(stop):
            return Rest(stop)
        asked = self._exchange(self._asked)
        if not asked or (plain := self._tell(stop, asked, told)) is None:
            return Rest(stop)
        self._keep(plain, self._exchange(plain.requests) if plain.lines else ())
        return None

    async def read(self, stop: Stop, told: Told) -> bool:
        """Read the ``stop`` of a step that was taken where `may_step`, as `step` reads it. Was it a plain one?"""
        if not self._is_plain(stop):
            return False
        plain = self._tell(stop, await self._ask(self._asked), told)
        if plain is not None:
            self._keep(plain, await self._ask(plain.requests))
        return plain is not None

    def _is_plain(self, stop: Stop) -> TypeGuard[Stopped]:
        """Does the stop reply say no more than that a step of the selected vCPU is over?"""
        if not isinstance(stop, Stopped) or stop.signal != SIGTRAP or stop.reasons or self._runner.interrupted:
            return False
        if self._thread != (stop.thread, self._reader.cpu):
            if self._remote.cpu_of(stop.thread) not in (self._reader.cpu, None):
                return False
            self._thread = stop.thread, self._reader.cpu
        return True

    def _exchange(self, requests: tuple[bytes, ...]) -> tuple[bytes, ...]:
        asked = self._remote.exchange(requests, MILLISECONDS)
        self._remote.drop(asked.tokens)
        return asked.answers

    async def _ask(self, requests: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """What is refused comes as nothing."""
        answers = []
        for token in [self._remote.ask(request) for request in requests]:
            try:
                answers.append(await self._remote.data(token, "a read at a step"))
            except Refused:
                answers.append(b"")
        return tuple(answers)

    def _tell(self, stop: Stopped, answers: tuple[bytes, ...], told: Told) -> _PlainStop | None:
        """Take the answers to what was asked; tell of the stop where it is a plain one."""
        remote, last = self._remote, self._reader.last
        assert last is not None
        raw, *lines = answers
        cpu, like = self._reader.cpu, last.state if isinstance(last, Snapshot) else last.at.like
        digits = self._digits = self._digits or _Digits(remote.layout)
        if len(raw) != digits.size or b"x" in raw or digits.mode(raw, like.mode) != self._mode_of(like):
            return None
        rip = digits.rip(raw)
        pc = rip if like.mode == 64 else self._linear(last, like, rip)
        if pc is None or pc in self._points.marks or (pc == self.pc and self._may_be_idle(last, raw)):
            return None
        remote.keep_registers(cpu, raw)
        remote.keep_lines(zip(self._lines, lines, strict=True))
        number = self._log.number
        summary = StopSummary(number, cpu, Action.STEP, stop, rip)
        self._log.announce(summary)
        told(summary)
        more = self._look_near({pc & -LINE, pc + LONGEST - 1 & -LINE, rip & -LINE, digits.rsp(raw) & -LINE})
        return _PlainStop(number, stop, raw, pc, last, more)

    def _may_be_idle(self, last: Snapshot | LightStop, raw: bytes) -> bool:
        """May the step have run nothing, as this stub's do now and then? Who reads it whole decides."""
        return self._backend.idle_steps and (isinstance(last, Snapshot) or last.at.registers == raw)

    def _look_near(self, near: set[int]) -> tuple[int, ...]:
        """The next stop is likely to be near this one: ``near`` is what is asked for there. The lines of it that were
        not asked for here."""
        if near == self._near:
            return ()
        more = tuple(near.difference(self._near))
        self._near, self._lines = near, tuple(near)
        self._asked = (messages.READ_REGISTERS, *[messages.read_memory(line, LINE) for line in near])
        return more

    def _keep(self, plain: _PlainStop, answers: tuple[bytes, ...]) -> None:
        """Remember the stop, while who was told of it is busy with that."""
        if answers:
            self._remote.keep_lines(zip(plain.lines, answers, strict=True))
        reader, last = self._reader, plain.last
        code = self._remote.kept_digits(plain.pc, LONGEST) or b""
        like, before = (last.state, last.moment) if isinstance(last, Snapshot) else (last.at.like, last.at)
        light = LightStop(CpuAsSent(like, plain.raw, code), plain.stop, plain.pc, before, self._points.armed)
        reader.stepped_to(light)
        self._log.keep_later(plain.number, lambda: reader.decoded(light))

    def _mode_of(self, like: CpuState) -> bytes:
        """What `_Digits.mode` is where the CPU is in the mode that ``like`` was in."""
        if self._mode[0] is not like and self._digits is not None:
            self._mode = like, self._digits.encoded(like.registers, like.mode)
        return self._mode[1]

    def _linear(self, last: Snapshot | LightStop, like: CpuState, rip: int) -> int | None:
        """RIP with the base of CS; None where an instruction was run that may have loaded a segment register."""
        code = last.code if isinstance(last, Snapshot) else unhexlify(last.at.code)
        ran = shape(code, like.mode) if code else None
        return None if ran is None or not ran.traits.isdisjoint(LOADS_SEGMENTS) else linear_rip(rip, like)


class _Digits:
    """Where in an answer to ``g``, hex digits, the registers stand that decide about a step."""

    def __init__(self, layout: RegisterLayout) -> None:
        spans = {r.name: slice(2 * r.offset, 2 * (r.offset + r.size)) for r in layout.registers}
        wide = "rip" in spans
        self.size = 2 * layout.size
        self._rip, self._rsp = (spans["rip"], spans["rsp"]) if wide else (spans["eip"], spans["esp"])
        self._spans = spans
        self._names = {bits: self._shown(bits == 64) for bits in (16, 32, 64)}
        self._modes = {bits: [spans[name] for name in names] for bits, names in self._names.items()}

    def _shown(self, long: bool) -> list[str]:
        return [name for name in (MODE_REGISTERS if long else (*MODE_REGISTERS, *SELECTORS)) if name in self._spans]

    def mode(self, raw: bytes, bits: int) -> bytes:
        """What stands for the mode of the CPU, and outside of 64-bit code for its segments."""
        return b"".join([raw[span] for span in self._modes[bits]])

    def encoded(self, registers: dict[str, int], bits: int) -> bytes:
        """The same of registers by name."""
        spans = [(name, self._spans[name]) for name in self._names[bits]]
        sizes = [(name, (span.stop - span.start) // 2) for name, span in spans]
        return b"".join([hexlify(registers.get(name, 0).to_bytes(size, "little")) for name, size in sizes])

    def rip(self, raw: bytes) -> int:
        return int.from_bytes(unhexlify(raw[self._rip]), "little")

    def rsp(self, raw: bytes) -> int:
        return int.from_bytes(unhexlify(raw[self._rsp]), "little")
