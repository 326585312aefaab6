"""Rows of a log, and records of the same steps by the stub."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gdbstub.backends.qemu.cpu_log.log_rows import LoggedRows
from gdbstub.trace.engines.self_check import compare, until
from gdbstub.x86.cpu_state import DebugState
from tests.fakes.records import step_record

RECORDS = [
    replace(record, state=replace(record.state, debug=DebugState(0, 0, 0, 0, 0xFFFF0FF0, 0x400, "monitor")))
    for record in (step_record(0, 0x1000), step_record(1, 0x1002), step_record(2, 0x1005))
]


LOG = "QEMU's log"


def rows(count: int, **other: int) -> LoggedRows:
    """As the records have it, but for the last row's ``other``."""
    registers = {
        name: np.array([record.state.registers[name] for record in RECORDS[:count]], np.uint64)
        for name in RECORDS[0].state.registers
    }
    registers["dr6"] = np.full(count, 0xFFFF0FF0, np.uint64)
    registers["idt_base"] = np.full(count, 7, np.uint64)
    for name, value in other.items():
        registers[name][-1] = value
    pc = np.array([record.state.pc for record in RECORDS[:count]], np.uint64)
    return LoggedRows(count, True, np.zeros(count, np.uint32), pc, np.full(count, 64, np.uint8), registers)


def test_what_is_the_same_has_no_difference_and_the_shorter_ends_it() -> None:
    assert compare([rows(3)], RECORDS, LOG) is None
    assert compare([rows(2)], RECORDS, LOG) is None
    assert compare([rows(3)], RECORDS[:1], LOG) is None
    assert compare([], RECORDS, LOG) is None


@pytest.mark.parametrize("name", ["rip", "dr6"])
def test_a_difference_names_the_row_and_both_values(name: str) -> None:
    found = compare([rows(1), replace(rows(3, **{name: 0x42}).first(3))], [RECORDS[0], *RECORDS], LOG)
    assert found is not None
    assert (found.row, found.name, found.logged) == (3, name, 0x42)
    assert f"QEMU's log and the stub differ in row 3: {name} is 0x42 there" in str(found)


def test_a_row_that_was_open_is_not_compared_but_counts() -> None:
    open_one = replace(rows(1), pc=np.array([0x42], np.uint64))
    assert compare([open_one, rows(3)], RECORDS, LOG, skip=True) is None
    found = compare([open_one, rows(3, rip=0x42)], RECORDS, LOG, skip=True)
    assert found is not None
    assert found.row == 3


def test_what_lies_in_front_of_a_difference_is_kept() -> None:
    found = compare([rows(1), rows(3, rip=0x42)], [RECORDS[0], *RECORDS], LOG)
    pieces: list[LoggedRows | tuple[str]] = [rows(1), ("an event",), rows(3)]
    kept = until(pieces, found)
    assert [one if isinstance(one, tuple) else one.count for one in kept] == [1, ("an event",), 2]
    assert len(until([rows(1), rows(3)], None)) == 2
