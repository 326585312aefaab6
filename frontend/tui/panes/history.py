"""The stops so far, oldest first; a click on one shows everything as of it. Its marks are in `keys.STOPS`."""

from __future__ import annotations

from frontend.tui.event_code import stopped_rip
from frontend.tui.events import SelectStop, Stop
from frontend.tui.panes.disassembly import address_digits
from frontend.tui.panes.text import ELLIPSIS, Line, Page, clickable, fit, line, pad, span, uniform
from frontend.tui.view import ViewState, number_of, summary

NAME = "stops"
HEAD = "RIP"
PLACE_FROM = 84
PLACE = 22
HEAD_FROM = 7


def _at(stop: Stop, digits: int) -> str:
    if stop.record.ended:
        return "-" * digits
    found = stopped_rip(stop.record)
    return "?" * digits if found is None else f"{found:0{digits}x}"


def _where(stop: Stop) -> str:
    name = stop.stopped
    return f"{name if len(name) <= PLACE else name[: PLACE - 1] + ELLIPSIS:<{PLACE}} "


def _row(stop: Stop, newest: Stop, digits: int, width: int, wide: bool) -> Line:
    record = stop.record
    found = record.explanation
    mark = "!" if found.contradictions else "▪" if record.event is not None else " "
    row = line(
        span(f"{record.number:>{len(str(newest.record.number))}} ", "dim"),
        span(mark, "error" if found.contradictions else "fired"),
        span("?" if stop.gap else " ", "warning"),
        span(f"{_at(stop, digits)} ", "code.address"),
        span(_where(stop) if wide else "", "code.symbol"),
        span(summary(record), f"owner.{found.causes[0].owner}" if record.event is not None else ""),
    )
    return clickable(row, SelectStop(None if stop is newest else record.number))


def render(view: ViewState, width: int, height: int) -> Page:
    count = len(view.stops)
    if not count:
        return Page((line(span("no stop yet", "dim")),))
    head = height >= HEAD_FROM
    height -= head
    # as far down as possible with the selected one in sight; only what is seen is made
    default = min(max(view.index - height // 2, 0), max(0, count - height))
    top = min(max(default + view.scroll.get(NAME, 0), 0), max(0, count - height))
    shown = view.stops[top : top + height]
    digits = address_digits(stopped_rip(stop.record) or 0 for stop in shown)
    margin, place = " " * (len(str(number_of(view.stops[-1]))) + 3), " " * (PLACE + 1) * (width >= PLACE_FROM)
    lines = [fit(line(span(f"{margin}{HEAD:<{digits}} {place}why", "dim")), width)] if head else []
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
