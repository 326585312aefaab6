"""A trace in columns is the trace in lines, and what is on disk is complete whatever ends the writer."""

from __future__ import annotations

import datetime
import signal
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

from gdbstub.trace import Columns, Row, TraceError, TraceReader, open_writer, row
from gdbstub.trace.columns import parts
from gdbstub.trace.columns.arrow import SHARED, table
from gdbstub.trace.columns.folder import NO_CPU
from gdbstub.trace.columns.writer import ParquetWriter
from tests.fakes.records import step_record
from tests.gdbstub.trace.traces import BACKEND, STARTED, batch, head, write_all


def read_all(path: Path) -> tuple[Row, list[Row], Row | None]:
    with TraceReader(path) as trace:
        rows = list(trace)
        assert trace.cut_off is None
        return trace.header, rows, trace.end


def rows_below(path: Path) -> list[Path]:
    return sorted((path / "rows").rglob("*.parquet"))


def test_the_formats_hold_the_same_rows(tmp_path: Path) -> None:
    for name in ("t.jsonl", "t.jsonl.zst", "t.parquet"):
        write_all(tmp_path / name)
    lines = read_all(tmp_path / "t.jsonl")
    assert [row["kind"] for row in lines[1]] == ["stop"] * 3 + ["insn"] * 2 + ["gap", "event", "event", "stop", "stop"]
    assert read_all(tmp_path / "t.jsonl.zst") == lines
    assert read_all(tmp_path / "t.parquet") == lines
    assert lines[1][0] == row(step_record(0))
    assert lines[2] is not None
    assert (lines[2]["insns"], lines[2]["missed"]) == (2, 1)


def test_a_row_of_an_instruction_is_a_stop_without_what_only_stops_have(tmp_path: Path) -> None:
    write_all(tmp_path / "t.parquet")
    found = read_all(tmp_path / "t.parquet")[1][3]
    assert found == {
        "kind": "insn",
        "n": 3,
        "cpu": 0,
        "pc": "0x1004",
        "mode": 64,
        "insn": {"address": "0x1000", "bytes": "90", "text": "nop"},
        "regs": {"rax": "0x3"},
        "dr": {"dr0": None, "dr1": None, "dr2": None, "dr3": None, "dr6": "0xffff0ff0", "dr7": None, "source": "log"},
        "causes": [],
        "contradictions": [],
        "unknowns": [],
        "summary": "`nop` ran",
    }


def test_rows_are_kept_by_run_and_vcpu(tmp_path: Path) -> None:
    write_all(tmp_path / "t.parquet")
    folders = {
        part.parent.relative_to(tmp_path / "t.parquet").as_posix() for part in rows_below(tmp_path / "t.parquet")
    }
    (run,) = {name.split("/")[1] for name in folders}
    assert folders == {f"rows/{run}/cpu={cpu}" for cpu in ("0", "1", NO_CPU)}
    assert run.startswith("run=20261121T100000Z-")


@pytest.mark.usefixtures("small_parts")
def test_large_batches_and_long_traces_become_several_parts(tmp_path: Path) -> None:
    with ParquetWriter(tmp_path / "t.parquet") as writer:
        head(writer)
        for first in range(0, 2_000, 50):
            writer.columns(batch(first, 50))
        writer.end("steps", 1.0)
    assert len(rows_below(tmp_path / "t.parquet")) == 4
    with TraceReader(tmp_path / "t.parquet") as trace:
        assert sum(row["regs"]["rax"] == hex(n) for n, row in enumerate(trace)) == 2_000


@pytest.mark.usefixtures("small_parts")
def test_a_full_part_lets_its_rows_go(tmp_path: Path) -> None:
    """So memory does not grow with the rows of a trace."""
    parts_of = parts.PartFiles(tmp_path / "rows", tmp_path / "part.tmp")
    held = []
    for first in range(0, 1_000, 250):
        numbers = np.arange(first, first + 250, dtype=np.uint64)
        held.append(weakref.ref(numbers))
        parts_of.add(table("rows", {"n": numbers}, 250))
        del numbers
    assert [array() is None for array in held] == [True] * 4


