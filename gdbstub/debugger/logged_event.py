"""An exception that QEMU's log tells of, and no stop: evidence and record, as far as the log goes. Plain functions."""

from __future__ import annotations

from gdbstub.backends.qemu.exception_log import LoggedException
from gdbstub.debugger.record import CaughtEvent, StopRecord
from gdbstub.explain.evidence import ABSENT, Action, CodeBytes, CpuFacts, Evidence, Fact, Known, Platform, Unknown
from gdbstub.explain.explain import explain
from gdbstub.explain.explanation import Explanation
from gdbstub.explain.quirks.lookup import applies
from gdbstub.protocol.stops import Stopped
from gdbstub.x86.breakpoints import ArmedBreakpoint
from gdbstub.x86.cpu_state import CpuState, DebugState
from gdbstub.x86.decode import shape
from gdbstub.x86.exceptions import Frame, vector
from gdbstub.x86.registers import EFER_LMA, RF, Mode

SOURCE = "QEMU's log"
_NOT_STOPPED = Unknown("the guest was not stopped: QEMU's log tells of it")
_NO_FRAME = Unknown("QEMU's log has RIP at the INT3 or INT n itself, and the bytes there are not known")
_NO_BYTES = Unknown("the guest was not stopped, so its memory was not read")
UNKNOWN_CPU = -1
"""QEMU's log names no vCPU."""


def state_of(logged: LoggedException, cpu: int) -> CpuState:
    """The vCPU in front of the delivery, but for DR6, which has the new bits."""
    shown = logged.shown
    control = {"cr0": shown.cr0, "cr2": shown.cr2, "cr3": shown.cr3, "cr4": shown.cr4, "efer": shown.efer}
    selectors = {name: segment.selector for name, segment in shown.segments.items()}
    bases = {"fs_base": shown.segments["fs"].base, "gs_base": shown.segments["gs"].base} if shown.mode == 64 else {}
    registers = {**logged.general, "rip": logged.rip, "rflags": shown.rflags, **selectors, **bases, **control}
    debug = DebugState(*shown.debug[:6], "log")
    return CpuState(cpu, registers, debug, shown.mode, shown.cpl, shown.segments, shown.tables, shown.halted)


NO_FAULTS = frozenset((1, 3, 4, 8, 18))
"""For these QEMU pushes RF as it is (``exception_is_fault`` of its seg_helper.c)."""


def frame_of(logged: LoggedException, code: bytes, *, sets_rf: bool) -> Frame | None:
    """What the CPU pushes, or would have pushed; None where the log does not say where RIP is to go on. ``code`` are
    the bytes at RIP, empty where they are not known. ``sets_rf``: in the frame of a fault, as hardware does. SDM vol.
    3A 6.12-6.14: SS and RSP always in 64-bit mode, else from CPL 3 only."""
    rip, wide = logged.rip, logged.shown.efer & EFER_LMA
    if logged.software:
        what = shape(code, logged.shown.mode) if code else None
        if what is None or "gate" not in what.traits:
            return None
        rip += len(what.bytes)
    error = logged.error_code if vector(logged.vector).has_error_code and not logged.software else None
    rsp, ss = (logged.rsp, logged.ss) if wide or logged.cpl == 3 else (None, None)
    segments, rflags = logged.shown.segments, logged.shown.rflags
    if sets_rf and not logged.software and logged.vector not in NO_FAULTS:
        rflags |= RF
    if logged.shown.mode == 64:
        return Frame(rip, logged.cs, rflags, rsp, ss, error)
    bases = segments["cs"].base, segments["ss"].base
    return Frame(rip, logged.cs, rflags, rsp, ss, error, cs_base=bases[0], ss_base=bases[1])


Explained = dict[tuple[object, ...], Explanation]
"""What was concluded, by all that an explanation without code looks at."""
MOST_EXPLAINED = 4096


