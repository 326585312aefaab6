"""What a kind of stub is: one object each, a row of `gdbstub.backends.table`.

A `Backend` is what is known before a session, as plain values; `Backend.open` makes the `Parts` of one session with it.
The defaults are those of a stub that does everything itself and shows nothing beside ``g``. The rows are read by
``dr6 --help``, which loads no trio: what a session needs is imported where it is opened.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from gdbstub.errors import Refused
from gdbstub.explain.abilities import UNKNOWN, Abilities
from gdbstub.explain.evidence import Known, Platform
from gdbstub.protocol.stops import Stop, Stopped, Watch
from gdbstub.remote.capabilities import BackendInfo, Capabilities, Dialect
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.cpu_state import CpuState, DebugState
from gdbstub.x86.registers import cpl_by_registers, mode_by_registers

if TYPE_CHECKING:
    from gdbstub.backends.qemu.kvm_run import ExitReader
    from gdbstub.backends.xen.helpers import Helpers
    from gdbstub.remote.link_stream import Token
    from gdbstub.remote.target import RemoteTarget

NO_DEBUG_REGISTERS = DebugState()
AS_GDB_EXPECTS, AS_THE_MANUAL = Capabilities(), Dialect()
ReadMemory = Callable[[int, int], Awaitable[bytes]]


async def yes(question: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class OpenOptions:
    """What a session is given from outside. ``backend`` names a row, for a stub that is not to be asked. ``break_in``
    stops a running guest where 0x03 does not. ``helpers`` are those of the domain in Xen's dom0; ``journals`` is the
    folder where it is kept what is written into guests (None: nothing is kept); ``may_restore`` is asked, with a
    question for the user, before what a dr6 that died left there is taken out. ``exits`` reads KVM's side of a stop on
    QEMU's host. ``watch_leaving``: for how many seconds a guest that is left is listened to, where that can be."""

    backend: str | None = None
    break_in: Callable[[], Awaitable[None]] | None = None
    helpers: Helpers | None = None
    exits: ExitReader | None = None
    journals: Path | None = None
    may_restore: Callable[[str], Awaitable[bool]] = yes
    watch_leaving: float | None = None


class Stub:
    """A stub that was greeted, for those who find out what it is. ``target`` is the name for people, ``say`` takes
    messages for the user."""

    def __init__(self, remote: RemoteTarget, target: str, say: Callable[[str], None] = lambda text: None) -> None:
        self.remote = remote
        self.target = target
        self.say = say
        self._answers: dict[str, str] = {}

    @property
    def offers(self) -> bool:
        """Did it name features in the handshake?"""
        return bool(self.remote.features.raw)

    @property
    def cpus(self) -> tuple[int, ...]:
        return tuple(range(max(len(self.remote.threads), 1)))

    async def answer(self, command: str) -> str:
        """What its monitor prints, asked once; empty where it has none, or not this command."""
        if command not in self._answers:
            try:
                self._answers[command] = await self.remote.monitor(command)
            except Refused:
                self._answers[command] = ""
        return self._answers[command]


class BreakpointTarget(Protocol):
    """Who puts breakpoints into the guest: the stub (`RemoteTarget`), or `Int3Breakpoints` for one that can't."""

    async def insert(self, kind: BreakpointKind, address: int, length: int) -> None: ...

    async def remove(self, kind: BreakpointKind, address: int, length: int) -> None: ...

    async def read_memory(self, address: int, length: int) -> bytes: ...

    def kept_memory(self, address: int, length: int) -> bytes | None: ...

    async def write_memory(self, address: int, data: bytes) -> None: ...


class LastStop(NamedTuple):
    """What hooks may know of the stop that the guest goes on from. ``code`` are the bytes at its linear RIP, ``before``
    is RIP where the guest was resumed to it (None: not known)."""

    stop: Stop
    state: CpuState
    code: bytes
    before: int | None