def test_a_register_that_stays_the_same_is_there_in_all_rows(tmp_path: Path) -> None:
    """Across batches, and for more rows than one shared array has."""
    value, count = 2**64 - 1, SHARED + 1
    with ParquetWriter(tmp_path / "t.parquet") as writer:
        head(writer)
        for first in (0, count):
            same = {"rbx": np.full(count, value, np.uint64), "pc": np.full(count, 0x1000, np.uint64)}
            writer.columns(Columns(0, first, count, same))
        writer.end("steps", 1.0)
    with TraceReader(tmp_path / "t.parquet") as trace:
        assert [(row["n"], row["pc"], row["regs"]) for row in trace] == [
            (n, "0x1000", {"rbx": hex(value)}) for n in range(2 * count)
        ]


def test_columns_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with ParquetWriter(tmp_path / "t.parquet") as writer:
        head(writer)
        with pytest.raises(ValueError, match="column pc has 2 values for 3 rows"):
            writer.columns(Columns(0, 0, 3, {"pc": np.zeros(2, np.uint64)}))
        with pytest.raises(ValueError, match="needs the column pc"):
            writer.columns(Columns(0, 0, 3, {"rax": np.zeros(3, np.uint64)}))


def test_code_that_was_read_later_is_in_rows_that_were_written_before(tmp_path: Path) -> None:
    with ParquetWriter(tmp_path / "t.parquet") as writer:
        head(writer)
        number = writer.define(0x1000, b"", 64)
        writer.columns(batch(0, 1, number))
        writer.flush()
        writer.complete(number, b"\xf4", 64)
        writer.end("steps", 1.0)
    (found,) = read_all(tmp_path / "t.parquet")[1]
    assert found["insn"] == {"address": "0x1000", "bytes": "f4", "text": "hlt"}


KILLED = """
import sys
from gdbstub.trace.columns.writer import ParquetWriter
from tests.fakes.records import step_record
from tests.gdbstub.trace.traces import head
writer = ParquetWriter(sys.argv[1])
head(writer)
for number in range(100):
    writer.record(step_record(number))
print("written", flush=True)
sys.stdin.read()
"""


def test_a_writer_that_is_killed_leaves_what_is_older_than_a_second(tmp_path: Path) -> None:
    """Nobody flushes: the writer's own thread does. Then the process is killed."""
    path = tmp_path / "t.parquet"
    command = [sys.executable, "-c", KILLED, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "written\n"
        while not rows_below(path):
            assert child.poll() is None
        child.send_signal(signal.SIGKILL)
    with TraceReader(path) as trace:
        assert [row["n"] for row in trace] == list(range(100))
        assert trace.end is None
        assert trace.cut_off == f"{path} was cut off: it has no end row; its 100 whole rows were read."


FULL = """
import resource, signal, sys
from gdbstub.trace import TraceError
from gdbstub.trace.columns.writer import ParquetWriter
from tests.fakes.records import step_record
from tests.gdbstub.trace.traces import batch, head
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
writer = ParquetWriter(sys.argv[1])
head(writer)
writer.columns(batch(0, 10)); writer.flush()
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
try:
    writer.columns(batch(10, 60_000)); writer.flush()
except TraceError as error: print(error)
try: writer.record(step_record(1))
except TraceError as error: print(error)
writer.close()
"""


def test_a_full_disk_is_one_sentence_and_what_was_written_stays(tmp_path: Path) -> None:
    """The process' own limit on file sizes stands for the disk."""
    path = tmp_path / "t.parquet"
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True)
    sentence = f"Cannot write to {path}: File too large; the rows before this are kept, but the trace has no end row."
    assert done.stdout.splitlines() == [sentence] * 2
    assert done.stderr == ""
    with TraceReader(path) as trace:
        assert len(list(trace)) == 10


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("damage", [b"", b"PAR1 rubbish PAR1", None])
def test_a_part_that_is_damaged_leaves_the_others_readable(tmp_path: Path, damage: bytes | None) -> None:
    path = tmp_path / "t.parquet"
    with ParquetWriter(path) as writer:
        head(writer)
        for first in (0, 700):
            writer.columns(batch(first, 700))
        writer.end("steps", 1.0)
    damaged, _ = rows_below(path)
    damaged.write_bytes(damaged.read_bytes()[:-100] if damage is None else damage)
    with TraceReader(path) as trace:
        assert [row["n"] for row in trace] == list(range(700, 1_400))
        assert trace.cut_off == f"{damaged} can't be read (it is damaged), so its rows are missing."


