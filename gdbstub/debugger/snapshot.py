"""From what was read at a stop to the record of it: evidence, explanation, record. Plain functions of their input."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from gdbstub.backends.interface import LastStop
from gdbstub.debugger.breakpoints import BreakpointTable
from gdbstub.debugger.record import CaughtEvent, StopRecord
from gdbstub.explain.evidence import (
    ABSENT,
    NOTHING_KNOWN,
    Action,
    CodeBytes,
    CpuFacts,
    Evidence,
    Fact,
    Known,
    Platform,
    SteppedOver,
    T,
    Unknown,
)
from gdbstub.explain.explain import explain
from gdbstub.explain.explanation import Explanation
from gdbstub.explain.stop_facts import known
from gdbstub.protocol.stops import BreakReason, Stop, Stopped, Watch
from gdbstub.x86.breakpoints import ArmedBreakpoint, BreakpointKind
from gdbstub.x86.cpu_state import CpuState, DebugState
from gdbstub.x86.decode import shape
from gdbstub.x86.exceptions import Frame, TripleFault
from gdbstub.x86.registers import TF, Mode

_ACTIONS: dict[Action, Fact[Action]] = {action: Known(action, "our own request") for action in Action}
_AT_HANDLER: tuple[Fact[bool], Fact[bool]] = (
    Known(False, "our table of caught handlers"),
    Known(True, "our table of caught handlers"),
)
_MODES: dict[Mode, Fact[Mode]] = {16: Known(16, "CS"), 32: Known(32, "CS"), 64: Known(64, "CS")}
_CPLS = tuple(Known(cpl, "CS") for cpl in range(4))
_NO_VECTOR = Unknown("the stop is not at a caught handler")
_NO_FRAME = Unknown("the handler's stack could not be read")
_NO_LAST = Unknown("no event was caught before")
_NO_EXIT = Unknown("no stub shows the DR6 and DR7 of the exit")
_OLD_EXIT = Unknown("the guest was paused, and the last exit of the vCPU is an older one")
_NO_MODE = Unknown("this stub shows neither control registers nor the hidden part of CS")
_SAID = "set architecture"
_NO_CPL = Unknown("this stub does not show CS")
SIGTRAP = 5
STEPPED_AGAIN = "the stub first reported a step that ran nothing; dr6 stepped again"
GONE = CpuState(0, {"rip": 0}, DebugState(), 64, None)
"""Stands where there is no vCPU left to read."""
PUT_BACK = "registers, where dr6 put RIP back from behind its int3"


class Snapshot(NamedTuple):
    """All that was read at one stop. ``reply`` is what the stub said, ``stop`` the same with the reasons that count.
    ``before`` is what was last seen of this vCPU, None on the first stop."""

    stop: Stop
    reply: Stop
    state: CpuState
    code: bytes
    moment: CpuFacts
    before: CpuFacts | None
    event: CaughtEvent | None = None
    windows: tuple[CodeBytes, ...] = ()
    frame_mode: Mode | None = None
    last_frame: Frame | None = None
    armed: tuple[ArmedBreakpoint, ...] = ()
    doubts: tuple[str, ...] = ()
    """What keeps the event from being surely that of its vector."""
    retried: int = 0
    """How often the step was done again, since the stub reported one that ran nothing."""
    taken: CaughtEvent | None = None
    """What a step ended in, where nobody had caught it."""
    triple_fault: TripleFault | None = None
    """As in `Evidence`, where a log told of one."""
    instead_of: int | None = None
    """Likewise."""

    @property
    def as_last(self) -> LastStop:
        """The same as the hooks of a backend may see it."""
        rip = None if self.before is None else known(self.before.rip)
        return LastStop(self.stop, self.state, self.code, rip)


def evidence_of(
    snapshot: Snapshot,
    action: Action,
    platform: Platform,
    stepped: tuple[SteppedOver, ...],
    *,
    rip_as_reported: bool = True,
) -> Evidence:
    """What `explain` may know of this stop. Where dr6 put RIP back on a breakpoint it is RIP as the stub had it, if
    explanations know of this backend that it leaves RIP behind (``rip_as_reported``); else as it is now."""
    state, event = snapshot.state, snapshot.event or snapshot.taken
    vector: Fact[int] = _NO_VECTOR
    handler: Fact[int] = _NO_VECTOR
    frame: Fact[Frame] = _NO_VECTOR
    if event is not None:
        vector = Known(event.vector, "IDT")
        handler = _NO_VECTOR if event.handler is None else Known(event.handler, "IDT")
        frame = _NO_FRAME if event.frame is None else Known(event.frame, "guest stack")
    after, windows = snapshot.moment, snapshot.windows
    if _was_put_back(snapshot):
        if rip_as_reported:
            after, windows = _as_reported(snapshot)
        else:
            after = replace(after, rip=Known(state.rip, PUT_BACK))
    return Evidence(
        platform=platform,
        reply=Known(snapshot.reply, "stop reply"),
        action=_ACTIONS[action],
        mode=_mode_of(state),
        cpl=_NO_CPL if state.cpl is None else _CPLS[state.cpl],
        before=snapshot.before or NOTHING_KNOWN,
        after=after,
        vector=vector,
        at_handler=_AT_HANDLER[snapshot.event is not None],
        handler=handler,
        frame=frame,
        frame_mode=_NO_VECTOR if snapshot.frame_mode is None else _MODES[snapshot.frame_mode],
        last_frame=_NO_LAST if snapshot.last_frame is None else Known(snapshot.last_frame, "guest stack"),
        code=windows,
        breakpoints=Known(snapshot.armed, "our table"),
        exit_dr6=_of_exit(snapshot, state.debug.exit.dr6),
        exit_dr7=_of_exit(snapshot, state.debug.exit.dr7),
        exit_event=_of_exit(snapshot, state.debug.exit.event),
        instead_of=ABSENT if snapshot.instead_of is None else Known(snapshot.instead_of, "QEMU's log"),
        triple_fault=ABSENT if snapshot.triple_fault is None else Known(snapshot.triple_fault, "QEMU's log"),
        stepped=stepped,
    )


def _of_exit(snapshot: Snapshot, value: T | None) -> Fact[T]:
    """What the hypervisor keeps of a vCPU's last exit is of this stop only where that exit stopped the guest."""
    debug, left = snapshot.state.debug, snapshot.state.debug.exit
    if value is None:
        return _NO_EXIT
    trapped = isinstance(snapshot.reply, Stopped) and snapshot.reply.signal == SIGTRAP
    said = trapped or left.event is not None or left.source is None
    return Known(value, left.source or debug.source) if said else _OLD_EXIT


