"""The keys, as rows: which key, where, which action. Help, bottom bar and bindings are read from here.

An action is a function of the `Controls`; its docstring is what the help says. No prompt_toolkit here: key
names are prompt_toolkit's, `key_bindings` makes bindings of them.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from frontend.tui import actions
from frontend.tui.actions import Action

Place = Literal["everywhere", "pane", "prompt"]


class Key(NamedTuple):
    """One row. ``sequences`` are the key sequences that do it, each a blank-separated list of prompt_toolkit
    key names; ``label`` is how the help writes them; ``bar`` a short name for the bottom bar, if it is
    there."""

    sequences: tuple[str, ...]
    label: str
    where: Place
    action: Action
    bar: str = ""
    only_there: bool = False
    """Does it mean something only with the keys in a pane? Then it is not in the palette."""


KEYS: tuple[Key, ...] = (
    Key(("f1",), "F1", "everywhere", actions.show_help, "help"),
    Key(("c-p",), "Ctrl-P", "everywhere", actions.open_palette, "find"),
    Key(("f7",), "F7", "everywhere", actions.step, "step"),
    Key(("f8",), "F8", "everywhere", actions.step_over, "next"),
    Key(("f9", "f5"), "F9, F5", "everywhere", actions.resume, "continue"),
    Key(("c-c",), "Ctrl-C", "everywhere", actions.interrupt, "interrupt"),
    Key(("f2",), "F2", "everywhere", actions.breakpoint_here, "breakpoint"),
    Key(("f4",), "F4", "everywhere", actions.run_to_cursor),
    Key(("escape up",), "Alt-Up", "everywhere", actions.older, "older stop"),
    Key(("escape down",), "Alt-Down", "everywhere", actions.newer),
    Key(("escape home",), "Alt-Home", "everywhere", actions.oldest),
    Key(("escape end",), "Alt-End", "everywhere", actions.newest),
    Key(("escape right", "c-x o"), "Alt-Right", "everywhere", actions.next_pane, "panes"),
    Key(("escape left",), "Alt-Left", "everywhere", actions.previous_pane),
    Key(("escape pageup",), "Alt-PgUp", "everywhere", actions.event_before),
    Key(("escape pagedown",), "Alt-PgDn", "everywhere", actions.event_after),
    Key(("f6",), "F6", "everywhere", actions.handler),
    Key(("pageup",), "PgUp", "everywhere", actions.page_up),
    Key(("pagedown",), "PgDn", "everywhere", actions.page_down),
    Key(("escape z",), "Alt-Z", "everywhere", actions.zoom),
    Key(("escape h",), "Alt-H", "everywhere", actions.hide_pane),
    Key(("escape +", "escape ="), "Alt-+", "everywhere", actions.taller),
    Key(("escape -",), "Alt--", "everywhere", actions.lower),
    Key(("escape >", "escape ."), "Alt->", "everywhere", actions.wider),
    Key(("escape <", "escape ,"), "Alt-<", "everywhere", actions.narrower),
    Key(("escape x",), "Alt-X", "everywhere", actions.exchange),
    Key(("escape y",), "Alt-Y", "everywhere", actions.copy),
    Key(("y",), "y", "pane", actions.copy),
    Key(("escape m",), "Alt-M", "everywhere", actions.toggle_mouse),
    Key(("c-l",), "Ctrl-L", "everywhere", actions.redraw),
    Key(("s",), "s", "pane", actions.step),
    Key(("n",), "n", "pane", actions.step_over),
    Key(("c",), "c", "pane", actions.resume),
    Key(("f",), "f", "pane", actions.finish),
    Key(("b", "space"), "b, Space", "pane", actions.breakpoint_here),
    Key(("[",), "[", "pane", actions.older),
    Key(("]",), "]", "pane", actions.newer),
    Key(("g",), "g", "pane", actions.oldest),
    Key(("G",), "G", "pane", actions.newest),
    Key(("e",), "e", "pane", actions.events_only),
    Key(("v",), "v", "pane", actions.by_cpu),
    Key(("=",), "=", "pane", actions.by_cause),
    Key(("/",), "/", "pane", actions.search_stops),
    Key(("up", "k"), "Up, k", "pane", actions.up, only_there=True),
    Key(("down", "j"), "Down, j", "pane", actions.down, only_there=True),
    Key(("left",), "Left", "pane", actions.left, only_there=True),
    Key(("right",), "Right", "pane", actions.right, only_there=True),
    Key(("u",), "u", "pane", actions.undo),
    Key(("tab", "c-w"), "Tab", "pane", actions.next_pane),
    Key(("s-tab",), "Shift-Tab", "pane", actions.previous_pane),
    Key(("z",), "z", "pane", actions.zoom),
    Key(("?",), "?", "pane", actions.show_help),
    Key(("enter",), "Enter", "pane", actions.follow, only_there=True),
    Key(("h", "backspace"), "h", "pane", actions.handler),
    Key(("escape", "i", ":"), "Esc, :", "pane", actions.prompt, only_there=True),
    Key(("q", "c-d"), "q", "pane", actions.leave),
    Key(("?",), "?", "prompt", actions.show_help),
    Key(("c-d",), "Ctrl-D", "prompt", actions.leave, "quit"),
)

PANE_KEYS = ("Alt-0 … 9", "show the pane with that number, or letter (Alt-l, w, p, t, a), and give it the keys")
"""The panes' own keys, which their table has."""
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

MARKS: dict[str, tuple[tuple[str, str], ...]] = {
    "code": (
        ("▶", "RIP, where the guest stands"),
        ("◀", "the instruction that caused the event, and what it touched"),
        ("→", "the RIP that was saved: a trap's is behind the instruction, a fault's on it"),
        ("● ○", "a breakpoint, one that is disabled"),
        ("›", "the cursor"),
    ),
    "registers": (("•", "it has changed since this vCPU's stop before"),),
    "dr": (
        ("●", "this stop hit the slot, or the slot is enabled so"),
        ("[B1]", "set by this event"),
        ("(B1)", "left from before"),
    ),
    "why": (
        ("■", "a cause: whose, fault or trap, how sure"),
        ("!", "a contradiction: hardware would do something else"),
        ("?", "what is not known"),
        ("→", "what to do about it"),
    ),
    "stops": STOPS,
    "stack": (
        ("return", "it stands behind a call"),
        ("frame", "a saved frame pointer"),
        ("→", "where the word leads"),
    ),
    "breakpoints": (("● ○", "set, disabled"), ("pending", "it will be armed when it can be")),
    "memory": (("red", "bytes that have changed since the stop before; reversed: the one that Enter sets"),),
    "watch": (("→", "what it was at the stop before, and what it is now"),),
    "cpus": (("▶", "the selected vCPU"), ("■", "the one that stopped")),
}
"""What the marks of a pane mean."""

MOUSE = (
    ("click", "a stop: look at it; code: put the cursor; a title: show that pane"),
    ("wheel", "scroll the pane under the mouse"),
)
