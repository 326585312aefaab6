"""An exception that QEMU's log tells of, and no stop: evidence and record, as far as the log goes. Plain functions."""

from __future__ import annotations

from dataclasses import replace

from gdbstub.backends.qemu.exception_log import LoggedException
from gdbstub.debugger.cpu_reader import moment
from gdbstub.debugger.record import CaughtEvent, StopRecord
from gdbstub.explain.evidence import Action, CodeBytes, Evidence, Fact, Known, Platform, Unknown
from gdbstub.explain.explain import explain
from gdbstub.protocol.stops import Stopped
from gdbstub.x86.cpu_state import CpuState
from gdbstub.x86.decode import shape
from gdbstub.x86.exceptions import Frame, vector
from gdbstub.x86.registers import Mode

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
    debug = shown.debug._replace(source="log")
    return CpuState(cpu, registers, debug, shown.mode, shown.cpl, shown.segments, shown.tables, shown.halted)


def frame_of(logged: LoggedException, code: bytes) -> Frame | None:
    """What the CPU pushes; None where the log does not say where RIP is to go on. ``code`` are the bytes at RIP, empty
    where they are not known. SDM vol. 3A 6.12-6.14: SS and RSP always in 64-bit mode, else from CPL 3 only."""
    rip, wide = logged.rip, logged.shown.efer & EFER_LMA
    if logged.software:
        what = shape(code, logged.shown.mode) if code else None
        if what is None or "gate" not in what.traits:
            return None
        rip += len(what.bytes)
    error = logged.error_code if vector(logged.vector).has_error_code and not logged.software else None
    rsp, ss = (logged.rsp, logged.ss) if wide or logged.cpl == 3 else (None, None)
    segments = logged.shown.segments
    frame = Frame(rip, logged.cs, logged.shown.rflags, rsp, ss, error)
    if logged.shown.mode == 64:
        return frame
    return frame._replace(cs_base=segments["cs"].base, ss_base=segments["ss"].base)


EFER_LMA = 1 << 10


def record_of_logged(
    logged: LoggedException, number: int, cpu: int, platform: Platform, window: CodeBytes | None, seconds: float
) -> StopRecord:
    """Explain and keep. ``window`` are bytes around the linear RIP, where somebody knows them."""
    state = state_of(logged, cpu)
    at = b"" if window is None else window.bytes[logged.pc - window.address :]
    frame = frame_of(logged, at)
    evidence = _evidence(logged, state, platform, window, frame)
    event = CaughtEvent(logged.vector, None, frame, "log")
    return StopRecord(number, cpu, Action.CONTINUE, Stopped(0), state, evidence, explain(evidence), b"", event, seconds)


def _evidence(
    logged: LoggedException, state: CpuState, platform: Platform, window: CodeBytes | None, frame: Frame | None
) -> Evidence:
    mode: Mode = 64 if logged.shown.efer & EFER_LMA else state.mode
    handler_facts = replace(
        moment(state, b""),
        **dict.fromkeys(("rip", "rflags", "rsp", "cs", "cs_base"), _NOT_STOPPED),
        bytes=_NO_BYTES,
    )
    seen: Fact[Frame] = _NO_FRAME if frame is None else Known(frame, SOURCE)
    return Evidence(
        platform=platform,
        reply=_NOT_STOPPED,
        action=Known(Action.CONTINUE, "our own request"),
        mode=Known(mode, SOURCE),
        cpl=_NOT_STOPPED,
        after=handler_facts,
        vector=Known(logged.vector, SOURCE),
        at_handler=Known(True, SOURCE),
        handler=_NOT_STOPPED,
        frame=seen,
        frame_mode=Known(state.mode, SOURCE),
        code=() if window is None else (window,),
        breakpoints=Known((), "our table"),
    )
