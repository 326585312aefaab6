"""What is armed, what fired: the guest's own debug registers, bit by bit."""

from __future__ import annotations

from frontend.tui.panes.text import Line, Page, line, page, span, wrap
from frontend.tui.view import ViewState, is_beginning, ran_on
from gdbstub.debugger.record import StopRecord
from gdbstub.explain.explanation import GuestDr6
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.cpu_state import CpuState, DebugState
from gdbstub.x86.debug_registers import (
    DR6_CAUSES,
    LENGTHS,
    Slot,
    decode_dr6,
    decode_dr7,
    describe_dr6,
)

NAME = "dr"
WIDE = 40
_TYPES = {BreakpointKind.IO: "I/O", BreakpointKind.ACCESS: "read/write"}
CAUSES = {
    "B0": "breakpoint 0",
    "B1": "breakpoint 1",
    "B2": "breakpoint 2",
    "B3": "breakpoint 3",
    "BLD": "bus lock (0 says so)",
    "BD": "debug register accessed",
    "BS": "single step",
    "BT": "task switch",
    "RTM": "in a transaction (0 says so)",
}
"""What each bit stands for; whether it is set is another column."""


def slot_text(slot: Slot) -> str:
    """What DR7 arms a slot for, in words: ``write, 4 bytes``, ``execute``, ``I/O, 2 ports``."""
    kind = _TYPES.get(slot.type, slot.type)
    if slot.type is BreakpointKind.EXECUTE:
        return kind if slot.length == 1 else f"{kind}, LEN {LENGTHS.index(slot.length):02b}b is not allowed"
    unit = "port" if slot.type is BreakpointKind.IO else "byte"
    return f"{kind}, {slot.length} {unit}{'s' if slot.length > 1 else ''}"


def _enabled(slot: Slot) -> str:
    return "+".join(name for name, on in ((f"L{slot.number}", slot.local), (f"G{slot.number}", slot.global_)) if on)


def _address(debug: DebugState, number: int, digits: int) -> str:
    value = (debug.dr0, debug.dr1, debug.dr2, debug.dr3)[number]
    return "?" * digits if value is None else f"{value:0{digits}x}"


def _digits(debug: DebugState, width: int) -> int:
    large = any((value or 0) >> 32 for value in (debug.dr0, debug.dr1, debug.dr2, debug.dr3))
    return 16 if large or width >= WIDE else 8


def _slots(debug: DebugState, fired: GuestDr6 | None, width: int) -> list[Line]:
    digits = _digits(debug, width)
    if debug.dr7 is None:
        return [line(span(f"DR{n} ", "name"), _address(debug, n, digits)) for n in range(4)]
    lines: list[Line] = []
    for slot in decode_dr7(debug.dr7).slots:
        hit = fired is not None and f"B{slot.number}" in fired.set
        head = line(
            span(f"DR{slot.number} ", "name"),
            span(_address(debug, slot.number, digits), "" if slot.enabled else "dim"),
        )
        text = slot_text(slot)
        if not slot.enabled:
            lines.append((*head, span("  off" if slot.type is BreakpointKind.EXECUTE else f"  off ({text})", "dim")))
            continue
        tail = line(span(text), span(f"  {_enabled(slot)}", "good"), *((span("  hit", "fired"),) if hit else ()))
        if width >= WIDE:
            lines.append((*head, span("  "), *tail))
        else:
            lines.extend((head, (span("    "), *tail)))
    return lines


def _shared(debug: DebugState, width: int) -> list[Line]:
    """dr6's own breakpoints that are in these registers now."""
    lines: list[Line] = []
    for armed in debug.shared:
        kind = _TYPES.get(armed.kind, armed.kind)
        what = f"{kind}, {armed.length} byte{'s' * (armed.length > 1)}"
        head = line(span(f"DR{armed.slot} ", "name"), f"{armed.address:016x}")
        tail = line(span(f"{what}  dr6's own", "dim"))
        lines.extend([(*head, span("  "), *tail)] if width >= WIDE else [head, (span("    "), *tail)])
    return lines


def _state(found: GuestDr6 | None, name: str, active: bool) -> tuple[str, str]:
    """Whether a bit of the guest's DR6 belongs to this event: text and style."""
    if not active:
        return "-", "dim"
    if found is not None and name in found.set:
        return "set", "fired"
    if found is not None and name in found.stale:
        return "stale", "warning"
    return "set before", "dim"


