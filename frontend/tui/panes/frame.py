"""What stands around the panes: titles with their tabs, the status line, the bar of keys, a question."""

from __future__ import annotations

from collections.abc import Sequence

from frontend.tui.events import Focus, Question
from frontend.tui.keys import KEYS
from frontend.tui.panes.pane import Pane
from frontend.tui.panes.text import Fragment, Line, Page, fit, length, line, pad, span, wrap
from frontend.tui.tour import text as tour_text
from frontend.tui.view import ViewState
from gdbstub.debugger.logged_event import UNKNOWN_CPU

RULE = "─"
GAP = 2
VENDORS = {"intel": "Intel", "amd": "AMD"}


def title(view: ViewState, panes: Sequence[Pane], front: Pane, page: Page, width: int) -> Line:
    """One rule across: the tabs of a place, the front one with its note, and how much more there is."""
    note = front.note(view)
    more = "".join(f" {arrow}{count}" for arrow, count in (("↑", page.above), ("↓", page.below)) if count)
    tail = line(span(f" {note} " if note else "", "title.note"), span(f"{more[1:]} " if more else "", "title.note"))
    left = fit(_tabs(view, panes, front, width - length(tail)), width)
    room = width - length(left)
    if length(tail) > room - 1:
        tail = tail[1:] if length(tail[1:]) <= room - 1 else ()
    fill = width - length(left) - length(tail)
    if not tail:
        return (*left, span(RULE * fill, "rule"))
    return (*left, span(RULE * max(0, fill - 1), "rule"), *tail, span(RULE * min(fill, 1), "rule"))


def _tab(view: ViewState, pane: Pane, front: bool) -> Line:
    style = "title"
    if front:
        style = "title.focused" if view.focus == pane.name else "title.front"
    star = "*" if pane.name in view.unread and not front else ""
    return (span(f" {pane.key} {pane.title}{star} ", style, Focus(pane.name)),)


def _tabs(view: ViewState, panes: Sequence[Pane], front: Pane, width: int) -> Line:
    """The tabs of a place in their order; those behind the first that finds no room are their keys alone, sorted."""
    whole = [_tab(view, pane, pane is front) for pane in panes]
    keys = [_key(view, pane) for pane in panes]
    for names in range(len(panes), 0, -1):
        named = [one for n, one in enumerate(whole) if n < names or panes[n] is front]
        short = sorted((n for n in range(names, len(panes)) if panes[n] is not front), key=lambda n: panes[n].key)
        parts: Line = (span(RULE, "rule"),)
        for tab in named:
            parts = (*parts, *tab, span(RULE, "rule"))
        if short:
            parts = parts[:-1]
        for n in short:
            parts = (*parts, *keys[n])
        if length(parts) + 1 <= width:
            return parts
    return _short(view, panes, front)


def _key(view: ViewState, pane: Pane) -> Line:
    star = "*" if pane.name in view.unread else ""
    return (span(f"{pane.key}{star} ", "title", Focus(pane.name)),)


def _short(view: ViewState, panes: Sequence[Pane], front: Pane) -> Line:
    """The title of the front pane, and only the keys of the others."""
    parts: Line = (span(RULE, "rule"), *_tab(view, front, True))
    for pane in sorted(panes, key=lambda pane: pane.key):
        parts = parts if pane is front else (*parts, *_key(view, pane))
    return parts


def _state(view: ViewState) -> Fragment:
    if view.ended:
        return span(" LOST " if view.lost else " ENDED ", "status.ended")
    if view.running or view.ran:
        return span(f" RUNNING{f' {view.seconds} s' if view.seconds else ''} ", "status.running")
    if view.working:
        return span(" BUSY ", "status.stopped")
    return span(" STOPPED ", "status.stopped") if view.stops else span(" CONNECTING ", "status.stopped")


def _position(view: ViewState) -> Line:
    """Which stop is looked at."""
    record = view.record
    if record is None:
        return ()
    place = f"#{record.number} ({view.index + 1}/{len(view.stops)}) "
    if view.selected is None:
        return line("│ ", f"stop {place}")
    return line("│ ", span(f"back at {place}", "status.past"))


def status(view: ViewState, width: int) -> Line:
    """Backend, CPU, mode, CPL, running or stopped, vCPU, place in the history; the target at the right."""
    parts: list[str] = []
    if view.backend is not None:
        vendor = VENDORS.get(view.backend.vendor or "", "")
        parts.append(" ".join(word for word in (view.backend.name, view.backend.version, vendor) if word))
    state = view.state
    if state is not None:
        cpl = "" if state.cpl is None else f" CPL {state.cpl}"
        halted = " halted" if state.halted else ""
        cpu = "?" if state.cpu == UNKNOWN_CPU else state.cpu
        mode = f"{state.mode}-bit" if state.shows_mode or state.architecture else "mode ?"
        parts.extend((f"{mode}{cpl}", f"vCPU {cpu}{halted} of {view.cpus}"))
    if view.queued:
        parts.insert(0, f"{view.queued} queued")
    left: Line = (_state(view), *(span(f"│ {part} ") for part in parts), *_position(view))
    target = span(f" {view.target} ")
    space = width - length(left) - length((target,))
    whole = (*left, span(" " * space), target) if space >= 0 else left
    return tuple(part._replace(style=f"class:status {part.style}") for part in pad(whole, width))


def key_bar(view: ViewState, width: int) -> Line:
    """As many of the keys with a short name as there is room for; the last one is always there."""
    if view.question is not None:
        return pad((), width)
    entries = [
        line(span(key.label.partition(",")[0], "keys.key"), span(f" {key.bar}", "keys")) for key in KEYS if key.bar
    ]
    room = width - length(entries[-1])
    bar: Line = ()
    for entry in entries[:-1]:
        if length(bar) + length(entry) + GAP > room:
            break
        bar = (*bar, *entry, span(" " * GAP))
    return fit((*bar, *entries[-1]), width)


def tour_lines(view: ViewState, width: int) -> list[Line]:
    """The step of the tour, if one goes on."""
    said = tour_text(view)
    return [pad(one, width, "tour") for one in wrap(said, width, "tour")] if said else []


def question_line(question: Question, width: int) -> Line:
    """What is asked, and the keys that answer."""
    parts = line(span(f"{question.text} ", "question"))
    for answer in question.answers:
        parts = (*parts, *line(span(f" {answer.key} ", "help.key"), f"{answer.text} "))
    return fit((*parts, *line(span(" Esc ", "help.key"), "back")), width)
