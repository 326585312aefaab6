"""What was said: the answers to commands and dr6's own messages, and what the guest wrote to its console."""

from __future__ import annotations

import re
from collections.abc import Sequence

from frontend.clean import console_line, width_of
from frontend.tui.events import Kind
from frontend.tui.panes.text import Line, Page, bottom, break_text, line, span, wrap
from frontend.tui.view import MESSAGES, OUTPUT, ViewState

STYLES: dict[Kind, str] = {"command": "command", "text": "", "note": "good", "error": "error", "copied": "good"}
SCREENS = 4
INDENT = 2
_COLUMN = re.compile(r"\s*\S(?:.{0,20}?\S)?\s{2,}(?=\S)")


def _needed(view: ViewState, name: str, height: int) -> int:
    """How many of the last lines can be seen, as far as it is worth to wrap them."""
    return height * SCREENS - view.scroll.get(name, 0)


def _hang(text: str, width: int) -> int:
    """How far the further lines of a wrapped ``text`` go in: to its second column, if it has one."""
    column = _COLUMN.match(text)
    if column is not None and column.end() <= width // 2:
        return column.end()
    return min(len(text) - len(text.lstrip()), width // 2) + INDENT


def wrapped(text: str, style: str, width: int) -> list[Line]:
    """A line of an answer in lines of ``width``, the further ones under its second column."""
    if width_of(text) <= width:
        return [line(span(text, style))]
    indent = _hang(text, width)
    head = break_text(text, width)[0]
    return [line(span(head, style)), *wrap(text[len(head) :].lstrip(), width, style, first=" " * indent)]


def _tail(texts: Sequence[tuple[str, str]], width: int, height: int, need: int, scroll: int) -> Page:
    last = texts[-need:]
    lines: list[Line] = [one for text, style in last for one in wrapped(text, style, width)]
    shown = bottom(lines, width, height, scroll)
    return shown._replace(above=shown.above + len(texts) - len(last))


def render_messages(view: ViewState, width: int, height: int) -> Page:
    texts = [(message.text, STYLES[message.kind]) for message in view.messages]
    return _tail(texts, width, height, _needed(view, MESSAGES, height), view.scroll.get(MESSAGES, 0))


def render_output(view: ViewState, width: int, height: int) -> Page:
    texts = [(text, "") for text in view.output]
    if view.output_rest:
        texts.append((console_line(view.output_rest), ""))
    if not texts:
        return Page((line(span("the guest has written nothing", "dim")),))
    return _tail(texts, width, height, _needed(view, OUTPUT, height), view.scroll.get(OUTPUT, 0))


def note(view: ViewState) -> str:
    return ""
