"""Two streams of rows, laid beside each other by where the guest is.

Rows are compared one by one while they are of the same place. Where they are not, the nearest place is looked for at
which both go on alike for a few rows: what one of them ran until then is a handler that the other did not run (an
interrupt comes when it comes), or the point where they parted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Literal

from gdbstub.trace.comparison.facts import RowDifference, differences, place_of
from gdbstub.trace.comparison.stream import LOOK_AHEAD, RowStream
from gdbstub.trace.rows import Row
from gdbstub.x86.exceptions import VECTORS

ALIKE = 4
"""So many rows in a row make two traces be together again; fewer do where both end with them."""
_EXCEPTIONS = frozenset(row.number for row in VECTORS if row.kind != "interrupt")


Why = Literal["apart", "apart to the end", "too short", "ended"]


@dataclass(frozen=True, slots=True)
class SameRows:
    """Rows that tell the same, how many."""

    count: int


@dataclass(frozen=True, slots=True)
class RowsDiffer:
    """Two rows of one place that tell different things."""

    left: Row
    right: Row
    found: Sequence[RowDifference]


@dataclass(frozen=True, slots=True)
class OnlyOneRan:
    """Rows that one of the two has alone (both, where they went different ways and met again). ``is_handler``: it is
    the handler of an interrupt, as far as one can see: it ends with IRET, and behind it both go on alike."""

    left: Sequence[Row]
    right: Sequence[Row]
    is_handler: bool


@dataclass(frozen=True, slots=True)
class Parted:
    """They do not meet again, or one of them has ended: then its next row is None. ``why`` is
    "apart" (within the look ahead), "apart to the end" (of both), "too short" (one ends before so many rows could be
    alike as a meeting takes) or "ended"."""

    left: Row | None
    right: Row | None
    why: Why


Step = SameRows | RowsDiffer | OnlyOneRan | Parted


def align(left: RowStream, right: RowStream, ignored: Set[str] = frozenset()) -> Iterator[Step]:
    """What the comparison of two traces finds, in order; it ends with both, or where they part for good."""
    while True:
        one, other = left.peek(1), right.peek(1)
        if not one or not other:
            if one or other:
                yield Parted(one[0] if one else None, other[0] if other else None, "ended")
            return
        if place_of(one[0]) != place_of(other[0]):
            apart = _meet(left, right)
            if apart is None:
                yield Parted(one[0], other[0], _why(left.peek(LOOK_AHEAD), right.peek(LOOK_AHEAD)))
                return
            yield apart
            continue
        found = differences(one[0], other[0], ignored)
        left.take(1)
        right.take(1)
        if found and not (_went_elsewhere(found) and _interrupted(left, right)):
            yield RowsDiffer(one[0], other[0], found)
        else:
            yield SameRows(1)


def _went_elsewhere(found: Sequence[RowDifference]) -> bool:
    """An interrupt at the end of this instruction: RIP, the stack and RFLAGS are then those of its handler."""
    return any(difference.name == "pc" for difference in found)


def _interrupted(left: RowStream, right: RowStream) -> bool:
    one, other = left.peek(LOOK_AHEAD), right.peek(LOOK_AHEAD)
    met = _where(one, other)
    return met is not None and met != (0, 0) and _is_handler(one[: met[0]], other[: met[1]])


def _meet(left: RowStream, right: RowStream) -> OnlyOneRan | None:
    met = _where(left.peek(LOOK_AHEAD), right.peek(LOOK_AHEAD))
    if met is None:
        return None
    one, other = left.take(met[0]), right.take(met[1])
    return OnlyOneRan(one, other, _is_handler(one, other))


def _where(left: Sequence[Row], right: Sequence[Row]) -> tuple[int, int] | None:
    """How many rows of each stand in front of the nearest place where both go on alike."""
    places = [place_of(row) for row in left], [place_of(row) for row in right]
    runs: dict[tuple[object, ...], list[int]] = {}
    for index in range(len(places[1]) - ALIKE + 1):
        runs.setdefault(tuple(places[1][index : index + ALIKE]), []).append(index)
    best: tuple[int, int] | None = None
    for index in range(len(places[0]) - ALIKE + 1):
        if best is not None and index >= sum(best):
            break
        there = runs.get(tuple(places[0][index : index + ALIKE]))
        if there and (best is None or index + there[0] < sum(best)):
            best = index, there[0]
    return best or _at_the_end(*places)


def _at_the_end(left: Sequence[object], right: Sequence[object]) -> tuple[int, int] | None:
    """The same for fewer rows, which both end with."""
    if max(len(left), len(right)) >= LOOK_AHEAD:
        return None  # more may follow
    for count in range(min(len(left), len(right), ALIKE - 1), 0, -1):
        if left[-count:] == right[-count:]:
            return len(left) - count, len(right) - count
    return None


def _why(left: Sequence[Row], right: Sequence[Row]) -> Why:
    """Why they do not meet. A trace that ends with a row of the other might have gone on as that does."""
    ended = [(rows, others) for rows, others in ((left, right), (right, left)) if len(rows) < LOOK_AHEAD]
    for rows, others in ended:
        if len(rows) < ALIKE or place_of(rows[-1]) in map(place_of, others):
            return "too short"
    return "apart to the end" if len(ended) == 2 else "apart"


def _is_handler(left: Sequence[Row], right: Sequence[Row]) -> bool:
    if bool(left) == bool(right):
        return False
    rows = left or right
    text = (rows[-1].get("insn") or {}).get("text", "")
    raised = {row.get("vector") for row in rows if row["kind"] == "event"}
    return text.startswith("iret") and not raised & _EXCEPTIONS
