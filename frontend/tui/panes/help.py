"""The help: every key, from the table of keys, and the panes."""

from __future__ import annotations

from collections.abc import Iterable

from frontend.tui.keys import KEYS, MARKS, MOUSE, PANE_KEYS, PROMPT_KEYS, STOPS
from frontend.tui.panes.text import EMPTY, Line, Page, line, page, span, wrap
from frontend.tui.view import PROMPT, ViewState

NAME = "help"
LABEL = 12
HEADS = (("everywhere", "Everywhere"), ("pane", "While a pane has the keys"), ("prompt", "At the prompt"))


def _rows(rows: Iterable[tuple[str, str]], width: int) -> list[Line]:
    lines: list[Line] = []
    for label, text in rows:
        first, *rest = wrap(text, width, first=" " * (LABEL + 2))
        lines.append(line(span(f"  {label:<{LABEL}}", "help.key"), *first[1:]))
        lines.extend(rest)
    return lines


def here(focus: str, width: int) -> list[Line]:
    """What has the keys, and the marks of that pane; at the prompt those of the code."""
    if focus == PROMPT:
        first = "The prompt has the keys: type gdb's commands (help lists them). In the code:"
        return [*wrap(first, width), *_rows(MARKS["code"], width), EMPTY]
    marks = _rows(MARKS.get(focus, ()), width)
    return [*wrap(f"The pane {focus} has the keys; Esc gives them back to the prompt.", width), *marks, EMPTY]


def help_lines(width: int, focus: str = PROMPT) -> list[Line]:
    """The whole help, wrapped to ``width``: first what is about ``focus``."""
    lines = here(focus, width)
    heads = HEADS if focus == PROMPT else sorted(HEADS, key=lambda head: head[0] != "pane")
    for where, head in heads:
        lines.append(line(span(head, "help.title")))
        rows = [(key.label, key.action.__doc__ or "") for key in KEYS if key.where == where]
        if where == "everywhere":
            rows.append(PANE_KEYS)
        if where == "prompt":
            rows = [*PROMPT_KEYS, *rows]
        lines.extend((*_rows(rows, width), EMPTY))
    lines.append(line(span("The list of stops", "help.title")))
    lines.extend((*_rows(STOPS, width), EMPTY))
    lines.append(line(span("Mouse", "help.title")))
    lines.extend(_rows(MOUSE, width))
    return lines


def render(view: ViewState, width: int, height: int) -> Page:
    return page(help_lines(width, view.focus), width, height, scroll=view.scroll.get(NAME, 0))


def note(view: ViewState) -> str:
    return "Esc closes"
