"""What two traces have in common at first is found by columns, and comes to what row by row comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from gdbstub.trace import Accesses, Columns, TraceReader, TraceWriter, format_of, open_writer
from gdbstub.trace.columns.reader import ParquetRun
from gdbstub.trace.comparison.align import SameRows, Step
from gdbstub.trace.comparison.prefix import common_prefix
from gdbstub.trace.comparison.traces import compare_traces
from tests.fakes.records import event_record, step_record
from tests.gdbstub.trace.traces import batch, head

ROWS = 1200
EVENT = 700
Change = Callable[[Columns], Columns]


def same(columns: Columns) -> Columns:
    return columns


def set_rax(columns: Columns) -> Columns:
    rax = np.array(columns.values["rax"])
    rax[-1] = 0xBAD
    return replace(columns, values={**columns.values, "rax": rax})


def other_code(columns: Columns) -> Columns:
    return replace(columns, values={**columns.values, "insn": np.full(columns.count, 1, np.uint32)})


def without_dr6(columns: Columns) -> Columns:
    return replace(columns, values={name: array for name, array in columns.values.items() if name != "dr6"})


def elsewhere(columns: Columns) -> Columns:
    return replace(columns, cpu=1)


def shorter(columns: Columns) -> Columns:
    values = {name: array[:10] for name, array in columns.values.items()}
    nothing = np.zeros(0, np.uint64)
    accesses = Accesses(nothing.astype(np.uint32), nothing, nothing.astype(np.uint8), nothing.astype(np.uint8))
    return replace(columns, count=10, values=values, accesses=accesses)


def write(path: Path, change: Change, at: int, vector: int = 1, until: int = ROWS) -> Path:
    writer: TraceWriter = open_writer(format_of(str(path)), str(path), lambda record: "")
    head(writer)
    insn = writer.define(0x1000, b"\x90", 64)
    assert writer.define(0x1001, b"\xf4", 64) == insn + 1
    for number in range(0, until, 100):
        columns = batch(number, 99, insn)
        writer.columns(change(columns) if number == at else columns)
        if number + 99 == EVENT + 99:
            event = event_record(number + 99)
            assert event.event is not None
            writer.record(replace(event, event=replace(event.event, vector=vector)))
        else:
            writer.record(step_record(number + 99))
    writer.end("steps", 0.1)
    writer.close()
    return path


def compared(left: Path, right: Path, ignored: frozenset[str]) -> list[Step]:
    """Rows that are the same in one step each."""
    with TraceReader(left) as one, TraceReader(right) as other:
        return list(joined(compare_traces(one, other, ignored)))


def joined(steps: Iterable[Step]) -> Iterable[Step]:
    for alike, some in groupby(steps, lambda step: isinstance(step, SameRows)):
        if alike:
            yield SameRows(sum(step.count for step in some if isinstance(step, SameRows)))
        else:
            yield from some


@pytest.mark.parametrize(
    ("change", "at", "vector", "until"),
    [
        (same, 0, 1, ROWS),
        (set_rax, 0, 1, ROWS),
        (set_rax, 600, 1, ROWS),
        (other_code, 800, 1, ROWS),
        (without_dr6, 300, 1, ROWS),
        (elsewhere, 500, 1, ROWS),
        (shorter, 900, 1, ROWS),
        (same, 0, 3, ROWS),
        (same, 0, 1, ROWS - 300),
    ],
)
def test_columns_find_what_rows_find(
    change: Change, at: int, vector: int, until: int, tmp_path: Path, small_parts: None
) -> None:
    pairs = [
        (write(tmp_path / f"left{suffix}", same, 0), write(tmp_path / f"right{suffix}", change, at, vector, until))
        for suffix in (".jsonl", ".parquet")
    ]
    for ignored in (frozenset[str](), frozenset({"events"}), frozenset({"rax", "vector"})):
        by_rows, by_columns = (compared(*pair, ignored) for pair in pairs)
        assert by_rows == by_columns, ignored


def test_the_common_beginning_ends_at_the_first_difference(tmp_path: Path, small_parts: None) -> None:
    left, right = write(tmp_path / "a.parquet", same, 0), write(tmp_path / "b.parquet", set_rax, 600)
    runs = ParquetRun(left), ParquetRun(right)
    assert common_prefix(*runs, frozenset()) == (698, 698)
    assert common_prefix(*runs, frozenset({"rax"})) == (2**64 - 1, ROWS)
    part = sorted((right / "rows").rglob("*.parquet"))[1]
    part.write_bytes(part.read_bytes()[:-9])
    end, rows = common_prefix(*runs, frozenset())
    assert 0 < end == rows < 600
