"""QEMU's log of exceptions: a real one is read the same however it is cut, and a damaged one is not guessed at."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.backends.qemu.exception_log import ExceptionLog, LoggedException

LOG = (Path(__file__).parent / "golden" / "log-int.txt").read_bytes()
"""Of QEMU 7.2: what SMM prints, five exceptions of 32-bit code and two of 64-bit code."""


def read(data: bytes) -> list[LoggedException]:
    return ExceptionLog().feed(data)


def test_each_exception_has_its_registers() -> None:
    found = read(LOG)
    assert [(one.vector, one.software, one.shown.mode, one.cpl) for one in found] == [
        *((1, False, 32, 0), (1, False, 32, 0), (1, False, 32, 0), (3, True, 32, 0), (1, False, 32, 0)),
        *((1, False, 64, 0), (1, False, 64, 0)),
    ]
    first = found[0]
    assert (first.rip, first.cs, first.rsp, first.ss) == (0x1000B0, 8, 0x1027FC, 0x10)
    assert (first.general["rax"], first.general["rbx"], first.general["rsp"]) == (0x10, 4, 0x1027FC)
    assert (first.shown.debug.dr6, first.shown.debug.dr7, first.shown.rflags) == (0xFFFF4FF0, 0x400, 0x102)
    assert {"r8", "r15", "rax", "rsp"} <= found[-1].general.keys()
    assert found[-1].shown.efer == 0x501


@given(st.lists(st.integers(0, len(LOG)), max_size=12))
def test_a_log_that_is_cut_anywhere_says_the_same(cuts: list[int]) -> None:
    log, found, at = ExceptionLog(), [], 0
    for end in [*sorted(cuts), len(LOG)]:
        found += log.feed(LOG[at:end])
        at = end
    assert found == read(LOG)


@given(st.integers(0, len(LOG) - 1), st.binary(max_size=40))
def test_damage_costs_what_it_touches_and_nothing_is_raised(at: int, instead: bytes) -> None:
    found = read(LOG[:at] + instead + LOG[at + len(instead) :])
    assert 5 <= len(found) <= 7 or b": v=" in instead


@given(st.binary(max_size=4000))
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    log = ExceptionLog()
    log.feed(data)
    log.feed(b"\n" + LOG)


def test_two_vcpus_that_write_at_a_time_keep_their_own_registers() -> None:
    starts = [LOG.index(b"     0: v=01 e=0000 i=0 cpl=0 IP=0008:00000000001000b0"), LOG.index(b"     1: v=01")]
    end = LOG.index(b": v=", LOG.index(b"     1: v=01") + 10)
    one, two = LOG[starts[0] : starts[1]], LOG[starts[1] : LOG.rindex(b"\n", 0, end) + 1]
    first, second = one.index(b"\n") + 1, two.index(b"\n") + 1
    mixed = one[:first] + two[:second] + two[second:] + one[first:]
    assert [each.rip for each in read(mixed)] == [read(two)[0].rip, read(one)[0].rip]
    assert read(mixed)[1] == read(one)[0]


@pytest.mark.parametrize("line", [b"     0: v=01 e=0000 i=0 cpl=0 IP=0008:00000000001000b0", b"RAX=1\n" * 80])
def test_lines_without_end_are_bounded(line: bytes) -> None:
    log = ExceptionLog()
    for _ in range(50):
        log.feed(line * 50)
    assert len(log.feed(b"\n" + LOG)) == 7
