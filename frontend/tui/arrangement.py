"""Which panes are on the screen, and where: a pure function of the view and the terminal's size.

This is not prompt_toolkit's layout, which only draws it (`layout`). A place holds several panes as tabs;
with more room they get places of their own. Each column of each size is a row of a table, from roomy to
tight: the first that fits is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from frontend.tui.boxes import Arrangement, Box, Column
from frontend.tui.preferences import applied
from frontend.tui.view import MESSAGES, PROMPT, SOURCE, ViewState


class PanePlace(NamedTuple):
    """Panes that share a place, with its title line ``least`` rows high at least; rows that are left over go
    to the places by ``weight``, but not beyond ``most``."""

    panes: tuple[str, ...]
    least: int
    weight: int = 1
    most: int = 1000


SOURCES = PanePlace((SOURCE,), 8, 2)
CODE = PanePlace(("code",), 7, 3)
WHY = PanePlace(("why",), 7, 2)
STOPS = PanePlace(("stops",), 5, 1)
LOG = PanePlace(("messages", "output"), 4, 1)
TALK = PanePlace(("messages",), 4, 1)
OUTPUT = PanePlace(("output",), 4, 1)

WIDE = ("memory", "tables", "pages")
NEAR = ("stack", "breakpoints", "watch", "cpus")
FEW = PanePlace(("breakpoints", "watch", "cpus"), 4)
BEHIND_STOPS = STOPS._replace(panes=("stops", *WIDE))

MAIN = (
    (
        CODE._replace(least=14),
        WHY._replace(least=12),
        STOPS._replace(least=8),
        TALK._replace(least=7),
        OUTPUT._replace(panes=("output", *WIDE)),
    ),
    (CODE._replace(least=12), WHY._replace(least=10), BEHIND_STOPS._replace(least=7), LOG._replace(least=7)),
    (CODE, PanePlace(("why", "stops", *WIDE), 7, 2), LOG),
    (PanePlace(("code", "why", "stops", *WIDE), 6, 2), LOG),
    (PanePlace(("code", "why", "stops", *WIDE, "messages", "output"), 2),),
)
LEFT = (
    (CODE._replace(least=16), TALK._replace(least=8, weight=2), OUTPUT._replace(least=6)),
    (CODE, LOG),
    (PanePlace(("code", "messages", "output"), 2),),
)
MIDDLE = ((WHY, BEHIND_STOPS), (PanePlace(("why", "stops", *WIDE), 2),))
NARROW = (
    (
        PanePlace(("registers",), 25, 1, 30),
        PanePlace(("dr",), 14, 1, 16),
        PanePlace(("stack",), 8),
        FEW,
    ),
    (PanePlace(("registers",), 9, 1, 30), PanePlace(("dr", *NEAR), 12)),
    (PanePlace(("registers", "dr", *NEAR), 2),),
)
RIGHT = (
    (
        PanePlace(("registers",), 17, 1, 20),
        PanePlace(("dr",), 12, 1, 15),
        PanePlace(("stack",), 8, 2),
        FEW,
    ),
    (PanePlace(("registers",), 13, 1, 20), PanePlace(("dr", *NEAR), 12, 1)),
    (PanePlace(("registers", "dr", *NEAR), 2),),
)
STACKED = (
    (
        CODE,
        PanePlace(("why", "stops", *WIDE), 7, 2),
        PanePlace(("registers", "dr", *NEAR), 8, 2, 22),
        LOG,
    ),
    (PanePlace(("code", "registers", "dr", *NEAR), 6, 2), PanePlace(("why", "stops", *WIDE), 5, 2), LOG),
    (PanePlace(("code", "why", "stops", *WIDE, "registers", "dr", *NEAR), 6, 2), LOG),
)
ALL = ((PanePlace(("code", "why", "registers", "dr", "stops", *NEAR, *WIDE, "messages", "output"), 2),),)

Choice = tuple[tuple[PanePlace, ...], ...]


class Size(NamedTuple):
    """From ``width`` cells on: columns with their widths; 0 takes the rest, shared by ``share``."""

    width: int
    columns: tuple[tuple[Choice, int, int], ...]


SIZES = (
    Size(170, ((LEFT, 0, 5), (MIDDLE, 0, 4), (RIGHT, 50, 0))),
    Size(112, ((MAIN, 0, 1), (RIGHT, 50, 0))),
    Size(72, ((MAIN, 0, 1), (NARROW, 25, 0))),
    Size(0, ((STACKED, 0, 1),)),
)
ROWS_FOR_COLUMNS = 10


def heights(places: Sequence[PanePlace], rows: int) -> list[int]:
    """The rows of each place; together ``rows``. What cannot be shared out evenly goes to the first."""
    found = [place.least for place in places]
    spare = rows - sum(found)
    while spare > 0:
        open_ = [n for n, place in enumerate(places) if found[n] < place.most]
        if not open_:
            found[-1] += spare
            break
        weights = sum(places[n].weight for n in open_)
        before = spare
        for n in open_:
            more = min(before * places[n].weight // weights, places[n].most - found[n])
            found[n] += more
            spare -= more
        if spare == before:
            found[open_[0]] += 1
            spare -= 1
    return found


def _with_source(choice: Choice) -> Choice:
    """The same with the source: above the code where there is room for both, else as a tab beside it."""
    if not any("code" in place.panes for places in choice for place in places):
        return choice
    roomy = tuple(_beside(places) for places in choice if any(place.panes == ("code",) for place in places))
    return (*roomy, *(tuple(_tabbed(place) for place in places) for places in choice))


def _as_is(choice: Choice) -> Choice:
    return choice


def _beside(places: tuple[PanePlace, ...]) -> tuple[PanePlace, ...]:
    at = next(at for at, place in enumerate(places) if place.panes == ("code",))
    return (*places[:at], SOURCES, *places[at:])


def _tabbed(place: PanePlace) -> PanePlace:
    return place._replace(panes=("code", SOURCE, *place.panes[1:])) if "code" in place.panes else place


def _column(choice: Choice, width: int, rows: int) -> Column:
    fitting = (places for places in choice if sum(place.least for place in places) <= rows)
    places = next(fitting, choice[-1])
    sizes = heights(places, rows) if len(places) > 1 else [rows]
    return tuple(Box(place.panes, width, size) for place, size in zip(places, sizes, strict=True))


def arrange(view: ViewState, width: int, rows: int) -> Arrangement:
    """The panes for ``width`` cells and ``rows`` rows (without status line, prompt and bar of keys)."""
    if view.zoom:
        return ((Box((zoomed(view),), width, rows),),)
    with_source = _with_source if view.source is not None else _as_is
    if rows < ROWS_FOR_COLUMNS:
        return applied((_column(with_source(ALL), width, rows),), view.preferences)
    columns = next(size.columns for size in SIZES if width >= size.width)
    shares = sum(share for _, _, share in columns)
    spare = width - sum(fixed for _, fixed, _ in columns) - (len(columns) - 1)
    widths = [fixed or spare * share // shares for _, fixed, share in columns]
    widths[0] += width - sum(widths) - (len(columns) - 1)
    found = tuple(
        _column(with_source(choice), each, rows) for (choice, _, _), each in zip(columns, widths, strict=True)
    )
    return applied(found, view.preferences)


def zoomed(view: ViewState) -> str:
    """The pane that fills the screen: the one that has the keys, else the messages."""
    return MESSAGES if view.focus == PROMPT else view.focus


def front(view: ViewState, panes: Sequence[str]) -> str:
    """Which of the panes of one place is seen: the one shown last, else the first."""
    return next((name for name in view.front if name in panes), panes[0])


def order(arrangement: Arrangement) -> tuple[str, ...]:
    """All panes, in the order in which the keys go round."""
    return tuple(name for column in arrangement for box in column for name in box.panes)


def visible(view: ViewState, arrangement: Arrangement) -> tuple[str, ...]:
    """The front pane of each place, in order."""
    return tuple(front(view, box.panes) for column in arrangement for box in column)
