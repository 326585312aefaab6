"""The stops so far, oldest first; a click on one shows everything as of it."""

from __future__ import annotations

from frontend.tui.events import SelectStop, Stop
from frontend.tui.panes.disassembly import address_digits
from frontend.tui.panes.text import ELLIPSIS, Line, Page, clickable, fit, line, pad, span, uniform
from frontend.tui.view import ViewState, origin

NAME = "stops"
PLACE_FROM = 84
PLACE = 22


def _at(stop: Stop) -> int:
    """The address that tells a stop best: RIP, but for a caught event where it came from, not its handler."""
    found = origin(stop.record) if stop.record.event is not None else None
    return stop.record.state.pc if found is None else found


def _where(stop: Stop) -> str:
    name = stop.cause if stop.record.event is not None else stop.where
    return f"{name if len(name) <= PLACE else name[: PLACE - 1] + ELLIPSIS:<{PLACE}} "


def _row(stop: Stop, newest: Stop, digits: int, width: int, wide: bool) -> Line:
    record = stop.record
    found = record.explanation
    mark = "!" if found.contradictions else "▪" if record.event is not None else " "
    row = line(
        span(f"{record.number:>{len(str(newest.record.number))}} ", "dim"),
        span(mark, "error" if found.contradictions else "fired"),
        " ",
        span("-" * digits + " " if record.ended else f"{_at(stop):0{digits}x} ", "code.address"),
        span(_where(stop) if wide else "", "code.symbol"),
        span(found.summary, f"owner.{found.causes[0].owner}" if record.event is not None else ""),
    )
    return clickable(row, SelectStop(None if stop is newest else record.number))


def render(view: ViewState, width: int, height: int) -> Page:
    count = len(view.stops)
    if not count:
        return Page((line(span("no stop yet", "dim")),))
    # as far down as possible with the selected one in sight; only what is seen is made
    default = min(max(view.index - height // 2, 0), max(0, count - height))
    top = min(max(default + view.scroll.get(NAME, 0), 0), max(0, count - height))
    shown = view.stops[top : top + height]
    digits = address_digits(map(_at, shown))
    lines = []
    for number, stop in enumerate(shown, top):
        row = fit(_row(stop, view.stops[-1], digits, width, width >= PLACE_FROM), width)
        lines.append(uniform(pad(row, width), "selected") if number == view.index else row)
    return Page(tuple(lines), top, max(0, count - top - height))


def note(view: ViewState) -> str:
    """Which one is looked at."""
    record = view.record
    if record is None:
        return ""
    return f"#{record.number}, looking back" if view.selected is not None else f"#{record.number}"
