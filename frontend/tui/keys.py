"""The keys, as rows: which key, where, which action. Help, bottom bar and bindings are read from here.

An action is a function of the `Controls`; its docstring is what the help says. No prompt_toolkit here: key
names are prompt_toolkit's, `key_bindings` makes bindings of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

from frontend.tui.cursor import go_to_operand, neighbour, place, run_here, toggle_breakpoint
from frontend.tui.debug_bits import next_bit
from frontend.tui.events import Event, FilterStops, Focus, PutCursor, SelectBit, SelectStop, Toggle, Walk
from frontend.tui.view import CODE, PROMPT, ViewState

Place = Literal["everywhere", "pane", "prompt"]


class Controls(Protocol):
    """What a key can move. All calls are synchronous."""

    @property
    def view(self) -> ViewState: ...

    def dispatch(self, event: Event) -> None:
        """Change the view."""

    def submit(self, line: str) -> None:
        """Have a command line executed."""

    def submit_here(self, line: Callable[[ViewState], str | None]) -> None:
        """Have a command line executed that is made of the view when its turn comes."""

    def interrupt(self) -> None:
        """Stop the running guest, or clear the prompt."""

    def leave(self) -> None:
        """Ask how to leave."""

    def scroll(self, lines: int = 0, pages: int = 0) -> None:
        """Scroll the pane that has the keys (the messages while the prompt has them)."""

    def next_pane(self, by: int) -> None:
        """Give the keys to another pane, or back to the prompt."""

    def show_pane(self, key: str) -> None:
        """Bring the pane with this number to the front and give it the keys."""

    def type(self, text: str) -> None:
        """Give the prompt the keys, with ``text`` in it."""

    def redraw(self) -> None:
        """Draw the whole screen again."""

    def toggle_mouse(self) -> None:
        """Take the mouse from the terminal, or give it back."""


Action = Callable[[Controls], None]


def step(controls: Controls) -> None:
    """step one instruction"""
    controls.submit("stepi")


def step_over(controls: Controls) -> None:
    """step over a call, an interrupt or a repeated string instruction"""
    controls.submit("nexti")


def resume(controls: Controls) -> None:
    """continue"""
    controls.submit("continue")


def finish(controls: Controls) -> None:
    """run until the function returns"""
    controls.submit("finish")


def run_to_cursor(controls: Controls) -> None:
    """run to the cursor in the code"""
    if (command := run_here(controls.view)) is not None:
        controls.submit(command)


def breakpoint_here(controls: Controls) -> None:
    """set or delete a breakpoint at the cursor"""
    seen = controls.view
    controls.submit_here(lambda now: toggle_breakpoint(seen, now))


def interrupt(controls: Controls) -> None:
    """stop the running guest; clear the prompt while it is stopped"""
    controls.interrupt()


def leave(controls: Controls) -> None:
    """quit (asks how to leave the guest)"""
    controls.leave()


def older(controls: Controls) -> None:
    """look at the stop before"""
    controls.dispatch(Walk(-1))


def newer(controls: Controls) -> None:
    """look at the stop after"""
    controls.dispatch(Walk(1))


def oldest(controls: Controls) -> None:
    """look at the oldest stop"""
    controls.dispatch(SelectStop(0))


def newest(controls: Controls) -> None:
    """back to the newest stop"""
    controls.dispatch(SelectStop(None))


def event_before(controls: Controls) -> None:
    """look at the event before, past all steps"""
    controls.dispatch(Walk(-1, events=True))


def event_after(controls: Controls) -> None:
    """look at the event after"""
    controls.dispatch(Walk(1, events=True))


def events_only(controls: Controls) -> None:
    """in the list of stops: events only, and all again"""
    now = controls.view.filter
    controls.dispatch(FilterStops(now._replace(events=not now.events)))


def by_cpu(controls: Controls) -> None:
    """in the list of stops: those of vCPU 0, 1, …, and all again"""
    view = controls.view
    cpu = 0 if view.filter.cpu is None else view.filter.cpu + 1
    controls.dispatch(FilterStops(view.filter._replace(cpu=None if cpu >= view.cpus else cpu)))


def by_cause(controls: Controls) -> None:
    """in the list of stops: those with the cause of the one that is looked at, and all again"""
    now, record = controls.view.filter, controls.view.record
    cause = "" if now.cause or record is None else record.explanation.causes[0].cause
    controls.dispatch(FilterStops(now._replace(cause=cause)))


def search_stops(controls: Controls) -> None:
    """search the stops: the prompt begins with stops /"""
    controls.type("stops /")


def page_up(controls: Controls) -> None:
    """scroll up: the pane that has the keys, or the messages"""
    controls.scroll(pages=-1)


def page_down(controls: Controls) -> None:
    """scroll down"""
    controls.scroll(pages=1)


def next_pane(controls: Controls) -> None:
    """give the keys to the next pane"""
    controls.next_pane(1)


def previous_pane(controls: Controls) -> None:
    """give the keys to the pane before"""
    controls.next_pane(-1)


def prompt(controls: Controls) -> None:
    """back to the prompt"""
    controls.dispatch(Focus(PROMPT))


def _move(controls: Controls, by: int) -> None:
    view = controls.view
    if view.focus == CODE and place(view) is not None:
        controls.dispatch(PutCursor(neighbour(view, by)))
    elif view.focus == "stops":
        controls.dispatch(Walk(by))
    elif view.focus == "dr":
        controls.dispatch(SelectBit(next_bit(view.bit, by)))
    else:
        controls.scroll(lines=by)


def up(controls: Controls) -> None:
    """up: the cursor in the code, the stop in the list, the bit of a debug register, else scroll"""
    _move(controls, -1)


def down(controls: Controls) -> None:
    """down"""
    _move(controls, 1)


def follow(controls: Controls) -> None:
    """code: go to what the instruction names; stops: unfold the steps; elsewhere: back to the prompt"""
    if controls.view.focus == "stops":
        controls.dispatch(Toggle("unfolded"))
        return
    command = go_to_operand(controls.view) if controls.view.focus == CODE else None
    if command is not None:
        controls.submit(command)
    elif controls.view.focus != CODE:
        controls.dispatch(Focus(PROMPT))


def handler(controls: Controls) -> None:
    """at an event: its handler's code, and back; behind `code` or Enter: back to the stop's code"""
    controls.dispatch(Toggle("handler"))


def zoom(controls: Controls) -> None:
    """the pane that has the keys on the whole screen, and back"""
    controls.dispatch(Toggle("zoom"))


def show_help(controls: Controls) -> None:
    """this help"""
    controls.dispatch(Toggle("help"))


def redraw(controls: Controls) -> None:
    """draw the screen again"""
    controls.redraw()


def toggle_mouse(controls: Controls) -> None:
    """mouse on or off (off: the terminal's own selection)"""
    controls.toggle_mouse()


class Key(NamedTuple):
    """One row. ``sequences`` are the key sequences that do it, each a blank-separated list of prompt_toolkit
    key names; ``label`` is how the help writes them; ``bar`` a short name for the bottom bar, if it is
    there."""

    sequences: tuple[str, ...]
    label: str
    where: Place
    action: Action
    bar: str = ""


KEYS: tuple[Key, ...] = (
    Key(("f1",), "F1", "everywhere", show_help, "help"),
    Key(("f7",), "F7", "everywhere", step, "step"),
    Key(("f8",), "F8", "everywhere", step_over, "next"),
    Key(("f9", "f5"), "F9, F5", "everywhere", resume, "continue"),
    Key(("c-c",), "Ctrl-C", "everywhere", interrupt, "interrupt"),
    Key(("f2",), "F2", "everywhere", breakpoint_here, "breakpoint"),
    Key(("f4",), "F4", "everywhere", run_to_cursor),
    Key(("escape up",), "Alt-Up", "everywhere", older, "older stop"),
    Key(("escape down",), "Alt-Down", "everywhere", newer),
    Key(("escape home",), "Alt-Home", "everywhere", oldest),
    Key(("escape end",), "Alt-End", "everywhere", newest),
    Key(("escape right", "c-x o"), "Alt-Right", "everywhere", next_pane, "panes"),
    Key(("escape left",), "Alt-Left", "everywhere", previous_pane),
    Key(("escape pageup",), "Alt-PgUp", "everywhere", event_before),
    Key(("escape pagedown",), "Alt-PgDn", "everywhere", event_after),
    Key(("f6",), "F6", "everywhere", handler),
    Key(("pageup",), "PgUp", "everywhere", page_up),
    Key(("pagedown",), "PgDn", "everywhere", page_down),
    Key(("escape z",), "Alt-Z", "everywhere", zoom),
    Key(("escape m",), "Alt-M", "everywhere", toggle_mouse),
    Key(("c-l",), "Ctrl-L", "everywhere", redraw),
    Key(("s",), "s", "pane", step),
    Key(("n",), "n", "pane", step_over),
    Key(("c",), "c", "pane", resume),
    Key(("f",), "f", "pane", finish),
    Key(("b", "space"), "b, Space", "pane", breakpoint_here),
    Key(("[",), "[", "pane", older),
    Key(("]",), "]", "pane", newer),
    Key(("g",), "g", "pane", oldest),
    Key(("G",), "G", "pane", newest),
    Key(("e",), "e", "pane", events_only),
    Key(("v",), "v", "pane", by_cpu),
    Key(("=",), "=", "pane", by_cause),
    Key(("/",), "/", "pane", search_stops),
    Key(("up", "k"), "Up, k", "pane", up),
    Key(("down", "j"), "Down, j", "pane", down),
    Key(("tab", "c-w"), "Tab", "pane", next_pane),
    Key(("s-tab",), "Shift-Tab", "pane", previous_pane),
    Key(("z",), "z", "pane", zoom),
    Key(("?",), "?", "pane", show_help),
    Key(("enter",), "Enter", "pane", follow),
    Key(("h", "backspace"), "h", "pane", handler),
    Key(("escape", "i", ":"), "Esc, :", "pane", prompt),
    Key(("q", "c-d"), "q", "pane", leave),
    Key(("c-d",), "Ctrl-D", "prompt", leave, "quit"),
)

PROMPT_KEYS = (
    ("Enter", "run the command; on an empty line the one before again"),
    ("Tab", "complete; Shift-Tab goes back"),
    ("Up, Down", "the lines typed before; Ctrl-R searches them"),
)
"""What prompt_toolkit's line editor does by itself."""

STOPS = (
    ("RIP", "where what was stopped goes on: of an event of the guest, the RIP that it saved"),
    ("where", "of an event the instruction that caused it, else where the guest stands"),
    ("⋯", "plain steps, folded; Enter unfolds them, a click goes there"),
    ("▪", "an event of the guest"),
    ("!", "a contradiction: see why"),
    ("?", "events before this one may be missing: see why"),
)
"""What the list of stops means by its column and its marks."""

MOUSE = (
    ("click", "a stop: look at it; code: put the cursor; a title: show that pane"),
    ("wheel", "scroll the pane under the mouse"),
)
