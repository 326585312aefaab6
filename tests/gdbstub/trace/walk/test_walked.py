"""Any row is had by its number, whichever part it is in, and what is looked for is found in both directions."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from gdbstub.trace import TraceError, TraceReader
from gdbstub.trace.columns.writer import ParquetWriter
from gdbstub.trace.walk.criteria import changed, events, ran, touched
from gdbstub.trace.walk.walked import WalkedTrace
from tests.gdbstub.trace.traces import batch, head, write_all

ROWS = 2000


@pytest.fixture
def long_trace(tmp_path: Path, small_parts: None) -> Path:
    """Of two vCPUs, which take turns of 50 rows."""
    with ParquetWriter(tmp_path / "t.parquet") as writer:
        head(writer)
        insn = [writer.define(0x1000, b"\x90", 64), writer.define(0x1001, b"\xfa", 64)]
        for number in range(0, ROWS, 50):
            cpu = number // 50 % 2
            writer.columns(batch(number, 50, insn[cpu], cpu))
        writer.end("steps", 0.1)
    return tmp_path / "t.parquet"


def test_rows_are_those_of_a_reader_in_both_directions(long_trace: Path) -> None:
    with TraceReader(long_trace) as reader:
        rows = list(reader)
    trace = WalkedTrace(long_trace)
    assert (trace.first, trace.last) == (0, ROWS - 1)
    assert [trace.row(number) for number in reversed(range(ROWS))] == rows[::-1]
    for one, other in pairwise(range(ROWS)):
        assert trace.beside(one, forwards=True) == other
        assert trace.beside(other, forwards=False) == one
    assert trace.beside(ROWS - 1, forwards=True) is trace.beside(0, forwards=False) is None


def test_the_row_before_is_one_of_the_same_vcpu(long_trace: Path) -> None:
    trace = WalkedTrace(long_trace)
    assert trace.before(trace.row(50)) is None
    before = trace.before(trace.row(51))
    assert before is not None
    assert before["n"] == 50


def test_what_is_looked_for_is_found_from_anywhere(long_trace: Path) -> None:
    trace = WalkedTrace(long_trace)
    write, cli = touched(0x5004, 1, writes_only=True), ran(trace.instructions(lambda _, text: text == "cli"))
    last_of_each = list(range(49, ROWS, 50))
    assert list(trace.matching(write, -1, forwards=True)) == last_of_each
    assert list(trace.matching(write, 1000, forwards=False)) == last_of_each[:20][::-1]
    assert next(trace.matching(write, 49, forwards=True)) == 99
    assert next(trace.matching(touched(0x5008, 1, writes_only=True), ROWS, forwards=False), None) is None
    assert next(trace.matching(cli, 0, forwards=True)) == 50
    assert next(trace.matching(cli, 149, forwards=False)) == 99
    rax = list(trace.matching(changed("rax"), 200, forwards=False))
    assert rax == [*range(199, 50, -1), *range(49, 0, -1)]  # 50 is the first row of its vCPU
    assert next(trace.matching(changed("dr6"), ROWS, forwards=False), None) is None
    assert not list(trace.matching(events(), -1, forwards=True))


def test_a_part_that_is_damaged_is_told_and_the_others_are_walked(long_trace: Path) -> None:
    broken = sorted((long_trace / "rows").rglob("cpu=1/*.parquet"))[0]
    broken.write_bytes(b"PAR1 nonsense")
    trace = WalkedTrace(long_trace)
    assert trace.row(0)["n"] == 0
    assert [str(broken) in sentence for sentence in trace.damaged] == [True]
    with pytest.raises(TraceError, match="has no row 50; it has 0 to"):
        trace.row(50)


def test_events_of_an_unknown_vcpu_are_among_the_rows(tmp_path: Path) -> None:
    write_all(tmp_path / "t.parquet")
    trace = WalkedTrace(tmp_path / "t.parquet")
    assert list(trace.matching(events(), 0, forwards=True)) == [5, 6]
    assert [row["from"] for row in trace.gaps] == [5]