def record_of_logged(
    logged: LoggedException,
    number: int,
    cpu: int,
    platform: Platform,
    window: CodeBytes | None,
    seconds: float,
    explained: Explained | None = None,
) -> StopRecord:
    """Explain and keep. ``window`` are bytes around the linear RIP, where somebody knows them. ``explained`` is kept
    from one to the next, of one platform: guests take the same exception over and over, and where no code is known,
    general registers make no difference."""
    state = state_of(logged, cpu)
    at = b"" if window is None else window.bytes[logged.pc - window.address :]
    frame = frame_of(logged, at, sets_rf=not applies("tcg-fault-rf", platform))
    evidence = _evidence(logged, state, platform, window, frame)
    if window is None and explained is not None:
        shown, segments = logged.shown, logged.shown.segments
        key = (
            *(logged.vector, frame, logged.failed, logged.instead_of, segments["cs"]),
            *(shown.efer, shown.cr2, shown.cr4, shown.debug, shown.tables.tr),
        )
        if (known := explained.get(key)) is None:
            if len(explained) >= MOST_EXPLAINED:
                explained.clear()
            known = explained[key] = explain(evidence)
    else:
        known = explain(evidence)
    event = CaughtEvent(logged.vector, None, frame if logged.failed is None else None, "log")
    return StopRecord(number, cpu, Action.CONTINUE, _STOPPED, state, evidence, known, b"", event, seconds)


_STOPPED = Stopped(0)
_OUR_REQUEST = Known(Action.CONTINUE, "our own request")
_AT_HANDLER = Known(True, SOURCE)
_NOTHING_ARMED: Fact[tuple[ArmedBreakpoint, ...]] = Known((), "our table")
_NO_DEBUGCTL = Unknown("QEMU's log does not show DEBUGCTL")


def _evidence(
    logged: LoggedException, state: CpuState, platform: Platform, window: CodeBytes | None, frame: Frame | None
) -> Evidence:
    shown, debug, registers = logged.shown, logged.shown.debug, state.registers
    mode: Mode = 64 if shown.efer & EFER_LMA else state.mode
    if state.mode != 64:
        registers = registers | {f"{name}_base": segment.base for name, segment in shown.segments.items()}
    dr: list[Fact[int]] = [ABSENT if value is None else Known(value, SOURCE) for value in debug[:6]]
    after = CpuFacts(
        *(_NOT_STOPPED, _NOT_STOPPED, _NOT_STOPPED, Known(registers["rcx"], SOURCE), _NOT_STOPPED, _NOT_STOPPED),
        tr=Known(shown.tables.tr.selector, SOURCE),
        cr2=Known(shown.cr2, SOURCE),
        cr4=Known(shown.cr4, SOURCE),
        debugctl=_NO_DEBUGCTL,
        dr0=dr[0],
        dr1=dr[1],
        dr2=dr[2],
        dr3=dr[3],
        dr6=dr[4],
        dr7=dr[5],
        bytes=_NO_BYTES,
        registers=Known(registers, SOURCE),
    )
    return Evidence(
        platform=platform,
        reply=_NOT_STOPPED,
        action=_OUR_REQUEST,
        mode=Known(mode, SOURCE),
        cpl=_NOT_STOPPED,
        after=after,
        vector=Known(logged.vector, SOURCE),
        at_handler=_AT_HANDLER,
        handler=_NOT_STOPPED,
        frame=_frame_fact(logged, frame),
        failed=ABSENT if logged.failed is None else Known(logged.failed, SOURCE),
        unpushed=ABSENT if logged.failed is None or frame is None else Known(frame, SOURCE),
        instead_of=ABSENT if logged.instead_of is None else Known(logged.instead_of, SOURCE),
        frame_mode=Known(state.mode, SOURCE),
        code=() if window is None else (window,),
        breakpoints=_NOTHING_ARMED,
    )


def _frame_fact(logged: LoggedException, frame: Frame | None) -> Fact[Frame]:
    if logged.failed is not None:
        return Unknown(f"none was pushed, since the delivery failed: {logged.failed} came instead")
    return _NO_FRAME if frame is None else Known(frame, SOURCE)
