"""A stop in a word and a phrase: what a list of many has room for, and what tells one from its neighbours."""

from __future__ import annotations

from gdbstub.debugger.record import StopRecord
from gdbstub.explain.evidence import Action
from gdbstub.explain.explanation import Cause, CauseName
from gdbstub.protocol.stops import Stopped, Watch
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.cpu_state import DebugState
from gdbstub.x86.debug_registers import decode_dr7
from gdbstub.x86.exceptions import vector

_KINDS: dict[CauseName, str] = {
    "single-step": "step",
    "branch-step": "step",
    "instruction-breakpoint": "break",
    "software-breakpoint": "break",
    "data-write": "watch",
    "data-access": "watch",
    "io-breakpoint": "watch",
    "interrupt-request": "pause",
    "shutdown": "end",
    "internal-error": "error",
}
"""What a stop of the debugger's is called by its first cause; another is called by its cause."""
_EVENTS: dict[CauseName, str] = {
    "single-step": "BS",
    "branch-step": "BS by BTF",
    "general-detect": "BD",
    "task-switch": "BT",
    "bus-lock": "BLD",
    "rtm": "RTM",
    "icebp": "INT1",
    "software-breakpoint": "INT3",
    "software-interrupt": "INT n",
}
"""What an event of the guest is told by: the bit of DR6, or the instruction."""
_VERBS = {"data-write": "wrote", "data-access": "touched", "io-breakpoint": "port"}
"""What an instruction did at the address that a debug register holds."""
_WAITS = {BreakpointKind.EXECUTE: "exec", BreakpointKind.WRITE: "w", BreakpointKind.IO: "i/o"}


def kind(record: StopRecord) -> str:
    """``#DB``, ``step``, ``break``, ``watch``, ``pause``, ``attach``, ``end``, or the name of the cause."""
    if record.ended:
        return "end"
    if record.event is not None:
        return vector(record.event.vector).name
    first = record.explanation.causes[0].cause
    if record.action is Action.ATTACH and first == "unknown":
        return "attach"
    return _KINDS.get(first, first)


def phrase(record: StopRecord) -> str:
    """What tells this stop from others: the bits and the instruction of an event, the instruction of a step."""
    found = record.explanation
    ran = "" if found.instruction is None else found.instruction.text
    if record.event is not None and not record.ended:
        bits = [text for cause in found.causes if (text := _bit(record, cause))]
        return " · ".join([*dict.fromkeys(bits), *([ran] if ran else [])]) or found.summary
    if kind(record) in ("step", "break") and ran:
        return ran
    return touched(record) or found.summary


def _bit(record: StopRecord, cause: Cause) -> str:
    if cause.owner not in ("guest", "debugger-leak"):
        return ""
    if cause.slot is None:
        return _EVENTS.get(cause.cause, "")
    address, dr7 = slot_address(record.state.debug, cause.slot), record.state.debug.dr7
    waits = "" if dr7 is None else f" {_WAITS.get(decode_dr7(dr7).slots[cause.slot].type, 'r/w')}"
    return f"DR{cause.slot}{waits}" + ("" if address is None else f" {address:#x}")


def slot_address(debug: DebugState, slot: int) -> int | None:
    return (debug.dr0, debug.dr1, debug.dr2, debug.dr3)[slot]


def touched(record: StopRecord) -> str:
    """What the instruction did that a debug register or a watchpoint waited for: ``wrote 0x102208``; empty where
    nothing says an address."""
    found = next((text for cause in record.explanation.causes if (text := _by_slot(record, cause))), "")
    if found or not isinstance(record.stop, Stopped):
        return found
    watch = next((reason for reason in record.stop.reasons if isinstance(reason, Watch)), None)
    return "" if watch is None else f"{'wrote' if watch.kind == 'write' else 'touched'} {watch.address:#x}"


def _by_slot(record: StopRecord, cause: Cause) -> str:
    verb = _VERBS.get(cause.cause)
    if verb is None or cause.slot is None or cause.owner != "guest":
        return ""
    address = slot_address(record.state.debug, cause.slot)
    return "" if address is None else f"{verb} {address:#x}"