class StopHooks:
    """What has to be done around stops, beside asking and resuming; here nothing."""

    keeps_code = False
    """Is it worth while to keep code that was read over a step (`CodeWindow`)?"""

    def __init__(self, remote: RemoteTarget) -> None:
        self._remote = remote

    async def stopped_vcpu(self, stop: Stopped) -> int | None:
        """The vCPU that stopped; None where the stub does not tell."""
        return self._remote.cpu_of(stop.thread)

    async def fix_up_stop(self, stop: Stopped, cpu: int, registers: dict[str, int]) -> tuple[Stopped, dict[str, int]]:
        """The stop and the registers of vCPU ``cpu`` as they count, once what the stub left undone is done."""
        return stop, registers

    async def before_resume(self, seen: LastStop | None) -> dict[str, int]:
        """Make the guest able to go on from ``seen``; the registers, by our names, that were changed for that."""
        return {}

    async def made_no_progress(self, stop: Stop) -> bool:
        """Did the resume run nothing, for reasons of the stub's own? Then it has to be done again."""
        return False

    def wants_code_before(self, stop: Stopped) -> bool:
        """Does what lies in front of RIP tell why the guest stopped?"""
        return any(isinstance(why, Watch) for why in stop.reasons)

    def on_interrupt(self) -> None:
        """The guest was asked to stop while it ran."""

    async def leave(self, *, resume: bool) -> None:
        """The last word to a stub whose breakpoints are out: the guest runs on, or (without one, of QEMU) is left."""
        if resume:
            await self._remote.detach()

    async def kill(self) -> None:
        """End the guest."""
        await self._remote.kill()


class Stepped(NamedTuple):
    """What a step began with: the state, and the guest's bytes at its RIP."""

    state: CpuState
    code: bytes


class StateSource:
    """Where that of a stopped vCPU comes from which ``g`` does not show: debug registers, descriptor tables, the hidden
    parts of segments. Here nowhere."""

    shows_tables = False
    """Does it show descriptor tables and hidden parts?"""

    async def ask(self, cpu: int) -> Token | None:
        """Queue a request that leaves together with ``g``, for a selected vCPU; None where none is wanted. The vCPU
        stands still as long as this takes, and perhaps no longer."""
        return None

    async def state(self, cpu: int, asked: Token | None, registers: dict[str, int], step: Stepped | None) -> CpuState:
        """All of it. ``asked`` is what `ask` gave, ``step`` the step that ended here (None: something else)."""
        return state_of_g(cpu, registers)


def state_of_g(cpu: int, registers: dict[str, int], debug: DebugState = NO_DEBUG_REGISTERS) -> CpuState:
    """A state of nothing but the answer to ``g``, by our names, and perhaps debug registers. A segment's
    D and L bits are not in ``g``, so the mode is what the other registers tell of it."""
    mode = mode_by_registers(registers)
    return CpuState(cpu, registers, debug, mode, cpl_by_registers(registers, mode))


class Cleanup:
    """What a session has written into the guest beyond the stub's own breakpoints, and what became of it. Here nothing:
    a stub takes its own out."""

    async def recover(self) -> None:
        """Take out what sessions before this one could not."""

    def remains(self) -> tuple[str, ...]:
        """What stays in a guest that can't be reached any more, for people."""
        return ()

    async def connection_lost(self) -> None:
        """There is no stub any more; the guest may be gone, and what was in it."""

    def close(self) -> None:
        """The session is over."""


async def no_lidt(read_memory: ReadMemory) -> tuple[int, ...]:
    return ()


