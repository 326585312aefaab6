"""What is armed, what fired: the guest's own debug registers as a matrix, and what is new in this stop.

Left a row for each of DR0-3, right of it or below DR6 and DR7 bit by bit. A bit that is selected says what it means.
"""

from __future__ import annotations

from frontend.commands.stop_words import slot_address
from frontend.tui.debug_bits import BITS, stops_with
from frontend.tui.events import SelectBit
from frontend.tui.panes.text import Fragment, Line, Page, flow, length, line, pad, page, span, wrap
from frontend.tui.view import ViewState, has_exit, is_beginning
from gdbstub.debugger.record import StopRecord
from gdbstub.explain.explanation import GuestDr6
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.cpu_state import CpuState, DebugState
from gdbstub.x86.debug_registers import DR6_CAUSES, Slot, decode_dr6, decode_dr7

NAME = "dr"
WIDE = 66
"""Cells from which DR6 and DR7 stand right of the matrix."""
ROOMY = 31
"""Cells from which a row of the matrix has its columns apart."""
OFF, ON, NONE = "·", "●", "–"
_KINDS = {BreakpointKind.EXECUTE: "exec", BreakpointKind.WRITE: "w", BreakpointKind.IO: "i/o"}
_SHORT = {"exec": "x", "r/w": "rw", "i/o": "io"}
MOST_STOPS = 8
"""Stops that are named beside a bit."""


def _digits(debug: DebugState) -> int:
    return 16 if any((slot_address(debug, slot) or 0) >> 32 for slot in range(4)) else 8


def _address(debug: DebugState, slot: int, digits: int) -> str:
    value = slot_address(debug, slot)
    return "?" * digits if value is None else f"{value:0{digits}x}"


def _flag(on: bool) -> Fragment:
    return span(ON, "good") if on else span(OFF, "dim")


def _row(debug: DebugState, slot: Slot, hit: bool, digits: int, roomy: bool) -> Line:
    """One slot. What DR7 says of one that is off is dim, and left out where it says nothing."""
    armed = slot.enabled
    said = armed or slot.type is not BreakpointKind.EXECUTE or slot.length != 1
    kind = _KINDS.get(slot.type, "r/w") if said else NONE
    size = str(slot.length) if said else NONE
    style = "" if armed else "dim"
    fired = span(ON if hit else " ", "fired")
    address = span(_address(debug, slot.number, digits), style)
    if not roomy:
        gap, name = (" ", f"DR{slot.number} ") if digits == 8 else ("", f"{slot.number} ")
        text = f"{_SHORT.get(kind, kind)}{size}" if said else NONE
        what = span(f" {text:<3}{gap}", style)
        return line(span(name, "name"), address, what, _flag(slot.local), _flag(slot.global_), gap, fired)
    head = line(span(f"DR{slot.number}  ", "name"), address, span(f"  {kind:<4} {size:<3} ", style))
    return (*head, _flag(slot.local), span(" "), _flag(slot.global_), span(" "), fired)


def _matrix(debug: DebugState, found: GuestDr6 | None, width: int) -> list[Line]:
    digits, roomy = _digits(debug), width >= ROOMY + _digits(debug) - 8
    if debug.dr7 is None:
        return [line(span(f"DR{n}  ", "name"), _address(debug, n, digits)) for n in range(4)]
    columns = "  kind len L G hit" if roomy else " for LG hit" if digits == 8 else " forLG"
    lead = 5 if roomy else 4 if digits == 8 else 2
    lines = [line(span(f"{'':{lead}}{'addr':<{digits}}{columns}", "dim"))]
    for slot in decode_dr7(debug.dr7).slots:
        hit = found is not None and f"B{slot.number}" in found.set
        lines.append(_row(debug, slot, hit, digits, roomy))
    return lines


def _shared(debug: DebugState) -> list[Line]:
    """dr6's own breakpoints that are in these registers now."""
    return [
        line(
            span(f"DR{armed.slot}  ", "name"),
            f"{armed.address:x}  {_KINDS.get(armed.kind, 'r/w')} {armed.length}",
            span("  dr6's own", "dim"),
        )
        for armed in debug.shared
    ]


def _bit(view: ViewState, name: str, shown: str, style: str) -> Fragment:
    return span(shown, "selected" if view.bit == name else style, SelectBit(name))


def _dr6_bit(view: ViewState, name: str, on: bool, found: GuestDr6 | None) -> Fragment:
    """``[B1]`` belongs to this stop, ``(B1)`` was left from before, ``B1`` is not set."""
    if not on:
        return _bit(view, name, name, "dim")
    if found is None:
        return _bit(view, name, f"[{name}]", "")
    if name in found.set:
        return _bit(view, name, f"[{name}]", "fired")
    return _bit(view, name, f"({name})", "warning")


