"""The stops of a session: a sequence, bounded, whose rows may be made when they are first looked at."""

from __future__ import annotations

import pytest

from gdbstub.debugger.record import StopRecord
from gdbstub.debugger.stop_history import LazyRecord, StopHistory
from tests.fakes.records import step_record


def later(number: int, made: list[int]) -> LazyRecord:
    def make() -> StopRecord:
        made.append(number)
        return step_record(number)

    return LazyRecord(make)


def test_it_reads_as_a_sequence() -> None:
    history = StopHistory(10)
    assert list(history) == []
    for number in range(4):
        history.append(step_record(number))
    assert len(history) == 4
    assert [record.number for record in history] == [0, 1, 2, 3]
    assert (history[0].number, history[-1].number) == (0, 3)
    assert [record.number for record in history[1:]] == [1, 2, 3]
    assert [record.number for record in history[::-2]] == [3, 1]
    assert [record.number for record in reversed(history)] == [3, 2, 1, 0]
    with pytest.raises(IndexError):
        history[4]


def test_the_oldest_goes_when_it_is_full() -> None:
    history = StopHistory(2)
    for number in range(5):
        history.append(step_record(number))
    assert [record.number for record in history] == [3, 4]


def test_a_record_is_made_once_when_it_is_first_looked_at() -> None:
    made: list[int] = []
    history = StopHistory(3)
    for number in range(4):
        history.append(later(number, made))
    assert made == []
    assert history[-1].number == 3
    assert history[-1] is history[2]
    assert made == [3]
    assert [record.number for record in history] == [1, 2, 3]
    assert made == [3, 1, 2]


def test_the_last_is_replaced_by_what_is_known_better() -> None:
    made: list[int] = []
    history = StopHistory(3)
    history.append(later(0, made))
    history.append(later(1, made))
    whole = step_record(1)
    history.replace_last(whole)
    assert history[-1] is whole
    assert len(history) == 2
    assert made == []
