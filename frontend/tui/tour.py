"""The tour: six things to do on the screen, each shown until it was done. Pure: a step is over when one view led to
another."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from frontend.tui.view import PROMPT, ViewState
from gdbstub.explain.evidence import Action


class TourStep(NamedTuple):
    """``text`` says what to do; ``done`` says of two views, one behind the other, whether it was."""

    text: str
    done: Callable[[ViewState, ViewState], bool]


def _new_event(old: ViewState, new: ViewState) -> bool:
    return new.stops is not old.stops and bool(new.stops) and new.stops[-1].record.event is not None


def _new_step(old: ViewState, new: ViewState) -> bool:
    return new.stops is not old.stops and bool(new.stops) and new.stops[-1].record.action is Action.STEP


def _in_why(old: ViewState, new: ViewState) -> bool:
    return new.focus == "why" != old.focus


def _walked_back(old: ViewState, new: ViewState) -> bool:
    return new.selected is not None and old.selected is None


def _command(old: ViewState, new: ViewState) -> bool:
    typed = new.messages is not old.messages and bool(new.messages) and new.messages[-1].kind == "command"
    return typed and new.focus == PROMPT and not new.messages[-1].text.endswith((" stepi", " continue"))


def _palette(old: ViewState, new: ViewState) -> bool:
    return new.palette is not None and old.palette is None


STEPS = (
    TourStep(
        "F9 lets the guest run to the next exception that it raises: code shows where that came from.", _new_event
    ),
    TourStep("Why did it stop? Alt-4 gives the keys to the pane why: causes, reasons, ! for a contradiction.", _in_why),
    TourStep(
        "F7 steps one instruction. Registers that changed have a •, and the prompt says who has the keys.", _new_step
    ),
    TourStep("Alt-Up looks at the stop before, with all panes as they were then; Alt-End comes back.", _walked_back),
    TourStep(
        "Esc gives the keys to the prompt, which takes gdb's commands: type info registers, or x/4i $pc.", _command
    ),
    TourStep("Ctrl-P finds any command, key or pane by a few letters; ? shows keys and marks. Open it; Esc.", _palette),
)
LEAVE = "tour off leaves"
END = "That was the tour. tour begins it again, Ctrl-D quits."


def follow(old: ViewState, new: ViewState) -> int:
    """The step of the tour after ``new`` has followed ``old``; 0 at its end."""
    if not 0 < new.tour <= len(STEPS) or old.tour != new.tour or not STEPS[new.tour - 1].done(old, new):
        return new.tour
    return 0 if new.tour == len(STEPS) else new.tour + 1


def text(view: ViewState) -> str:
    """``Tour 2/6: …``, or nothing."""
    if not 0 < view.tour <= len(STEPS):
        return ""
    return f"Tour {view.tour}/{len(STEPS)} ({LEAVE}): {STEPS[view.tour - 1].text}"
