"""The list of stops, row by row: steps in a row folded to one, sessions apart, or only those that are sought."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from frontend.commands.stop_filter import EVERY, StopFilter
from frontend.commands.stop_words import kind, phrase
from frontend.tui.events import Stop

FOLDED_FROM = 4
"""Steps in a row that are folded."""
AROUND = 2
"""Steps that stay unfolded on each side of the one that is looked at."""


class StepRun(NamedTuple):
    """Plain steps, from index ``first`` to ``last``."""

    first: int
    last: int


class NewRun(NamedTuple):
    """What follows is of another session with the stub."""

    run: int


Row = int | StepRun | NewRun
"""The index of a stop, or what stands for several or between."""


def said(stop: Stop) -> str:
    """What the list says of a stop, as it is searched."""
    phrase_ = stop.change or phrase(stop.record)
    return f"{kind(stop.record)} {stop.cause} {stop.stopped} {phrase_} {stop.record.explanation.summary}"


def matches(stop: Stop, sought: StopFilter) -> bool:
    return sought.holds(stop.record, said(stop) if sought.text else "")


def rows(stops: Sequence[Stop], looked_at: int, sought: StopFilter = EVERY, *, unfolded: bool = False) -> list[Row]:
    """All rows of the list; the stop at index ``looked_at`` is always one of its own."""
    if sought != EVERY:
        return [at for at, stop in enumerate(stops) if matches(stop, sought)]
    found: list[Row] = []
    run = stops[0].run if stops else 0
    begin: int | None = None
    for at, stop in enumerate(stops):
        if stop.run != run:
            _close(found, begin, at)
            begin, run = None, stop.run
            found.append(NewRun(run))
        if not unfolded and stop.plain and abs(at - looked_at) > AROUND and at != len(stops) - 1:
            begin = at if begin is None else begin
            continue
        _close(found, begin, at)
        begin = None
        found.append(at)
    _close(found, begin, len(stops))
    return found


def _close(found: list[Row], begin: int | None, end: int) -> None:
    """Put down the steps from ``begin`` up to ``end``."""
    if begin is None:
        return
    if end - begin >= FOLDED_FROM:
        found.append(StepRun(begin, end - 1))
    else:
        found.extend(range(begin, end))


def next_match(stops: Sequence[Stop], at: int, by: int, sought: StopFilter) -> int:
    """The index of the ``by``-th stop from ``at`` on that is sought; as far as there are any."""
    step = 1 if by > 0 else -1
    left, found = abs(by), at
    while left and 0 <= at + step < len(stops):
        at += step
        if matches(stops[at], sought):
            found, left = at, left - 1
    return found
