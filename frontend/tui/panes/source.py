"""The source of the frame that is looked at."""

from __future__ import annotations

from frontend.tui.panes.disassembly import HERE
from frontend.tui.panes.text import Line, Page, fit, line, span, uniform, wrap
from frontend.tui.view import SOURCE, ViewState

NAME = SOURCE
MISSING = "its text is not on this machine; directory DIR or set substitute-path FROM TO says where the source is"


def render(view: ViewState, width: int, height: int) -> Page:
    area = view.source
    if area is None:
        return Page(tuple(wrap("no line of the source is known here", width, "dim"))[:height])
    if area.lines is None:
        return Page(tuple(wrap(f"{area.file}:{area.line}: {MISSING}", width, "dim"))[:height])
    last = max(0, len(area.lines) - height)
    top = max(0, min(max(0, min(area.line - 1 - height // 3, last)) + view.scroll.get(NAME, 0), last))
    style = "code.past" if view.selected is not None else "code.here"
    digits = len(str(len(area.lines)))
    shown = [
        _row(number, text, digits, style if number == area.line else "", width)
        for number, text in enumerate(area.lines[top : top + height], top + 1)
    ]
    return Page(tuple(shown), top, max(0, last - top))


def _row(number: int, text: str, digits: int, style: str, width: int) -> Line:
    whole = line(span(HERE if style else " ", "strong"), span(f" {number:>{digits}}  ", "dim"), text)
    whole = fit(whole, width)
    return uniform(whole, style) if style else whole


def note(view: ViewState) -> str:
    return "" if view.source is None else f"{view.source.file}:{view.source.line}"
