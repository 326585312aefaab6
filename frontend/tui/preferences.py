"""What the user wants of the panes: hidden ones, sizes, places. Applied to an `Arrangement`, saved as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from frontend.commands.setting import THEMES
from frontend.tui.boxes import Arrangement, Box, Column

LEAST_ROWS = 3
LEAST_CELLS = 20


class Preferences(NamedTuple):
    """``hidden`` panes are nowhere until they are asked for; ``taller`` and ``wider`` are rows and cells more (or less)
    for the place that a pane is in; ``moved`` says which pane stands in the place of which."""

    hidden: frozenset[str] = frozenset()
    taller: Mapping[str, int] = {}
    wider: Mapping[str, int] = {}
    moved: Mapping[str, str] = {}
    theme: str = "dark"
    """Not of the panes, but remembered with them."""

    def hide(self, name: str) -> Preferences:
        return self._replace(hidden=self.hidden | {name})

    def show(self, name: str) -> Preferences:
        return self._replace(hidden=self.hidden - {name}) if name in self.hidden else self

    def resize(self, name: str, rows: int = 0, cells: int = 0) -> Preferences:
        return self._replace(
            taller={**self.taller, name: self.taller.get(name, 0) + rows},
            wider={**self.wider, name: self.wider.get(name, 0) + cells},
        )

    def exchange(self, one: str, other: str) -> Preferences:
        """Each in the place of the other."""
        place_of = {pane: place for place, pane in self.moved.items()}
        moved = {**self.moved, place_of.get(one, one): other, place_of.get(other, other): one}
        return self._replace(moved={place: pane for place, pane in moved.items() if place != pane})

    def as_json(self) -> dict[str, object]:
        return {
            "hidden": sorted(self.hidden),
            "taller": dict(self.taller),
            "wider": dict(self.wider),
            "moved": dict(self.moved),
            "theme": self.theme,
        }


USUAL = Preferences()
_DATA = frozenset(("stack", "breakpoints", "watch", "cpus", "memory", "tables", "pages"))
LAYOUTS: dict[str, tuple[str, Preferences]] = {
    "1": ("every pane", USUAL),
    "2": ("events: code, why, stops and the registers", Preferences(_DATA | {"output"})),
    "3": ("code: no stops, no reasons", Preferences(frozenset(("why", "stops", "output", "breakpoints")))),
    "4": ("reading: code, why and stops alone", Preferences(_DATA | {"registers", "dr"})),
}
"""Number → what it is for, and what it hides."""


def from_json(found: object, panes: frozenset[str]) -> Preferences | None:
    """What `Preferences.as_json` wrote; None where it is none of those, or of other panes."""
    if not isinstance(found, dict):
        return None
    hidden, moved = found.get("hidden"), found.get("moved")
    taller, wider = _sizes(found.get("taller"), panes), _sizes(found.get("wider"), panes)
    if not isinstance(hidden, list) or not isinstance(moved, dict) or taller is None or wider is None:
        return None
    if not panes.issuperset(hidden) or set(moved) != set(moved.values()) or not panes.issuperset(moved):
        return None
    theme = found.get("theme", "dark")
    return Preferences(frozenset(hidden), taller, wider, moved, theme if theme in THEMES else "dark")


def _sizes(found: object, panes: frozenset[str]) -> Mapping[str, int] | None:
    if not isinstance(found, dict) or not panes.issuperset(found):
        return None
    return found if all(type(value) is int for value in found.values()) else None


def applied(arrangement: Arrangement, wanted: Preferences) -> Arrangement:
    """The arrangement as the user wants it, of the same size; one that would hide everything stays whole."""
    if wanted == USUAL:
        return arrangement
    present = frozenset(name for column in arrangement for box in column for name in box.panes)
    columns = [
        [box._replace(panes=tuple(_standing(name, wanted.moved, present) for name in box.panes)) for box in column]
        for column in arrangement
    ]
    shown = [kept for column in columns if (kept := _without(column, wanted.hidden))]
    if not shown:
        return arrangement
    shown = [_taller(column, wanted.taller) for column in shown]
    return _wider(shown, sum(column[0].width + 1 for column in arrangement) - 1, wanted.wider)


def _standing(place: str, moved: Mapping[str, str], present: frozenset[str]) -> str:
    """The pane in a place; instead of one that has none now, the one in its own."""
    name = moved.get(place, place)
    while name not in present:
        name = moved.get(name, name)
    return name


def _without(column: list[Box], hidden: frozenset[str]) -> list[Box]:
    """The places that still have panes; the rows of the others go to the first of those."""
    kept = [box._replace(panes=panes) for box in column if (panes := tuple(n for n in box.panes if n not in hidden))]
    spare = sum(box.height for box in column) - sum(box.height for box in kept)
    return [kept[0]._replace(height=kept[0].height + spare), *kept[1:]] if kept else []


def _taller(column: list[Box], taller: Mapping[str, int]) -> list[Box]:
    """Rows more for a place come from the others, as far as those have any."""
    sizes = [box.height for box in column]
    for at, box in enumerate(column):
        sizes = _shift(sizes, at, sum(taller.get(name, 0) for name in box.panes), LEAST_ROWS)
    return [box._replace(height=size) for box, size in zip(column, sizes, strict=True)]


def _wider(columns: list[list[Box]], width: int, wider: Mapping[str, int]) -> Arrangement:
    sizes = [column[0].width for column in columns]
    sizes[0] += width - sum(sizes) - (len(sizes) - 1)
    for at, column in enumerate(columns):
        sizes = _shift(sizes, at, sum(wider.get(name, 0) for box in column for name in box.panes), LEAST_CELLS)
    made: list[Column] = [
        tuple(box._replace(width=size) for box in column) for column, size in zip(columns, sizes, strict=True)
    ]
    return tuple(made)


def _shift(sizes: list[int], at: int, by: int, least: int) -> list[int]:
    """``sizes`` with ``by`` more at ``at``, taken from (or given to) the next ones, none below ``least``."""
    sizes = [*sizes]
    others = [*range(at + 1, len(sizes)), *range(at - 1, -1, -1)]
    if not others:
        return sizes
    if by < 0:
        given = min(-by, max(0, sizes[at] - least))
        sizes[at] -= given
        sizes[others[0]] += given
        return sizes
    for other in others:
        taken = min(by, max(0, sizes[other] - least))
        sizes[other] -= taken
        sizes[at] += taken
        by -= taken
    return sizes