def test_another_trace_replaces_the_first_and_other_folders_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_all(path)
    write_all(path)
    assert len(read_all(path)[1]) == 10
    (path / "thesis.txt").write_text("mine")
    with pytest.raises(TraceError, match="a folder with other things in it than a trace; name a new one"):
        ParquetWriter(path)
    other = tmp_path / "other"
    (other / "rows").mkdir(parents=True)
    with pytest.raises(TraceError, match="a folder with other things"):
        ParquetWriter(other)
    with pytest.raises(TraceError, match=r"Cannot open /proc/t\.parquet for writing: No such file"):
        ParquetWriter("/proc/t.parquet")


def test_of_several_runs_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    for count in (1, 2):
        with ParquetWriter(path, keep=True) as writer:
            writer.header("x", BACKEND, STARTED + datetime.timedelta(days=count), "dr6 0.2.0")
            writer.columns(batch(0, count))
            writer.end("steps", 1.0)
    with pytest.raises(TraceError, match=r"has 2 runs; name one of them with --run: 20261122T.*, 20261123T") as error:
        TraceReader(path)
    run = str(error.value).rstrip(".").split(", ")[-1]
    with TraceReader(path, run) as trace:
        assert len(list(trace)) == 2


def test_what_is_no_trace_is_refused_in_one_sentence(tmp_path: Path) -> None:
    write_all(tmp_path / "t.parquet")
    part = rows_below(tmp_path / "t.parquet")[0]
    with pytest.raises(TraceError, match="is one Parquet file; a trace of dr6 in columns is the whole folder"):
        TraceReader(part)
    with pytest.raises(TraceError, match="is not a trace of dr6: it is a folder without runs"):
        TraceReader(tmp_path)


def test_a_compressed_trace_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl.zst"
    writer = open_writer("jsonl", str(path), lambda record: "")
    head(writer)
    writer.record(step_record(0))
    writer.flush()
    writer.record(step_record(1))
    writer.close()
    path.write_bytes(path.read_bytes()[:-20])
    with TraceReader(path) as trace:
        assert [row["n"] for row in trace] == [0]
        assert trace.cut_off == f"{path} was cut off: it has no end row; its 1 whole row was read."


@pytest.mark.parametrize("name", ["t.jsonl.zst", "t.parquet"])
def test_without_the_libraries_one_sentence_says_what_to_install(tmp_path: Path, name: str) -> None:
    write_all(tmp_path / name)
    script = (
        "import sys\n"
        "sys.modules['pyarrow'] = None\n"
        "from gdbstub.trace import TraceError, TraceReader, format_of, open_writer\n"
        "path = sys.argv[1]\n"
        "for act in (lambda: TraceReader(path), lambda: open_writer(format_of(path), path, repr)):\n"
        "    try: act()\n"
        "    except TraceError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path / name], capture_output=True, text=True, check=True)
    what = "A compressed trace" if name.endswith("zst") else "A trace in columns"
    assert (
        done.stdout.splitlines() == [f"{what} needs pyarrow, which is not installed: pip install 'dr6[columns]'."] * 2
    )
