"""The palette: every command, key, pane and layout by a few of its letters (Ctrl-P)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from frontend.commands import COMMANDS
from frontend.tui.events import Palette
from frontend.tui.key_controls import Controls
from frontend.tui.keys import KEYS
from frontend.tui.panes import PANES
from frontend.tui.preferences import LAYOUTS

NO_MATCH = 1000


class Choice(NamedTuple):
    """``name`` is what is searched first, ``hint`` the key or the arguments; ``act`` does it."""

    name: str
    hint: str
    help: str
    act: Callable[[Controls], None]


def _typed(name: str) -> Callable[[Controls], None]:
    return lambda controls: controls.type(name)


def _submitted(line: str) -> Callable[[Controls], None]:
    return lambda controls: controls.submit(line)


def _shown(key: str) -> Callable[[Controls], None]:
    return lambda controls: controls.show_pane(key)


def _rows() -> Iterator[Choice]:
    for row in COMMANDS:
        act = _typed(f"{row.name} ") if row.arguments else _submitted(row.name)
        yield Choice(row.name, row.arguments, row.help, act)
    seen = set()
    for key in KEYS:
        if key.action not in seen and not key.only_there:
            seen.add(key.action)
            name = key.action.__name__.replace("_", " ")
            yield Choice(name, key.label, key.action.__doc__ or "", key.action)
    for pane in PANES.values():
        yield Choice(f"pane {pane.title}", f"Alt-{pane.key}", "Show the pane, and give it the keys.", _shown(pane.key))
    for number, (what, _) in LAYOUTS.items():
        yield Choice(f"layout {number}", "", f"Arrange the panes: {what}.", _submitted(f"layout {number}"))


@cache
def choices() -> tuple[Choice, ...]:
    return tuple(_rows())


def distance(sought: str, name: str, help: str) -> int:
    """How far a choice is from what is sought: 0 is the same name; `NO_MATCH` where its letters are not there in their
    order, nor any word of them in the help."""
    if not sought:
        return 1
    if name == sought:
        return 0
    if name.startswith(sought):
        return 1 + len(name) - len(sought)
    if any(word.startswith(sought) for word in name.split()):
        return 50
    if sought in name:
        return 60
    if sought in help.lower():
        return 200 + help.lower().index(sought)
    gaps = _gaps(sought, name)
    return 70 + gaps if gaps is not None else NO_MATCH


def _gaps(sought: str, name: str) -> int | None:
    """How many letters of ``name`` lie between those of ``sought``, in order; None where they are not there."""
    at = gaps = 0
    for letter in sought:
        found = name.find(letter, at)
        if found < 0:
            return None
        gaps += found - at
        at = found + 1
    return gaps


@cache
def found(query: str) -> tuple[Choice, ...]:
    """What matches, the nearest first."""
    sought = query.strip().lower()
    ranked = [(distance(sought, choice.name.lower(), choice.help), choice) for choice in choices()]
    return tuple(choice for far, choice in sorted(ranked, key=lambda one: one[0]) if far < NO_MATCH)


def chosen(palette: Palette) -> Choice | None:
    rows = found(palette.query)
    return rows[min(palette.at, len(rows) - 1)] if rows else None
