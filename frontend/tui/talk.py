"""What the messages and the guest's output become: lines, cleaned, the last `LINES_KEPT` of them. Pure, as `update`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from frontend.clean import clean_text, console_line
from frontend.tui.events import Kind, Message
from frontend.tui.view import LINES_KEPT, LONGEST_LINE, MESSAGES, OUTPUT, ViewState


def scrolled(view: ViewState, name: str, by: int) -> Mapping[str, int]:
    return {**view.scroll, name: view.scroll.get(name, 0) + by}


def _hidden(view: ViewState, name: str) -> frozenset[str]:
    return view.unread if view.front[:1] == (name,) else view.unread | {name}


def print_text(view: ViewState, text: str, kind: Kind) -> ViewState:
    lines = tuple(Message(kind, line) for line in clean_text(text))
    below = view.scroll.get(MESSAGES, 0)
    return replace(
        view,
        messages=(*view.messages, *lines)[-LINES_KEPT:],
        spoken=view.spoken + len(lines),
        scroll=scrolled(view, MESSAGES, -len(lines)) if below < 0 else view.scroll,
        unread=_hidden(view, MESSAGES),
    )


def write_output(view: ViewState, text: str) -> ViewState:
    """What the guest wrote; lines end at line feeds, and one that never ends is broken up."""
    *whole, rest = (view.output_rest + text).split("\n")
    while len(rest) > LONGEST_LINE:
        whole.append(rest[:LONGEST_LINE])
        rest = rest[LONGEST_LINE:]
    below = view.scroll.get(OUTPUT, 0)
    return replace(
        view,
        output=(*view.output, *map(console_line, whole))[-LINES_KEPT:],
        output_rest=rest,
        scroll=scrolled(view, OUTPUT, -len(whole)) if below < 0 else view.scroll,
        unread=_hidden(view, OUTPUT),
    )


def show(view: ViewState, name: str) -> ViewState:
    if view.front[:1] == (name,) and name not in view.unread:
        return view
    front = (name, *(other for other in view.front if other != name))
    return replace(view, front=front, unread=view.unread - {name})


def submitted(view: ViewState, line: str) -> ViewState:
    """The line is put down among the messages, which come to the front at their end."""
    view = replace(
        print_text(view, f"(dr6) {line}", "command"), spoken=1, sheet=None, scroll={**view.scroll, MESSAGES: 0}
    )
    return show(view, MESSAGES)
