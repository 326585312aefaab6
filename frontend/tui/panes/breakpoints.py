"""Which breakpoints there are, as ``info breakpoints`` lists them."""

from __future__ import annotations

from frontend.tui.breakpoint_rows import BreakpointRow
from frontend.tui.panes.text import Line, Page, flow, line, page, span
from frontend.tui.view import ViewState
from gdbstub.x86.breakpoints import BreakpointKind

NAME = "breakpoints"
_WATCHES = {BreakpointKind.WRITE: "watch", BreakpointKind.READ: "rwatch", BreakpointKind.ACCESS: "awatch"}


def what(row: BreakpointRow) -> str:
    """A breakpoint in words: ``break *0x1000``, ``watch counter (4)``, ``catch 1``."""
    place = row.text or (f"*{row.address:#x}" if row.address is not None else "")
    if row.kind is BreakpointKind.CATCH:
        return f"catch {row.text or row.vector}"
    if row.kind is BreakpointKind.EXECUTE:
        return f"{'t' if row.temporary else ''}break {place}"
    return f"{_WATCHES[row.kind]} {place} ({row.length})"


def _state(row: BreakpointRow) -> tuple[str, str]:
    if not row.enabled:
        return "off", "dim"
    return (row.armed_as, "good") if row.armed_as else ("pending", "warning")


def _row(row: BreakpointRow, width: int) -> list[Line]:
    text, style = _state(row)
    hits = f"  {row.hits}×" if row.hits else ""
    condition = f"  if {row.condition}" if row.condition else ""
    address = f"  {row.address:#x}" if row.address is not None and row.text else ""
    parts = line(
        span("● " if row.enabled else "○ ", "code.breakpoint"),
        span(f"{row.number:<3}", "strong"),
        what(row),
        span(address, "dim"),
        span(f"  {text}", style),
        span(hits),
        span(condition, "dim"),
    )
    return flow(parts, width, indent=3)


def render(view: ViewState, width: int, height: int) -> Page:
    rows = view.shown_breakpoints
    if not rows:
        return Page((line(span("none; set one with: break *ADDRESS", "dim")),))
    return page([one for row in rows for one in _row(row, width)], width, height, scroll=view.scroll.get(NAME, 0))


def note(view: ViewState) -> str:
    rows = view.shown_breakpoints
    return str(len(rows)) if rows else ""
