"""The vCPUs: where each stands, in which mode, and which one stopped."""

from __future__ import annotations

from frontend.commands.memory_view import CPUS
from frontend.tui.extras import CpuRow
from frontend.tui.panes.disassembly import address_digits
from frontend.tui.panes.text import Line, Page, line, page, span, wrap
from frontend.tui.view import ViewState

NAME = CPUS


def _row(view: ViewState, row: CpuRow, digits: int) -> Line:
    stopped = view.record is not None and view.record.cpu == row.number
    selected = view.state is not None and view.state.cpu == row.number
    marks = line(
        span("▶" if selected else " ", "strong"),
        span("■" if stopped else " ", "fired"),
        span(f"{row.number:>2} ", "strong" if selected else ""),
    )
    state = row.state
    if state is None:
        return (*marks, span(row.why, "dim"))
    mode = f"{state.mode}-bit" if state.shows_mode or state.architecture else "mode ?"
    cpl = "" if state.cpl is None else f" CPL {state.cpl}"
    return (
        *marks,
        span(f"{state.pc:0{digits}x} ", "code.address"),
        span(f"{mode}{cpl}"),
        span(" halted" if state.halted else "", "warning"),
        span(" stopped" if stopped else "", "fired"),
        span(f" {row.where}" if row.where else "", "code.symbol"),
    )


def render(view: ViewState, width: int, height: int) -> Page:
    rows = view.extras.cpus
    if view.record is None or rows is None:
        why = "the vCPUs were not read at this stop" if view.record else "no stop yet"
        return page(wrap(why, width, "dim"), width, height)
    digits = address_digits(row.state.pc for row in rows if row.state is not None)
    lines = [_row(view, row, digits) for row in rows]
    if view.cpus > len(rows):
        lines.append(line(span(f"and {view.cpus - len(rows)} more: info threads", "dim")))
    return page(lines, width, height, scroll=view.scroll.get(NAME, 0))


def note(view: ViewState) -> str:
    return "cpu N selects" if view.cpus > 1 else ""
