"""The stops of a session: a sequence, bounded, whose rows may be made when they are first looked at."""

from __future__ import annotations

import pytest

from gdbstub.debugger.cpu_reader import moment
from gdbstub.debugger.record import StopRecord, StopSummary
from gdbstub.debugger.snapshot import Snapshot
from gdbstub.debugger.stop_log import StopLog
from gdbstub.explain.evidence import Action
from tests.fakes.records import REPLY, state

START = 0x1000


def stepped(number: int) -> Snapshot:
    at = state(rip=START + number)
    return Snapshot(REPLY, REPLY, at, b"\x90", moment(at, b"\x90"), None)


def filled(most: int, stops: int) -> StopLog:
    log = StopLog(most, lambda record: None)
    for number in range(stops):
        log.keep(stepped(number), Action.STEP)
    return log


def keep_later(log: StopLog, number: int, made: list[int]) -> None:
    def make() -> Snapshot:
        made.append(number)
        return stepped(number)

    log.announce(StopSummary(number, 0, Action.STEP, REPLY, START + number))
    log.keep_later(number, make)


def test_it_reads_as_a_sequence() -> None:
    assert list(filled(10, 0)) == []
    log = filled(10, 4)
    assert len(log) == 4
    assert [record.number for record in log] == [0, 1, 2, 3]
    assert (log[0].number, log[-1].number) == (0, 3)
    assert [record.number for record in log[1:]] == [1, 2, 3]
    assert [record.number for record in log[::-2]] == [3, 1]
    assert [record.number for record in reversed(log)] == [3, 2, 1, 0]
    with pytest.raises(IndexError):
        log[4]


def test_the_oldest_goes_when_it_is_full() -> None:
    assert [record.number for record in filled(2, 5)] == [3, 4]


def test_a_record_is_made_once_when_it_is_first_looked_at() -> None:
    made: list[int] = []
    log = StopLog(3, lambda record: None)
    for number in range(4):
        keep_later(log, number, made)
    assert made == []
    assert (log.number, len(log)) == (4, 3)
    assert log[-1].number == 3
    assert log[-1] is log[2]
    assert made == [3]
    assert [record.state.rip - START for record in log] == [1, 2, 3]
    assert made == [3, 1, 2]


def test_listeners_hear_of_what_is_explained_at_its_stop_alone() -> None:
    heard: list[StopRecord] = []
    log = StopLog(9, heard.append)
    log.keep(stepped(0), Action.STEP)
    keep_later(log, 1, [])
    log.keep(stepped(2), Action.STEP)
    assert [record.number for record in heard] == [0, 2]


def test_the_last_is_replaced_by_what_is_known_better() -> None:
    made: list[int] = []
    log = StopLog(3, lambda record: None)
    keep_later(log, 0, made)
    keep_later(log, 1, made)
    partly = log.take_unexplained()
    assert partly is not None
    assert log.take_unexplained() is None
    log.complete(partly._replace(code=b"\xcc"))
    assert (log[-1].number, log[-1].code) == (1, b"\xcc")
    assert len(log) == 2
    assert made == [1]