async def no_kernel() -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Parts:
    """One session with a stub. ``points`` puts breakpoints into the guest; ``slot_of`` says which debug register one of
    those of ``points`` was in when the guest went, where that is known. ``find_lidt`` searches a guest that has not
    booted yet for LIDT instructions; ``find_kernel`` names the file that the stub's machine has its kernel from."""

    backend: Backend
    found: BackendInfo
    capabilities: Capabilities
    points: BreakpointTarget
    hooks: StopHooks
    source: StateSource
    cleanup: Cleanup
    slot_of: Callable[[BreakpointKind, int, int], int | None] | None = None
    find_lidt: Callable[[ReadMemory], Awaitable[tuple[int, ...]]] = no_lidt
    find_kernel: Callable[[], Awaitable[str | None]] = no_kernel


class DoctorQuestions(NamedTuple):
    """What ``dr6 doctor`` may ask about the stub itself: requests for the bits of a step and those in force, monitor
    commands for the guest's status, and for a text that a monitor has in any case."""

    step_bits: bytes | None = None
    step_mask: bytes | None = None
    status: str | None = None
    help: str = "help"


NO_QUESTIONS = DoctorQuestions()


@dataclass(frozen=True, kw_only=True)
class Backend:
    """A kind of stub; the facts are measured (docs/backends.md).

    ``pipelined``: several requests may be on the wire, acks may lag. ``steps_off_breakpoints``: ``s`` from
    a breakpoint's address runs the instruction instead of reporting the breakpoint again (``c`` does so nowhere).
    ``steps_by_tf``: a step sets TF in the guest's RFLAGS, so PUSHF and interrupt frames can save it.
    ``repeats_watches``: after a step that hits a watchpoint, the next resume stops at once, without progress.
    ``idle_steps``: now and then a step is reported that ran nothing; it is done again, once.
    ``stray_watches``: a stop may carry a watch address that no watchpoint covers (one that was removed).
    ``catch_by``: how a handler's entry is watched so that the guest's own debug registers keep working.
    ``uses_kvm``: Linux's KVM runs the guest. ``emulates``: what it departs in follows from its own version; otherwise
    it also depends on a host's kernel, or CPU. ``logs_exceptions``: its monitor has ``log int``
    (`gdbstub.backends.qemu.exception_log`). ``explains``: what explanations may say of it.
    """

    name: str
    title: str
    pipelined: bool = False
    steps_off_breakpoints: bool = False
    steps_by_tf: bool = False
    repeats_watches: bool = False
    idle_steps: bool = False
    stray_watches: bool = False
    catch_by: Literal["hw", "sw"] = "sw"
    uses_kvm: bool = False
    emulates: bool = False
    logs_exceptions: bool = False
    capabilities: Capabilities = AS_GDB_EXPECTS
    dialect: Dialect = AS_THE_MANUAL
    questions: DoctorQuestions = NO_QUESTIONS
    explains: Abilities = UNKNOWN

    async def recognise(self, stub: Stub) -> BackendInfo | None:
        """What is known of the stub if it is of this kind, else None. Never raises for another kind of stub."""
        return None

    def contradicted_by(self, stub: Stub, found: Backend) -> str:
        """What is wrong, in a sentence, where the user or the address says that the stub is of this kind and its
        answers make it ``found``; empty where that may be."""
        return ""

    def platform(self, found: BackendInfo) -> Platform:
        """Who runs the guest, as evidence."""
        return replace(self.facts(found), abilities=self.explains)

    def facts(self, found: BackendInfo) -> Platform:
        """What is known of who runs it, and where each fact is from."""
        return Platform(backend=Known(self.name, "the name that the user gave"))

    def state_source(self, remote: RemoteTarget) -> StateSource:
        return StateSource()

    async def open(self, stub: Stub, found: BackendInfo, options: OpenOptions) -> Parts:
        """The parts of a session with ``stub``. Raises `TransportError` where there can be none."""
        return self.plain_parts(stub, found)

    def plain_parts(self, stub: Stub, found: BackendInfo) -> Parts:
        """Those of a stub that does everything itself."""
        remote = stub.remote
        can = replace(self.capabilities, cpus=stub.cpus)
        return Parts(self, found, can, remote, StopHooks(remote), self.state_source(remote), Cleanup())