def _mode_of(state: CpuState) -> Fact[Mode]:
    if state.shows_mode:
        return _MODES[state.mode]
    return _NO_MODE if state.architecture is None else Known(state.architecture, _SAID)


def _was_put_back(snapshot: Snapshot) -> bool:
    """Did dr6 put RIP back on a breakpoint, since the stub reports what is behind the int3?"""
    return _at_software_breakpoint(snapshot.stop) and not _at_software_breakpoint(snapshot.reply)


def _at_software_breakpoint(stop: Stop) -> bool:
    return isinstance(stop, Stopped) and BreakReason.SOFTWARE in stop.reasons


def _as_reported(snapshot: Snapshot) -> tuple[CpuFacts, tuple[CodeBytes, ...]]:
    """RIP as the stub had it, behind the int3, and the guest's own code around it."""
    pc, code = snapshot.state.pc, snapshot.code
    rip = Known((snapshot.state.rip + 1) & 0xFFFF_FFFF_FFFF_FFFF, "registers")
    here: Fact[bytes] = Known(code[1:], "guest memory") if code[1:] else snapshot.moment.bytes
    return replace(snapshot.moment, rip=rip, bytes=here), (*snapshot.windows, CodeBytes(pc, code))


def record_of(snapshot: Snapshot, number: int, action: Action, evidence: Evidence, seconds: float) -> StopRecord:
    """Explain and keep."""
    return StopRecord(
        number,
        snapshot.state.cpu,
        action,
        snapshot.stop,
        snapshot.state,
        evidence,
        _doubtful(explain(evidence), snapshot.doubts) if snapshot.doubts else explain(evidence),
        snapshot.code,
        snapshot.event,
        seconds,
        snapshot.retried,
        (STEPPED_AGAIN,) if snapshot.retried else (),
    )


def _doubtful(explanation: Explanation, doubts: tuple[str, ...]) -> Explanation:
    """The same with its doubts, and nothing more than possible."""
    causes = tuple(cause._replace(confidence="possible") for cause in explanation.causes)
    return replace(explanation, causes=causes, unknowns=explanation.unknowns + doubts)


def hits(table: BreakpointTable, snapshot: Snapshot) -> list[int]:
    """Numbers of the user's breakpoints that this stop satisfies, and of hidden ones that have a condition."""
    if not isinstance(snapshot.stop, Stopped):
        return []
    watched = [reason.address for reason in snapshot.stop.reasons if isinstance(reason, Watch)]
    pc, event = snapshot.state.pc, snapshot.event
    found = []
    for row in table:
        if (row.hidden and row.predicate is None) or not row.enabled or row.removal_pending or row.address is None:
            continue
        if row.kind is BreakpointKind.CATCH:
            met = event is not None and row.vector == event.vector
        elif row.kind is BreakpointKind.EXECUTE:
            met = row.address == pc
        else:
            met = any(row.address <= address < row.address + row.length for address in watched)
        if met:
            found.append(row.number)
    return found


SAVES_RFLAGS = frozenset(("pushf", "gate"))
"""Traits of instructions that store RFLAGS, with the TF of a debugger's step in it."""


class Leak(NamedTuple):
    """An instruction that may have saved a step's TF, and RSP in front of it (None: not known)."""

    stepped: SteppedOver
    rsp: int | None


def leaked_tf(snapshot: Snapshot) -> Leak | None:
    """What this step ran, if it may have saved the step's own TF in guest memory."""
    before = snapshot.before
    if before is None or isinstance(before.bytes, Unknown) or isinstance(before.rip, Unknown):
        return None
    what = shape(before.bytes.value, snapshot.state.mode)
    if what is None or SAVES_RFLAGS.isdisjoint(what.traits):
        return None
    base = 0 if isinstance(before.cs_base, Unknown) else before.cs_base.value
    rsp = None if isinstance(before.rsp, Unknown) else before.rsp.value
    return Leak(SteppedOver(base + before.rip.value, what.bytes), rsp)


ONE_STACK = 0x10000
"""Bytes within which two stack pointers are taken to be of one stack."""


def may_leak(leak: Leak, snapshot: Snapshot) -> bool:
    """Whether the RFLAGS that were saved can still bring TF back. Where the guest's code stands with TF clear and
    RSP is back above what was pushed, they are gone."""
    rsp, rflags = snapshot.state.registers.get("rsp"), snapshot.state.registers.get("rflags")
    if snapshot.event is not None:
        frame = snapshot.event.frame
        rsp, rflags = (None, None) if frame is None else (frame.rsp, frame.rflags)
    if leak.rsp is None or rsp is None or rflags is None or rflags & TF:
        return True
    return not 0 <= rsp - leak.rsp < ONE_STACK
