"""The code that an event came from, which is not where the guest stands: that is its handler."""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.debugger.record import StopRecord
from gdbstub.explain.evidence import Known
from gdbstub.x86.registers import Mode


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


def saved_as(record: StopRecord) -> str:
    """What is to be said beside the saved RIP: what kind of event saved it."""
    klass = record.explanation.causes[0].klass
    return "saved RIP" if klass == "none" else f"saved RIP ({klass})"