def _dr6(view: ViewState, value: int | None, found: GuestDr6 | None, width: int) -> list[Line]:
    if value is None:
        return [line(span("DR6 ", "name"), span("unknown", "dim"))]
    decoded = decode_dr6(value)
    roomy = width >= ROOMY
    parts: list[Fragment] = [span("DR6 ", "name"), span(f"{value:0{16 if value >> 32 else 8}x}")]
    parts.append(span(" reserved!", "warning") if decoded.reserved_wrong else span(" ok", "dim"))
    for bit in DR6_CAUSES:
        gap = "  " if roomy and bit.name in ("B0", "BLD") else " "
        shown = _dr6_bit(view, bit.name, bool(decoded.causes & bit.mask), found)
        parts.append(shown._replace(text=gap + shown.text))
    lines = flow(parts, width, indent=4 if roomy else 3)
    for text in decoded.reserved_wrong:
        lines.extend(wrap(text, width, "warning", first="  ! "))
    return lines


def _before(view: ViewState, value: int | None, width: int) -> list[Line]:
    """What DR6 was at the stop before, and what of it is new."""
    previous = view.previous
    old = None if previous is None else previous.state.debug.dr6
    if value is None or old is None or previous is None:
        return []
    if old == value:
        return wrap(f"as at #{previous.number}", width, "dim", first="    ")
    new = decode_dr6(value).causes & ~decode_dr6(old).causes
    names = [bit.name for bit in DR6_CAUSES if bit.mask & new]
    told = f" ({', '.join(names)} {'is' if len(names) == 1 else 'are'} new)" if names else ""
    return wrap(f"at #{previous.number}: {old:08x}{told}", width, "" if names else "dim", first="    ")


def _dr7(view: ViewState, value: int | None, width: int) -> list[Line]:
    if value is None:
        return [line(span("DR7 ", "name"), span("unknown", "dim"))]
    decoded = decode_dr7(value)
    parts: list[Fragment] = [span("DR7 ", "name"), span(f"{value:0{16 if value >> 32 else 8}x} ")]
    for name, on in (
        ("LE", decoded.local_exact),
        ("GE", decoded.global_exact),
        ("GD", decoded.general_detect),
        ("RTM", decoded.rtm),
    ):
        key = f"DR7.{name}"
        if width < ROOMY and not on and name != "GD" and view.bit != key:
            continue
        style = "dim" if not on else "fired" if name == "GD" else ""
        shown = _bit(view, key, f"{name} {ON if on else OFF}", style)
        parts.append(shown._replace(text=f" {shown.text}"))
    lines = flow(parts, width, indent=4)
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
    first, *rest = wrap(exit_text(record), width, first=" " * 8)
    return [line(span("exit's  ", "name"), *first[1:]), *rest]


def _meaning(view: ViewState, width: int) -> list[Line]:
    """The bit that is selected: what it means, where that is written, which stops had it."""
    bit = next((bit for bit in BITS if bit.key == view.bit), None)
    if bit is None:
        return []
    with_it = stops_with(view.stops, bit)
    named = ", ".join(f"#{number}" for number in with_it[-MOST_STOPS:])
    more = len(with_it) - MOST_STOPS
    had = "no stop here had it" if not with_it else f"{f'{more} stops and ' if more > 0 else ''}{named} had it"
    return [
        *wrap(f"{bit.register}.{bit.name}, bit {bit.number}: {bit.meaning}", width, "strong"),
        *wrap(f"{bit.source} · {had}", width, "dim"),
    ]


def _right(view: ViewState, record: StopRecord, debug: DebugState, found: GuestDr6 | None, width: int) -> list[Line]:
    return [
        *_dr6(view, debug.dr6, found, width),
        *_dr7(view, debug.dr7, width),
        *_before(view, debug.dr6, width),
        *(_exit(record, width) if not is_beginning(record) and has_exit(record) else ()),
    ]


def _lines(view: ViewState, record: StopRecord, state: CpuState, width: int) -> list[Line]:
    debug = state.debug
    found = record.explanation.guest_dr6 if state.cpu == record.cpu else None
    left = [*_matrix(debug, found, width), *_shared(debug)]
    if width < WIDE:
        return [*left, *_right(view, record, debug, found, width), *_meaning(view, width)]
    room = max(map(length, left))
    right = _right(view, record, debug, found, width - room - 2)
    rows = max(len(left), len(right))
    beside = [
        (*pad(left[n] if n < len(left) else (), room), span("│ ", "rule"), *(right[n] if n < len(right) else ()))
        for n in range(rows)
    ]
    return [*beside, *_meaning(view, width)]


def render(view: ViewState, width: int, height: int) -> Page:
    record, state = view.record, view.state
    if record is None or state is None:
        return Page(())
    return page(_lines(view, record, state, width), width, height, scroll=view.scroll.get(NAME, 0))


def note(view: ViewState) -> str:
    """Where they were read."""
    state = view.state
    if state is None:
        return ""
    return "not read" if state.debug.source == "unknown" else f"from {state.debug.source}"
