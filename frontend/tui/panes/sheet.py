"""The answer to a command over the panes, as large as its text."""

from __future__ import annotations

from frontend.clean import width_of
from frontend.tui.panes.log import STYLES, wrapped
from frontend.tui.panes.text import Line, Page, fit, length, line, page, span
from frontend.tui.view import ViewState

NAME = "sheet"
LEAST = 40


def size(view: ViewState, columns: int, rows: int) -> tuple[int, int]:
    """Cells and rows of the sheet with its title, on a body of that size."""
    sheet = view.sheet
    if sheet is None:
        return 0, 0
    widest = max([LEAST, len(sheet.title) + 24, *(width_of(message.text) for message in sheet.lines)])
    width = min(columns, widest + 2)
    return width, min(rows, len(_lines(view, width)) + 1)


def _lines(view: ViewState, width: int) -> list[Line]:
    shown = () if view.sheet is None else view.sheet.lines
    return [one for message in shown for one in wrapped(message.text, STYLES[message.kind], width - 1)]


def title(view: ViewState, shown: Page, width: int) -> Line:
    """The command, how much more there is, and what can be done."""
    more = "".join(f" {arrow}{count}" for arrow, count in (("↑", shown.above), ("↓", shown.below)) if count)
    left, right = (
        line(span("─ ", "rule"), span(_title(view), "title.front")),
        line(span(f"{more} {note(view)} ─", "rule")),
    )
    left = fit(left, max(0, width - length(right) - 1))
    return (*left, span(" " + "─" * max(0, width - length(left) - length(right) - 1), "rule"), *right)


def _title(view: ViewState) -> str:
    return "" if view.sheet is None else view.sheet.title


def render(view: ViewState, width: int, height: int) -> Page:
    return page(_lines(view, width), width, height, scroll=view.scroll.get(NAME, 0))


def note(view: ViewState) -> str:
    return "y copies, Esc closes"