def _dr6_tall(found: GuestDr6 | None, value: int, width: int) -> list[Line]:
    lines: list[Line] = []
    for row in describe_dr6(value):
        if row.name == "reserved":
            continue
        state, style = _state(found, row.name, row.active)
        bit = line(
            span(f" {row.bits:>2} ", "dim"),
            span(f"{row.name:<4}", "name" if row.active else "dim"),
            span(f"{row.value} ", style),
        )
        if width < WIDE:
            lines.append((*bit, span(state, style)))
        else:
            cause = span(CAUSES[row.name], "" if row.active else "dim")
            lines.append((*bit, span(f"{state:<11}", style), cause))
    return lines


def _dr6_short(found: GuestDr6 | None, value: int, width: int) -> list[Line]:
    causes = decode_dr6(value).causes
    words = [(bit.name, _state(found, bit.name, True)) for bit in DR6_CAUSES if causes & bit.mask]
    if not words:
        return [line(span("    no cause is set", "dim"))]
    return [line(span(f"    {name} ", "name"), span(*state)) for name, state in words]


def _dr6(value: int | None, found: GuestDr6 | None, width: int, tall: bool) -> list[Line]:
    if value is None:
        return [line(span("DR6 ", "name"), span("unknown", "dim"))]
    digits = 16 if value >> 32 else 8
    whose = span("  the guest's own" if width >= WIDE else "  guest's", "dim")
    lines = [line(span("DR6 ", "name"), f"{value:0{digits}x}", whose)]
    lines.extend((_dr6_tall if tall else _dr6_short)(found, value, width))
    decoded = decode_dr6(value)
    wrong = decoded.reserved_wrong
    for text in wrong:
        lines.extend(wrap(text, width, "warning", first="  ! "))
    if tall and not wrong:
        lines.append(
            line(span("    reserved bits as they must be" if width >= WIDE else "    reserved bits right", "dim"))
        )
    return lines


def _dr7(value: int | None, width: int) -> list[Line]:
    if value is None:
        return [line(span("DR7 ", "name"), span("unknown", "dim"))]
    decoded = decode_dr7(value)
    named = (("LE", decoded.local_exact), ("GE", decoded.global_exact), ("RTM", decoded.rtm))
    words = [name for name, on in named if on]
    digits = 16 if value >> 32 else 8
    detect = span("  GD on", "fired") if decoded.general_detect else span("  GD off", "dim")
    lines = [line(span("DR7 ", "name"), f"{value:0{digits}x}", detect, span("".join(f" {w}" for w in words)))]
    for text in decoded.reserved_wrong:
        lines.extend(wrap(text, width, "warning", first="  ! "))
    return lines


def exit_text(record: StopRecord) -> str:
    """The DR6 of the exit that the hypervisor took for the debugger, in words."""
    value, provenance = record.explanation.exit_dr6
    if value is None:
        return "unknown"
    names = " ".join(decode_dr6(value).names) or "no cause"
    return f"{value:08x}  {names} ({provenance}{_by(record)})"


def _by(record: StopRecord) -> str:
    return "" if record.exit_source is None else f" by {record.exit_source}"


def _exit(record: StopRecord, width: int) -> list[Line]:
    if width >= WIDE:
        return [line(span("exit DR6 ", "name"), exit_text(record))]
    value, provenance = record.explanation.exit_dr6
    if value is None:
        return [line(span("exit DR6 ", "name"), span("unknown", "dim"))]
    names = " ".join(decode_dr6(value).names) or "no cause"
    return [
        line(span("exit DR6 ", "name"), f"{value:08x}"),
        line(f"    {names}"),
        line(span(f"    {provenance}{_by(record)}", "dim")),
    ]


def _lines(record: StopRecord, state: CpuState, width: int, tall: bool) -> list[Line]:
    debug, ours = state.debug, state.cpu == record.cpu
    found = record.explanation.guest_dr6 if ours else None
    return [
        *_slots(debug, found, width),
        *_shared(debug, width),
        *_dr6(debug.dr6, found, width, tall),
        *_dr7(debug.dr7, width),
        *(_exit(record, width) if ours and not is_beginning(record) and not ran_on(record) else ()),
    ]


def render(view: ViewState, width: int, height: int) -> Page:
    record, state = view.record, view.state
    if record is None or state is None:
        return Page(())
    lines = _lines(record, state, width, tall=True)
    if len(lines) > height and width < WIDE:
        lines = _lines(record, state, width, tall=False)
    return page(lines, width, height, scroll=view.scroll.get(NAME, 0))


def note(view: ViewState) -> str:
    """Where they were read."""
    state = view.state
    if state is None:
        return ""
    return "not read" if state.debug.source == "unknown" else f"from {state.debug.source}"
