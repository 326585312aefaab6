"""What the screen shows, as one frozen value, and `update`, which makes the next one from an event.

`update` is pure; it returns the very same view where an event changes nothing, and then nothing is drawn.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, assert_never

from frontend.clean import clean_text, console_line
from frontend.tui.events import (
    Ask,
    BreakpointsChanged,
    Event,
    Focus,
    Gathered,
    Kind,
    Looked,
    Message,
    Printed,
    PutCursor,
    Question,
    Scroll,
    SelectStop,
    SessionOpened,
    Show,
    Stop,
    StopShown,
    Submitted,
    Toggle,
    Walk,
    Working,
)
from frontend.tui.window import BreakpointRow, Window
from gdbstub.debugger.events import Disconnected, Output, Resumed
from gdbstub.debugger.record import StopRecord
from gdbstub.remote.capabilities import BackendInfo
from gdbstub.x86.cpu_state import CpuState

STOPS_KEPT = 1000
WINDOWS_KEPT = 200
LINES_KEPT = 1000
LONGEST_LINE = 4096

PROMPT = "prompt"
CODE = "code"
MESSAGES = "messages"
OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class ViewState:
    """All that is on the screen.

    ``selected`` is the number of the stop that is looked at, None the newest. ``front`` lists panes, the last
    one shown first: a place that several panes share shows the first of its own.
    """

    target: str = ""
    backend: BackendInfo | None = None
    cpus: int = 1
    stops: tuple[Stop, ...] = ()
    selected: int | None = None
    running: bool = False
    ran: bool = False
    """It ran since the current command began: a thousand steps are one run."""
    lost: str = ""
    working: str = ""
    windows: Mapping[int, Window] = field(default_factory=dict)
    live: Looked | None = None
    """What the newest stop has become since."""
    breakpoints: tuple[BreakpointRow, ...] = ()
    messages: tuple[Message, ...] = ()
    output: tuple[str, ...] = ()
    output_rest: str = ""
    """The guest's last line, raw, while no line feed has ended it."""
    spoken: int = 0
    """How many lines of messages came since the last command was typed, or the last stop."""
    scroll: Mapping[str, int] = field(default_factory=dict)
    front: tuple[str, ...] = ()
    unread: frozenset[str] = frozenset()
    focus: str = PROMPT
    cursor: int | None = None
    help: bool = False
    zoom: bool = False
    question: Question | None = None

    @property
    def index(self) -> int:
        """Where the selected stop is in ``stops``; -1 when there is none."""
        if self.selected is None:
            return len(self.stops) - 1
        return bisect_left(self.stops, self.selected, key=_number)

    @property
    def stop(self) -> Stop | None:
        """The stop that is looked at."""
        return self.stops[self.index] if self.stops else None

    @property
    def record(self) -> StopRecord | None:
        return self.stops[self.index].record if self.stops else None

    @property
    def state(self) -> CpuState | None:
        """The vCPU that is looked at; None where there is none, or none any more."""
        if self.selected is None and self.live is not None:
            return self.live.state
        record = self.record
        return None if record is None or record.ended else record.state

    @property
    def where(self) -> str:
        """The symbol at which `state` stands."""
        if self.selected is None and self.live is not None:
            return self.live.where
        return self.stops[self.index].where if self.stops else ""

    @property
    def previous(self) -> StopRecord | None:
        """The stop of the same vCPU before the one that is looked at."""
        index, state = self.index, self.state
        if index < 1 or state is None:
            return None
        cpu = state.cpu
        return next((s.record for s in reversed(self.stops[:index]) if s.record.cpu == cpu), None)

    @property
    def window(self) -> Window | None:
        """What was gathered at the stop that is looked at."""
        if self.selected is None and self.live is not None:
            return self.live.window
        record = self.record
        return None if record is None else self.windows.get(record.number)

    @property
    def shown_breakpoints(self) -> tuple[BreakpointRow, ...]:
        """The breakpoints as of the stop that is looked at, as far as they were gathered."""
        if self.selected is None or self.window is None:
            return self.breakpoints
        return self.window.breakpoints

    @property
    def ended(self) -> bool:
        """The guest, or the way to it, is gone."""
        return bool(self.lost) or bool(self.stops and self.stops[-1].record.ended)


def origin(record: StopRecord) -> int | None:
    """The address of the instruction that caused a stop, as far as it is known; for an event that was caught, the
    saved RIP may have to do."""
    if record.explanation.instruction is not None:
        return record.explanation.instruction.address
    return record.event.frame.rip if record.event is not None and record.event.frame is not None else None


def _number(stop: Stop) -> int:
    return stop.record.number


def _scrolled(view: ViewState, name: str, by: int) -> Mapping[str, int]:
    return {**view.scroll, name: view.scroll.get(name, 0) + by}


def _elsewhere(view: ViewState) -> dict[str, int]:
    """Scroll positions for another stop: only those of texts that do not depend on it are kept."""
    return {name: lines for name, lines in view.scroll.items() if name in (MESSAGES, OUTPUT)}


