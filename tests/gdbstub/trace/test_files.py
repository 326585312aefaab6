"""Writers leave whole lines behind, whatever ends them; the reader says what it finds."""

from __future__ import annotations

import datetime
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gdbstub.remote.capabilities import BackendInfo
from gdbstub.trace import JsonlWriter, LineFile, TextWriter, TraceError, TraceReader, row
from tests.fakes.records import event_record, step_record

BACKEND = BackendInfo("qemu-tcg", "7.2.22", "amd", "qemu-tcg")
STARTED = datetime.datetime(2026, 11, 21, 10, tzinfo=datetime.UTC)


def write_trace(path: Path, rows: int = 3, end: bool = True) -> None:
    with JsonlWriter(LineFile(path)) as writer:
        writer.header("tcp:127.0.0.1:1234", BACKEND, STARTED, "dr6 0.1.0")
        for number in range(rows):
            writer.record(step_record(number))
        writer.record(event_record(rows))
        if end:
            writer.end("steps", 0.5)


def test_what_was_written_reads_back(tmp_path: Path) -> None:
    write_trace(tmp_path / "t.jsonl")
    with TraceReader(tmp_path / "t.jsonl") as trace:
        assert trace.header["backend"]["name"] == "qemu-tcg"
        read = list(trace)
        assert read == [row(step_record(n)) for n in range(3)] + [row(event_record(3))]
        assert trace.end == {
            "kind": "end",
            "reason": "steps",
            "stops": 3,
            "events": 1,
            "seconds": 0.5,
            "taken": None,
            "seen": 1,
            "missed": None,
        }
        assert trace.cut_off is None


def test_a_trace_without_its_end_is_read_and_called_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    write_trace(path, end=False)
    with TraceReader(path) as trace:
        assert len(list(trace)) == 4
        assert trace.cut_off == f"{path} was cut off: it has no end row; its 4 whole rows were read."


def test_half_a_last_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    write_trace(path, end=False)
    path.write_bytes(path.read_bytes()[:-100])
    with TraceReader(path) as trace:
        assert len(list(trace)) == 3
        assert trace.cut_off is not None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "has no header"),
        (b"hello\n", "line 1, is not a row"),
        (b'{"kind":"stop"}\n', "first line is no header"),
        (b'{"kind":"header","schema":2}\n', "has schema 2"),
        (b'{"kind":"header","schema":1}\nrubbish\n{"kind":"end"}\n', "line 2, is not a row"),
        (b'{"kind":"header","schema":1}\n[1]\n', "line 2, is not a row"),
        (b'{"kind":"header","schema":1}\n{"kind":"end"}\n{}\n', "goes on after its end row"),
        (b'{"kind":"header","schema":1}\n{"kind":"header","schema":1}\n', "a second header"),
        (b"[" * 100_000 + b"\n", "line 1, is not a row"),
    ],
)
def test_a_file_that_is_no_trace_is_refused_in_one_sentence(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(content)

    def read() -> None:
        with TraceReader(path) as trace:
            list(trace)

    with pytest.raises(TraceError, match=says):
        read()


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(TraceError, match=r"Cannot read /nowhere/t\.jsonl: No such file or directory\."):
        TraceReader("/nowhere/t.jsonl")


def test_a_path_that_cannot_be_written_is_named() -> None:
    with pytest.raises(TraceError, match=r"Cannot open /nowhere/t\.jsonl for writing: No such file"):
        LineFile("/nowhere/t.jsonl")


def test_a_full_disk_is_one_sentence() -> None:
    file = LineFile("/dev/full")
    with pytest.raises(TraceError, match="Cannot write to /dev/full: No space left on device"):
        file.write_line("x")
    file.close()


def test_a_file_that_may_not_grow_ends_with_a_whole_line(tmp_path: Path) -> None:
    """The process' own limit on file sizes stands for a disk that fills up in the middle of a row."""
    path = tmp_path / "t.jsonl"
    script = (
        "import resource, signal, sys\n"
        "from gdbstub.trace import LineFile, TraceError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "file = LineFile(sys.argv[1])\n"
        "try:\n"
        "    for n in range(100): file.write_line('x' * 30)\n"
        "    file.close()\n"
        "except TraceError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    assert "File too large" in done.stdout
    assert path.read_bytes() == (b"x" * 30 + b"\n") * 32


def test_a_reader_that_goes_away_is_one_sentence() -> None:
    reading, writing = os.pipe()
    file = LineFile(f"/proc/self/fd/{writing}")
    os.close(reading)
    with pytest.raises(TraceError, match=r"Nobody reads .* any more"):
        file.write_line("x")
    os.close(writing)


def test_ctrl_c_in_a_storm_leaves_whole_lines(tmp_path: Path) -> None:
    """A child writes 20 MB at most, as fast as it can, and is interrupted; every line that it left is whole."""
    path = tmp_path / "t"
    script = (
        "import resource, sys, trio\n"
        "from gdbstub.trace import LineFile\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2**25, 2**25))\n"
        "async def main():\n"
        "    file = LineFile(sys.argv[1])\n"
        "    try:\n"
        "        for n in range(100_000):\n"
        "            file.write_line(f'{n} ' + 'x' * 200)\n"
        "            await trio.lowlevel.checkpoint()\n"
        "            if n == 300: print('on', flush=True)\n"
        "        await trio.sleep_forever()\n"
        "    finally:\n"
        "        file.close()\n"
        "try: trio.run(main)\n"
        "except KeyboardInterrupt: print('interrupted')\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script, path], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    with child.stdout as output:
        assert output.readline() == "on\n"
        child.send_signal(signal.SIGINT)
        assert output.read() == "interrupted\n"
    assert child.wait() == 0
    lines = path.read_text().splitlines(keepends=True)
    assert len(lines) > 300
    assert [text == f"{n} {'x' * 200}\n" for n, text in enumerate(lines)] == [True] * len(lines)


def test_text_traces_have_a_line_for_each_record_between_comments(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    with TextWriter(LineFile(path), lambda record: f"#{record.number} {record.explanation.summary}") as writer:
        writer.header("replay:x", BACKEND, STARTED, "dr6 0.1.0")
        writer.record(step_record(0))
        writer.record(event_record(1))
        writer.end("shutdown", 1.5)
    assert path.read_text() == (
        "# dr6 0.1.0: replay:x, qemu-tcg 7.2.22\n"
        "#0 single-step by the debugger over nop\n"
        "#1 INT1 (ICEBP) by the guest\n"
        "# ended: shutdown; 1 stops, 1 events in 1.50 s\n"
    )


def test_a_pipe_gets_each_line_at_once() -> None:
    reading, writing = os.pipe()
    file = LineFile(f"/proc/self/fd/{writing}")
    file.write_line("one")
    assert os.read(reading, 100) == b"one\n"
    file.close()
    os.close(reading)
    os.close(writing)
