"""The next view from an event. `update` is pure; it returns the very same view where an event changes nothing, and then
nothing is drawn.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from typing import Literal, assert_never

from frontend.tui.events import (
    Arrange,
    Ask,
    BreakpointsChanged,
    Event,
    FilterStops,
    Focus,
    Gap,
    Gathered,
    Keep,
    Looked,
    OpenPalette,
    OpenSheet,
    Printed,
    PutByte,
    PutCursor,
    Queued,
    Scroll,
    SelectBit,
    SelectStop,
    SessionOpened,
    Show,
    ShowCode,
    Stop,
    StopShown,
    Submitted,
    Ticked,
    Toggle,
    Tour,
    ValueChanged,
    Walk,
    Wish,
    Working,
)
from frontend.tui.stop_list import next_match
from frontend.tui.talk import print_text, scrolled, show, submitted, write_output
from frontend.tui.view import (
    CODE,
    MESSAGES,
    OUTPUT,
    PROMPT,
    SOURCE,
    ViewState,
    number_of,
)
from frontend.tui.window import Window
from gdbstub.debugger.events import Disconnected, Output, Resumed


def _elsewhere(view: ViewState) -> dict[str, int]:
    """Scroll positions for another stop: only those of texts that do not depend on it are kept."""
    return {name: lines for name, lines in view.scroll.items() if name in (MESSAGES, OUTPUT)}


def _scroll_code(view: ViewState) -> dict[str, int]:
    """Other code begins where it is about."""
    return {name: lines for name, lines in view.scroll.items() if name != CODE}


def _kept(stops: tuple[Stop, ...], most: int) -> tuple[Stop, ...]:
    """At most so many of ``stops``, by the rule of `KeptStops`."""
    while len(stops) > most:
        at = next((at for at, stop in enumerate(stops[:-1]) if stop.plain or stop.record.is_plain_step), 0)
        stops = (*stops[:at], *stops[at + 1 :])
    return stops


def _keep(view: ViewState, most: int) -> ViewState:
    stops = _kept(view.stops, most)
    here = view.selected is None or any(number_of(stop) == view.selected for stop in stops)
    return replace(view, kept=most, stops=stops, selected=view.selected if here else None)


def _stopped(view: ViewState, stop: Stop) -> ViewState:
    """One more stop, or the newest one as a command has changed it since."""
    stops = view.stops
    if stops and number_of(stops[-1]) == number_of(stop):
        stop = stop._replace(gap=stops[-1].gap, change=stop.change or stops[-1].change)
        stops = stops[:-1]
    elif view.gap:
        stop = stop._replace(gap=view.gap)
    return replace(
        view,
        stops=_kept((*stops, stop), view.kept),
        running=False,
        ran=view.ran and bool(view.working),
        live=None,
        gap="",
        selected=None,
        cursor=None,
        area=None,
        at_handler=False,
        spoken=0,
        scroll=_elsewhere(view),
    )


def _select(view: ViewState, number: int | None) -> ViewState:
    if view.stops and number is not None:
        number = min(max(number, number_of(view.stops[0])), number_of(view.stops[-1]))
        if number == number_of(view.stops[-1]):
            number = None
    if not view.stops or number == view.selected:
        return view
    return replace(view, selected=number, cursor=None, area=None, at_handler=False, scroll=_elsewhere(view))


def _walk(view: ViewState, by: int, events: bool) -> ViewState:
    if not view.stops:
        return view
    sought = view.filter._replace(events=view.filter.events or events)
    index = next_match(view.stops, view.index, by, sought)
    return _select(view, number_of(view.stops[index]))


def _value_changed(view: ViewState, number: int, text: str) -> ViewState:
    at = bisect_left(view.stops, number, key=number_of)
    if at == len(view.stops) or number_of(view.stops[at]) != number:
        return view
    return replace(view, stops=(*view.stops[:at], view.stops[at]._replace(change=text), *view.stops[at + 1 :]))


def _gathered(view: ViewState, window: Window) -> ViewState:
    windows = {**view.windows, window.number: window}
    while len(windows) > view.code_kept:
        plain = (number for number, kept in windows.items() if kept.plain and kept is not window)
        del windows[next(plain, next(iter(windows)))]
    return replace(view, windows=windows, live=None, breakpoints=window.breakpoints)


def _looked(view: ViewState, live: Looked) -> ViewState:
    other = live.state.cpu != (view.state.cpu if view.state is not None else None)
    kept, windows = view.windows.get(live.window.number), view.windows
    if kept is not None:  # what the stop after it is compared with
        windows = {**windows, live.window.number: replace(kept, extras=live.window.extras)}
    return replace(
        view,
        live=live,
        windows=windows,
        breakpoints=live.window.breakpoints,
        cursor=None if other else view.cursor,
        scroll=_elsewhere(view) if other else view.scroll,
    )


def _focus(view: ViewState, name: str) -> ViewState:
    shown = view if name == PROMPT else show(view, name)
    return shown if shown.focus == name else replace(shown, focus=name)


def _lost(view: ViewState, why: str) -> ViewState:
    return replace(print_text(view, why, "error"), lost=why, running=False, ran=False)


def _toggle(view: ViewState, what: Literal["help", "zoom", "handler", "unfolded"]) -> ViewState:
    if what == "unfolded":
        return replace(view, unfolded=not view.unfolded, scroll={**view.scroll, "stops": 0})
    if what == "handler":
        back = view.area is not None
        return replace(view, area=None, at_handler=view.at_handler ^ (not back), cursor=None, scroll=_scroll_code(view))
    if what == "help":
        return replace(view, help=not view.help, scroll={**view.scroll, "help": 0})
    return replace(view, zoom=not view.zoom)


def _without_focus(view: ViewState) -> ViewState:
    """The source is gone from the screen where none is known; the keys go to the prompt then."""
    return replace(view, focus=PROMPT) if view.focus == SOURCE and view.source is None else view


def update(view: ViewState, event: Event) -> ViewState:
    """The view after ``event``; the same object where nothing changes."""
    match event:
        case StopShown(stop):
            return _stopped(view, stop)
        case Resumed():
            return (
                view if view.running else replace(view, running=True, ran=True, seconds=view.seconds if view.ran else 0)
            )
        case Output(text, origin):
            return write_output(view, text) if origin == "guest" else print_text(view, text, "note")
        case Disconnected(why):
            return _lost(view, why)
        case Gathered(window):
            return _without_focus(_gathered(view, window))
        case Looked():
            return _without_focus(_looked(view, event))
        case Gap(why):
            return replace(view, gap=why)
        case BreakpointsChanged(rows):
            return view if rows == view.breakpoints else replace(view, breakpoints=rows)
        case Printed(text, kind):
            return print_text(view, text, kind)
        case Submitted(line):
            return submitted(view, line)
        case Working(line):
            return view if line == view.working else replace(view, working=line, ran=view.running)
        case SessionOpened(target, backend, cpus, names):
            again = replace(view, lost="", running=False, ran=False, live=None, breakpoints=())
            return replace(again, target=target, backend=backend, cpus=cpus, names=names)
        case Queued(lines):
            return view if lines == view.queued else replace(view, queued=lines)
        case Ticked():
            return replace(view, seconds=view.seconds + 1)
        case Keep(most, code):
            kept = view if most == view.kept else _keep(view, most)
            return kept if code == kept.code_kept else replace(kept, code_kept=code)
        case ValueChanged(number, text):
            return _value_changed(view, number, text)
        case _:
            return _wished(view, event)


def _wished(view: ViewState, event: Wish) -> ViewState:
    """What the keys and the mouse ask for; nothing of the guest changes."""
    match event:
        case SelectStop(number):
            return _without_focus(_select(view, number))
        case Walk(by, events):
            return _without_focus(_walk(view, by, events))
        case FilterStops(sought):
            return view if sought == view.filter else replace(view, filter=sought, scroll={**view.scroll, "stops": 0})
        case Focus(name):
            return _focus(view, name)
        case Show(name):
            return show(view, name)
        case Scroll(name, by):
            return replace(view, scroll=scrolled(view, name, by)) if by else view
        case PutCursor(address):
            return view if address == view.cursor else replace(view, cursor=address)
        case ShowCode(area):
            return replace(view, area=area, cursor=None, scroll=_scroll_code(view))
        case PutByte(offset):
            return replace(view, byte=offset, scroll={**view.scroll, "memory": 0})
        case SelectBit(key):
            return view if key == view.bit else replace(view, bit=key)
        case OpenSheet(sheet):
            return view if sheet == view.sheet else replace(view, sheet=sheet, scroll={**view.scroll, "sheet": 0})
        case OpenPalette(palette):
            return view if palette == view.palette else replace(view, palette=palette)
        case Tour(step):
            return view if step == view.tour else replace(view, tour=step)
        case Arrange(preferences):
            return view if preferences == view.preferences else replace(view, preferences=preferences)
        case Toggle(what):
            return _toggle(view, what)
        case Ask(question):
            return view if question == view.question else replace(view, question=question)
        case _:
            assert_never(event)