def _stopped(view: ViewState, stop: Stop) -> ViewState:
    """One more stop, or the newest one as a command has changed it since."""
    stops = view.stops
    if stops and _number(stops[-1]) == _number(stop):
        stops = stops[:-1]
    return replace(
        view,
        stops=(*stops[-STOPS_KEPT + 1 :], stop),
        running=False,
        ran=view.ran and bool(view.working),
        live=None,
        selected=None,
        cursor=None,
        spoken=0,
        scroll=_elsewhere(view),
    )


def _select(view: ViewState, number: int | None) -> ViewState:
    if view.stops and number is not None:
        number = min(max(number, _number(view.stops[0])), _number(view.stops[-1]))
        if number == _number(view.stops[-1]):
            number = None
    if not view.stops or number == view.selected:
        return view
    return replace(view, selected=number, cursor=None, scroll=_elsewhere(view))


def _walk(view: ViewState, by: int) -> ViewState:
    if not view.stops:
        return view
    index = min(max(view.index + by, 0), len(view.stops) - 1)
    return _select(view, _number(view.stops[index]))


def _gathered(view: ViewState, window: Window) -> ViewState:
    windows = {**view.windows, window.number: window}
    while len(windows) > WINDOWS_KEPT:
        del windows[next(iter(windows))]
    return replace(view, windows=windows, live=None, breakpoints=window.breakpoints)


def _looked(view: ViewState, live: Looked) -> ViewState:
    other = live.state.cpu != (view.state.cpu if view.state is not None else None)
    return replace(
        view,
        live=live,
        breakpoints=live.window.breakpoints,
        cursor=None if other else view.cursor,
        scroll=_elsewhere(view) if other else view.scroll,
    )


def _hidden(view: ViewState, name: str) -> frozenset[str]:
    return view.unread if view.front[:1] == (name,) else view.unread | {name}


def _print(view: ViewState, text: str, kind: Kind) -> ViewState:
    lines = tuple(Message(kind, line) for line in clean_text(text))
    below = view.scroll.get(MESSAGES, 0)
    return replace(
        view,
        messages=(*view.messages, *lines)[-LINES_KEPT:],
        spoken=view.spoken + len(lines),
        scroll=_scrolled(view, MESSAGES, -len(lines)) if below < 0 else view.scroll,
        unread=_hidden(view, MESSAGES),
    )


def _write(view: ViewState, text: str) -> ViewState:
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
        scroll=_scrolled(view, OUTPUT, -len(whole)) if below < 0 else view.scroll,
        unread=_hidden(view, OUTPUT),
    )


def _show(view: ViewState, name: str) -> ViewState:
    if view.front[:1] == (name,) and name not in view.unread:
        return view
    front = (name, *(other for other in view.front if other != name))
    return replace(view, front=front, unread=view.unread - {name})


def _submitted(view: ViewState, line: str) -> ViewState:
    """The line is put down among the messages, which come to the front at their end."""
    view = replace(_print(view, f"(dr6) {line}", "command"), spoken=1, scroll={**view.scroll, MESSAGES: 0})
    return _show(view, MESSAGES)


def _focus(view: ViewState, name: str) -> ViewState:
    shown = view if name == PROMPT else _show(view, name)
    return shown if shown.focus == name else replace(shown, focus=name)


def _lost(view: ViewState, why: str) -> ViewState:
    return replace(_print(view, why, "error"), lost=why, running=False, ran=False)


def _toggle(view: ViewState, what: Literal["help", "zoom"]) -> ViewState:
    if what == "help":
        return replace(view, help=not view.help, scroll={**view.scroll, "help": 0})
    return replace(view, zoom=not view.zoom)


def update(view: ViewState, event: Event) -> ViewState:
    """The view after ``event``; the same object where nothing changes."""
    match event:
        case StopShown(stop):
            return _stopped(view, stop)
        case Resumed():
            return view if view.running else replace(view, running=True, ran=True)
        case Output(text, origin):
            return _write(view, text) if origin == "guest" else _print(view, text, "note")
        case Disconnected(why):
            return _lost(view, why)
        case Gathered(window):
            return _gathered(view, window)
        case Looked():
            return _looked(view, event)
        case BreakpointsChanged(rows):
            return view if rows == view.breakpoints else replace(view, breakpoints=rows)
        case Printed(text, kind):
            return _print(view, text, kind)
        case Submitted(line):
            return _submitted(view, line)
        case Working(line):
            return view if line == view.working else replace(view, working=line, ran=view.running)
        case SessionOpened(target, backend, cpus):
            return replace(view, target=target, backend=backend, cpus=cpus)
        case SelectStop(number):
            return _select(view, number)
        case Walk(by):
            return _walk(view, by)
        case Focus(name):
            return _focus(view, name)
        case Show(name):
            return _show(view, name)
        case Scroll(name, by):
            return replace(view, scroll=_scrolled(view, name, by)) if by else view
        case PutCursor(address):
            return view if address == view.cursor else replace(view, cursor=address)
        case Toggle(what):
            return _toggle(view, what)
        case Ask(question):
            return view if question == view.question else replace(view, question=question)
        case _:
            assert_never(event)
