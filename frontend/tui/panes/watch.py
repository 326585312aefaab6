"""The displays as they are at a stop, with what they were at the one before."""

from __future__ import annotations

from frontend.commands.memory_view import WATCH
from frontend.tui.extras import WatchRow
from frontend.tui.panes.text import Line, Page, line, page, span, wrap
from frontend.tui.view import ViewState

NAME = WATCH
NOTHING = "display EXPRESSION has it here at each stop: display $rax, display/4xg $rsp"


def _single(row: WatchRow, old: WatchRow | None, width: int) -> list[Line]:
    """``1: counter = 4 → 5``"""
    value, title = row.shown.lines[0], f"{row.shown.title} = "
    if old is None or old.shown.lines == row.shown.lines:
        return wrap(f"{title}{value}", width, rest="   ")
    if len(title) + len(old.shown.lines[0]) + len(value) + 3 <= width:
        return [line(title, span(f"{old.shown.lines[0]} → ", "dim"), span(value, "changed"))]
    return [
        *wrap(f"{title}{old.shown.lines[0]}", width, "dim", rest="   "),
        *wrap(value, width, "changed", first=" → "),
    ]


def _block(row: WatchRow, old: WatchRow | None, width: int) -> list[Line]:
    """As `x` writes it; lines that are others than before are marked."""
    before = () if old is None else old.shown.lines
    lines = [line(row.shown.title)]
    for number, text in enumerate(row.shown.lines):
        new = number < len(before) and before[number] != text
        lines += wrap(text.replace("\t", " "), width, "changed" if new else "", first="• " if new else "  ")
    return lines


def render(view: ViewState, width: int, height: int) -> Page:
    rows = view.extras.watch
    if view.record is None or not rows:
        why = "the displays were not read at this stop" if rows is None and view.record is not None else NOTHING
        return page(wrap(why, width, "dim"), width, height)
    old = {row.shown.title: row for row in view.before.watch or ()}
    lines: list[Line] = []
    for row in rows:
        before = old.get(row.shown.title)
        lines += (_block if row.shown.under else _single)(row, before, width)
    return page(lines, width, height, scroll=view.scroll.get(NAME, 0))


def note(view: ViewState) -> str:
    return str(len(view.extras.watch)) if view.extras.watch else ""
