"""The code that an event came from, which is not where the guest stands: that is its handler."""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.debugger.record import StopRecord
from gdbstub.explain.evidence import Known
from gdbstub.explain.explanation import Cause
from gdbstub.protocol.stops import Stopped, Watch
from gdbstub.x86.cpu_state import DebugState
from gdbstub.x86.registers import Mode

VERBS = {"data-write": "wrote", "data-access": "touched", "io-breakpoint": "port"}
"""What an instruction did at the address that a debug register holds."""


class Origin(NamedTuple):
    """Where an event came from: the linear address that it saved, the mode of the code there (None: not known), and
    the instruction that caused it, if that is known."""

    saved: int
    mode: Mode | None
    culprit: int | None


def stopped_rip(record: StopRecord) -> int | None:
    """The linear address at which what was stopped goes on: RIP, or for an event the RIP that it saved. None where that
    is not known."""
    if record.event is None:
        return record.state.pc
    frame = record.event.frame
    return None if frame is None else (frame.cs_base or 0) + frame.rip


def origin(record: StopRecord) -> Origin | None:
    """That of a caught event; None at any other stop, and where its frame is not known."""
    saved = stopped_rip(record)
    if record.event is None or saved is None or record.ended:
        return None
    told, ran = record.evidence.frame_mode, record.explanation.instruction
    mode = told.value if isinstance(told, Known) else record.state.code_mode
    return Origin(saved, mode, None if ran is None else ran.address)


def slot_address(debug: DebugState, slot: int) -> int | None:
    return (debug.dr0, debug.dr1, debug.dr2, debug.dr3)[slot]


def touched(record: StopRecord) -> str:
    """What the culprit did that a debug register or a watchpoint waited for: ``wrote 0x102208``; empty where nothing
    says an address."""
    found = next((text for cause in record.explanation.causes if (text := _by_slot(record, cause))), "")
    if found or not isinstance(record.stop, Stopped):
        return found
    watch = next((reason for reason in record.stop.reasons if isinstance(reason, Watch)), None)
    return "" if watch is None else f"{'wrote' if watch.kind == 'write' else 'touched'} {watch.address:#x}"


def _by_slot(record: StopRecord, cause: Cause) -> str:
    verb = VERBS.get(cause.cause)
    if verb is None or cause.slot is None or cause.owner != "guest":
        return ""
    address = slot_address(record.state.debug, cause.slot)
    return "" if address is None else f"{verb} {address:#x}"


def saved_as(record: StopRecord) -> str:
    """What is to be said beside the saved RIP: what kind of event saved it."""
    klass = record.explanation.causes[0].klass
    return "saved RIP" if klass == "none" else f"saved RIP ({klass})"
