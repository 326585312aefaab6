"""The palette's list over the panes: what was typed, and what matches it."""

from __future__ import annotations

from frontend.tui.palette import Choice, found
from frontend.tui.panes.text import Line, fit, line, pad, span, uniform
from frontend.tui.view import ViewState

WIDTH, ROWS = 90, 16
NAME_CELLS, HINT_CELLS = 20, 18


def size(view: ViewState, columns: int, rows: int) -> tuple[int, int]:
    """Cells and rows on a body of that size."""
    return (min(columns, WIDTH), min(rows, ROWS)) if view.palette is not None else (0, 0)


def _row(choice: Choice, width: int, selected: bool) -> Line:
    row = line(
        span(f" {choice.name:<{NAME_CELLS}} ", "strong"),
        span(f"{choice.hint[:HINT_CELLS]:<{HINT_CELLS}} ", "help.key"),
        choice.help,
    )
    drawn = pad(fit(row, width), width)
    return uniform(drawn, "selected") if selected else drawn


def lines(view: ViewState, width: int, height: int) -> list[Line]:
    """The whole list with its title."""
    palette = view.palette
    if palette is None:
        return []
    rows = found(palette.query)
    at = min(palette.at, len(rows) - 1)
    title = line(span("─ ", "rule"), span("find: ", "title.front"), span(palette.query, "strong"), span("▏", "strong"))
    hint = " Up, Down, Enter; Esc closes ─"
    title = (*pad(fit(title, max(0, width - len(hint))), max(0, width - len(hint))), span(hint, "rule"))
    room = max(1, height - 1)
    first = max(0, min(at - room // 2, len(rows) - room))
    shown = [_row(choice, width, number == at) for number, choice in enumerate(rows[first : first + room], first)]
    if not rows:
        shown = [pad(line(span(" nothing matches", "dim")), width)]
    return [fit(title, width), *shown, *(pad((), width) for _ in range(room - len(shown)))]
