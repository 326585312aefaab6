"""Two traces are laid beside each other: what differs, what only one of them ran, and where they part."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from gdbstub.trace import Row, row
from gdbstub.trace.comparison.align import OnlyOneRan, Parted, RowsDiffer, SameRows, Step, align
from gdbstub.trace.comparison.facts import differences
from gdbstub.trace.comparison.meaning import of_missing, of_one_row
from gdbstub.trace.comparison.stream import LOOK_AHEAD, RowStream
from tests.fakes.records import event_record, step_record

HEADER: Row = {"backend": {"name": "qemu-tcg", "version": "7.2.22", "vendor": "amd", "profile": "qemu-tcg"}}


def steps(*addresses: int) -> list[Row]:
    """Steps over NOPs at these addresses."""
    return [row(step_record(number, address + 1)) for number, address in enumerate(addresses)]


def nops(*addresses: int) -> list[Row]:
    """The same, quickly made for thousands."""
    one = steps(1)[0]
    return [one | {"insn": one["insn"] | {"address": hex(address)}} for address in addresses]


def compared(left: list[Row], right: list[Row], ignored: frozenset[str] = frozenset()) -> list[Step]:
    found = list(align(RowStream(iter(left)), RowStream(iter(right)), ignored))
    return [step for step in found if not isinstance(step, SameRows)]


def test_equal_traces_have_no_difference() -> None:
    rows = steps(*range(100))
    assert compared(rows, copy.deepcopy(rows)) == []


@pytest.mark.parametrize(
    ("path", "value", "name"),
    [
        (("regs", "rax"), "0x1", "regs.rax"),
        (("dr", "dr6"), "0xffff4ff0", "dr.dr6"),
        (("pc",), "0x7", "pc"),
        (("mode",), 32, "mode"),
        (("insn", "bytes"), "f4", "insn"),
        (("causes", 0, "cause"), "spurious", "causes"),
    ],
)
def test_a_fact_that_differs_is_named_and_may_be_ignored(path: tuple[str | int, ...], value: object, name: str) -> None:
    left, right = steps(1, 2, 3), steps(1, 2, 3)
    place: Any = right[1]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    (found,) = compared(left, right)
    assert isinstance(found, RowsDiffer)
    assert [difference.name for difference in found.found] == [name]
    assert (found.left["n"], found.right["n"]) == (1, 1)
    for ignored in {name, name.split(".")[0], name.split(".")[-1]}:
        assert compared(left, right, frozenset({ignored})) == []


def test_what_only_one_of_them_knows_is_no_difference() -> None:
    left, right = steps(1), steps(1)
    del right[0]["regs"]["rax"]
    right[0]["dr"]["dr6"] = None
    right[0]["causes"] = []
    assert differences(left[0], right[0], frozenset()) == []


def test_a_handler_that_only_one_ran_is_told_and_both_go_on_beside_each_other() -> None:
    left = steps(1, 2, 100, 101, 102, 3, 4, 5, 6)
    left[1]["pc"] = hex(100)  # the interrupt came at the end of this instruction
    left[4]["insn"]["text"] = "iretq"
    (found,) = compared(left, steps(1, 2, 3, 4, 5, 6))
    assert isinstance(found, OnlyOneRan)
    assert (len(found.left), len(found.right), found.is_handler) == (3, 0, True)


def test_a_handler_of_an_exception_is_a_difference() -> None:
    left = steps(1, 2, 100, 101, 3, 4, 5, 6)
    left[3]["insn"]["text"] = "iretq"
    left.insert(2, row(event_record(2)))
    (found,) = compared(left, steps(1, 2, 3, 4, 5, 6))
    assert isinstance(found, OnlyOneRan)
    assert not found.is_handler


def test_two_ways_that_meet_again_are_one_difference() -> None:
    (found,) = compared(steps(1, 2, 50, 51, 3, 4, 5, 6), steps(1, 2, 70, 3, 4, 5, 6))
    assert isinstance(found, OnlyOneRan)
    assert (len(found.left), len(found.right), found.is_handler) == (2, 1, False)


def test_ways_that_do_not_meet_again_end_the_comparison() -> None:
    (found,) = compared(steps(1, 2, *range(100, 200)), steps(1, 2, *range(300, 400)))
    assert isinstance(found, Parted)
    assert found.left is not None
    assert found.right is not None
    assert found.why == "apart to the end"
    (found,) = compared(nops(*range(0x1000, 0x2000)), nops(*range(0x5000, 0x6000)))
    assert isinstance(found, Parted)
    assert found.why == "apart"


@pytest.mark.parametrize("kept", [1, 2, 3, 4])
def test_rows_that_are_alike_up_to_both_ends_are_a_meeting_however_few(kept: int) -> None:
    rows = steps(*range(1, kept + 3))
    found = list(align(RowStream(iter(rows)), RowStream(iter([rows[0], *rows[2:]]))))
    assert sum(step.count for step in found if isinstance(step, SameRows)) == kept + 1
    (alone,) = [step for step in found if not isinstance(step, SameRows)]
    assert isinstance(alone, OnlyOneRan)
    assert (len(alone.left), len(alone.right)) == (1, 0)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((1, 50), (1, 60)),
        ((1, 50, 51), (1, 60, *range(61, 99))),
        ((1, 50, 2, 3, 4), (1, 2, 3, 4, 5)),  # both have five rows, and one of them is more
        ((1, 2, 3, 4, 5), (1, 50, 2, 3, 4)),
    ],
)
def test_where_too_few_rows_are_left_to_meet_it_is_not_said_that_they_do_not(
    left: tuple[int, ...], right: tuple[int, ...]
) -> None:
    (found,) = compared(steps(*left), steps(*right))
    assert isinstance(found, Parted)
    assert found.why == "too short"


def test_a_few_rows_alike_where_more_may_follow_are_no_meeting() -> None:
    far = range(0x10000, 0x10000 + LOOK_AHEAD - 4)
    (found,) = compared(nops(1, *far, 2, 3, 4, 5), nops(7, 2, 3, 4))
    assert isinstance(found, Parted)
    assert found.why == "too short"


def test_an_interrupt_shortly_before_the_end_is_a_handler() -> None:
    left = steps(1, 2, 100, 101, 3)
    left[1]["pc"] = hex(100)
    left[3]["insn"]["text"] = "iretq"
    (found,) = compared(left, steps(1, 2, 3))
    assert isinstance(found, OnlyOneRan)
    assert found.is_handler


def test_a_trace_that_ends_earlier_is_a_difference() -> None:
    (found,) = compared(steps(1, 2), steps(1, 2, 3))
    assert isinstance(found, Parted)
    assert (found.left, found.why) == (None, "ended")


def test_events_may_be_left_out() -> None:
    rows = steps(1, 2)
    stream = RowStream(iter([*rows, row(event_record(2))]), events=False)
    assert stream.take(10) == rows


def test_what_the_rules_found_odd_in_one_of_them_is_what_it_means() -> None:
    left, right = steps(1)[0], steps(1)[0]
    right["contradictions"] = ["Odd. Known quirk x: y (z)."]
    right["causes"][0]["owner"] = "guest"
    assert list(of_one_row(left, right)) == ["single-step, since a step was asked for; RIP moved past one instruction."]
    assert next(of_one_row(right, left)) == "Odd. Known quirk x: y (z)."


def test_an_event_that_a_platform_is_known_to_lose_is_accounted_for() -> None:
    (sentence,) = of_missing([row(event_record(1))], HEADER)
    assert sentence.startswith("Known quirk tcg-icebp-ud: QEMU TCG before 9.1 has no INT1")
    newer: Row = {"backend": HEADER["backend"] | {"version": "10.0.2"}}
    assert list(of_missing([row(event_record(1))], newer)) == []
    assert list(of_missing(steps(1), HEADER)) == []
