"""Why did we stop: summary, causes with their reasons, both DR6s, contradictions, unknowns, advice."""

from __future__ import annotations

from frontend.tui.events import Stop
from frontend.tui.highlight import highlight
from frontend.tui.panes.debug_registers import exit_text
from frontend.tui.panes.text import EMPTY, Fragment, Line, Page, flow, line, page, span, wrap
from frontend.tui.view import ViewState, has_exit, is_beginning, summary
from gdbstub.debugger.record import StopRecord
from gdbstub.explain.explanation import Cause
from gdbstub.x86.debug_registers import decode_dr6
from gdbstub.x86.exceptions import Frame, vector

NAME = "why"
SOURCES_FROM = 10
NOW = (
    ("F9, continue", "let it run; Ctrl-C stops it"),
    ("F7, stepi", "run one instruction"),
    ("catch db", "stop at the guest's handler of #DB (bp, gp, pf, … too)"),
    ("break PLACE", "stop there; watch PLACE where it is written"),
    ("info target", "what this stub can do"),
)
"""At the beginning nothing has happened yet: what can be done, and what it does."""
SEEN_BY = {
    "handler": ("at its handler", "its frame cannot be read"),
    "log": ("seen in QEMU's log, the guest ran on", "its frame is not known"),
}
"""Who saw an event: in words, and why it may have no frame."""
OWNERS = {
    "debugger": "debugger's",
    "debugger-leak": "leaked by the debugger",
    "guest": "guest's",
    "hypervisor": "hypervisor's",
    "unknown": "owner unknown",
}


def _cause(cause: Cause, width: int, sources: bool) -> list[Line]:
    slot = "" if cause.slot is None else f" (DR{cause.slot})"
    words = [
        span(f"■ {cause.cause}{slot} ", "strong"),
        span(f"· {OWNERS[cause.owner]} ", f"owner.{cause.owner}"),
        *((span(f"· {cause.klass} "),) if cause.klass != "none" else ()),
        span(f"· {cause.confidence} ", "good" if cause.confidence == "certain" else "warning"),
    ]
    lines = flow(words, width, indent=2)
    for clause in cause.because:
        lines.extend(wrap(clause, width, first="  · "))
    if cause.sources and sources:
        lines.extend(wrap(", ".join(cause.sources), width, "dim", first="    "))
    return lines


def _guest_dr6(record: StopRecord) -> str:
    found = record.explanation.guest_dr6
    value = record.state.debug.dr6 if found is None else found.value
    if value is None:
        return "unknown"
    if found is None:
        return f"{value:08x}  {' '.join(decode_dr6(value).names) or 'no cause'}"
    parts = [*found.set, *(f"{name} (stale)" for name in found.stale)]
    if found.reserved_wrong:
        parts.append("reserved bits wrong")
    return f"{value:08x}  {' '.join(parts) or 'no cause'}"


def _dr6(record: StopRecord, width: int) -> list[Line]:
    return [
        *_labelled("guest's DR6  ", _guest_dr6(record), width),
        *(_labelled("exit's DR6   ", exit_text(record), width) if has_exit(record) else ()),
    ]


def _labelled(label: str, text: str, width: int) -> list[Line]:
    first, *rest = wrap(text, width, first=" " * len(label))
    return [line(span(label, "name"), *first[1:]), *rest]


def _origin(stop: Stop, width: int) -> list[Line]:
    """The instruction that caused the stop, and the frame of a caught event."""
    record = stop.record
    ran, event = record.explanation.instruction, record.event
    lines: list[Line] = []
    if ran is not None:
        symbol = span(f" <{stop.cause}>" if stop.cause else "", "code.symbol")
        lines.extend(flow(line(f"{ran.address:#x}", symbol, *_code(ran.text)), width, indent=2))
    if event is not None:
        place, unread = SEEN_BY[event.seen_by]
        text = unread if event.frame is None else _frame(event.frame)
        lines.extend(wrap(f"{vector(event.vector).name} {place}; {text}", width, "dim"))
    return lines


def _code(text: str) -> Line:
    return (span("  "), *(Fragment(style, piece) for style, piece in highlight(span(text).text)))


def _frame(frame: Frame) -> str:
    error = "" if frame.error_code is None else f" error {frame.error_code:#x}"
    return f"frame: rip {frame.rip:#x} cs {frame.cs:#x} rflags {frame.rflags:#x}{error}"


def _now(width: int) -> list[Line]:
    """What can be done at the beginning."""
    room = max(len(what) for what, _ in NOW) + 2
    return [row for what, means in NOW for row in _labelled(f"{what:<{room}}", means, width)]


def explain_lines(stop: Stop, width: int, *, sources: bool = True) -> list[Line]:
    """The whole explanation of one stop, wrapped to ``width``; on request without the sources of its rules."""
    record = stop.record
    found = record.explanation
    lines = wrap(summary(record), width, "strong")
    if is_beginning(record):
        return [*lines, *_now(width), *(row for text in record.notes for row in wrap(text, width, "dim", first="# "))]
    lines.extend(_origin(stop, width))
    for text in found.contradictions:
        lines.extend(wrap(text, width, "error", first="! "))
    for cause in found.causes:
        lines.extend(_cause(cause, width, sources))
    lines.extend(_dr6(record, width))
    for text in found.unknowns:
        lines.extend(wrap(text, width, "dim", first="? "))
    if stop.gap:
        lines.extend(wrap(stop.gap, width, "warning", first="? "))
    for text in found.advice:
        lines.extend(wrap(text, width, "good", first="→ "))
    for text in record.notes:
        lines.extend(wrap(text, width, "dim", first="# "))
    return lines


def render(view: ViewState, width: int, height: int) -> Page:
    stop = view.stop
    if stop is None:
        return Page((EMPTY,))
    lines = explain_lines(stop, width, sources=height >= SOURCES_FROM)
    return page(lines, width, height, scroll=view.scroll.get(NAME, 0))


def note(view: ViewState) -> str:
    """What stands out."""
    record = view.record
    count = 0 if record is None else len(record.explanation.contradictions)
    return "" if not count else "1 contradiction" if count == 1 else f"{count} contradictions"
