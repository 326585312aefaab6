"""Which stops are kept: events outlive the plain steps around them."""

from __future__ import annotations

import pytest

from gdbstub.debugger.kept_stops import KeptStops
from gdbstub.debugger.record import StopRecord
from tests.fakes.records import event_record, step_record


def numbers(kept: KeptStops) -> list[int]:
    return [entry.number for entry in kept.entries if isinstance(entry, StopRecord)]


def filled(most: int, stops: int, events: set[int]) -> KeptStops:
    kept = KeptStops(most)
    for number in range(stops):
        kept.append(event_record(number) if number in events else step_record(number))
    return kept


@pytest.mark.parametrize(
    ("most", "events", "left"),
    [
        (5, set(), [15, 16, 17, 18, 19]),
        (5, {3, 9}, [3, 9, 17, 18, 19]),
        (5, {0, 1, 2, 3, 4, 5, 6}, [3, 4, 5, 6, 19]),
        (5, set(range(20)), [15, 16, 17, 18, 19]),
        (2, {3, 19}, [3, 19]),
        (1, {3}, [19]),
    ],
)
def test_the_oldest_plain_steps_go_first_and_the_newest_stop_stays(
    most: int, events: set[int], left: list[int]
) -> None:
    assert numbers(filled(most, 20, events)) == left


def test_a_step_that_is_not_made_yet_is_a_plain_one() -> None:
    kept = KeptStops(3)
    kept.append(event_record(0))
    for number in range(1, 10):
        kept.append(lambda number=number: step_record(number))  # type: ignore[misc]
    assert numbers(kept) == [0]
    assert len(kept.entries) == 3


def test_fewer_may_be_kept_from_now_on() -> None:
    kept = filled(10, 10, {1, 5})
    kept.most = 4
    kept.shrink()
    assert numbers(kept) == [1, 5, 8, 9]
    kept.append(step_record(10))
    assert numbers(kept) == [1, 5, 9, 10]


def test_a_step_that_something_came_of_is_no_plain_one() -> None:
    assert step_record().is_plain_step
    assert not event_record().is_plain_step
