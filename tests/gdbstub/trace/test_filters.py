"""Rows that are kept are those that are all of what was asked for, of stops and of an engine's batches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gdbstub.trace import TraceError, TraceReader, TraceWriter, format_of, open_writer
from gdbstub.trace.columns.reader import ParquetRun
from gdbstub.trace.filtered_writer import FilteredWriter
from gdbstub.trace.filters import Filters, parse_filters
from gdbstub.trace.rows import Row
from tests.fakes.records import event_record, step_record
from tests.gdbstub.trace.traces import batch, head


def place(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return int(first, 0), int(last, 0) + 1


def kept(path: Path, *words: str) -> list[int]:
    """The numbers of the rows that are kept of three steps, an event and four instructions of an engine."""
    writer = FilteredWriter(open_writer(format_of(str(path)), str(path), repr), parse_filters(words, place))
    head(writer)
    for number in range(3):
        writer.record(step_record(number))
    writer.record(event_record(3))
    writer.columns(batch(4, 4, writer.define(0x1000, b"\x90", 64)))
    assert (writer.stops, writer.events, writer.insns) == (3, 1, 4)
    writer.end("steps", 1.0)
    writer.close()
    with TraceReader(path) as trace:
        return [row["n"] for row in trace]


@pytest.mark.parametrize("name", ["t.jsonl", "t.parquet"])
@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ((), [0, 1, 2, 3, 4, 5, 6, 7]),
        (("cpu=0",), [0, 1, 2, 3, 4, 5, 6, 7]),
        (("cpu=1",), []),
        (("mode=64", "every=3"), [0, 3, 6]),
        (("every=2",), [0, 2, 4, 6]),
        (("cause=icebp",), [3]),
        (("cpl=0",), [0, 1, 2, 3]),
        (("cpl=3",), []),
        (("in=0x100401-0x100401",), [0, 1, 2]),
        (("in=0x1000-0x1fff",), [4, 5, 6, 7]),
        (("branches",), [3, 4, 5, 6, 7]),
    ],
)
def test_a_row_is_kept_where_it_is_all_of_it(
    tmp_path: Path, name: str, words: tuple[str, ...], numbers: list[int]
) -> None:
    assert kept(tmp_path / name, *words) == numbers


def test_the_memory_of_a_row_stays_with_it(tmp_path: Path) -> None:
    kept(tmp_path / "t.parquet", "every=7")
    assert [access["n"] for access in ParquetRun(tmp_path / "t.parquet").accesses(7)] == [7]
    kept(tmp_path / "u.parquet", "every=2")
    assert ParquetRun(tmp_path / "u.parquet").accesses(7) == []


WORDS = ("cpu=0", "cpu=1", "mode=64", "mode=32", "cpl=0", "cpl=3", "every=3", "in=0x1002-0x1004", "branches")


def varied(path: Path, filters: Filters | None) -> list[Row]:
    """The rows of a trace of 64 instructions: eight in turn, in two modes and at two privilege levels."""
    writer: TraceWriter = open_writer(format_of(str(path)), str(path), repr)
    if filters is not None:
        writer = FilteredWriter(writer, filters)
    head(writer)
    numbers = [writer.define(address, b"\x90", 64) for address in range(0x1000, 0x1008)]
    turns = np.arange(64) % 8
    values = {
        **batch(5, 64).values,
        "insn": np.array(numbers, np.uint32)[turns],
        "pc": (0x1001 + turns % 7).astype(np.uint64),
        "mode": np.repeat(np.array([32, 64], np.uint8), 32),
        "cs": np.tile(np.repeat(np.array([0x10, 0x33], np.uint64), 16), 2),
    }
    writer.columns(replace(batch(5, 64), values=values))
    writer.end("steps", 1.0)
    writer.close()
    with TraceReader(path) as trace:
        return list(trace)


@pytest.mark.parametrize("words", [*((word,) for word in WORDS), ("cpl=3", "branches"), ("every=2", "mode=64")])
def test_a_batch_is_kept_as_each_of_its_rows_is(tmp_path: Path, words: tuple[str, ...]) -> None:
    """What is asked once of all rows that are alike says the same as each on its own."""
    filters = parse_filters(words, place)
    rows = varied(tmp_path / "all.jsonl", None)
    assert varied(tmp_path / "kept.jsonl", filters) == [row for row in rows if filters.keeps(row)]


@pytest.mark.parametrize("word", ["colour=1", "cpu", "cpu=x", "mode=8", "every=0", "cause=magic", "branches=1"])
def test_what_is_no_filter_is_one_sentence(word: str) -> None:
    with pytest.raises(TraceError) as error:
        parse_filters([word], place)
    assert str(error.value).endswith(".")
