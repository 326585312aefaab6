"""Who traces: each in a process of its own, against a fresh guest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.bench.guest import stopped_guest
from tests.guests.machine import QEMU
from transports import plugin_for

ROOT = Path(__file__).parents[2]
DR6 = (sys.executable, "-m", "frontend")
HOLD = ("--leave", "stopped")


class Ran(NamedTuple):
    """``steady`` are the seconds from the first step to the last row, by the contender's own clock; ``whole`` those of
    the process from fork to exit; ``peak`` the most memory that it held, in bytes; ``cpu`` the seconds that it
    computed."""

    rows: int
    steady: float
    whole: float
    peak: int
    cpu: float


class Finished(NamedTuple):
    output: str
    seconds: float
    peak: int
    cpu: float


def run(command: tuple[str, ...], **environment: str) -> Finished:
    """Run to the end; its standard output. Raises where it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command, output)
    seconds = time.perf_counter() - began
    return Finished(output, seconds, usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime)


def dr6(steps: int, output: Path) -> Ran:
    with stopped_guest() as path:
        done = run((*DR6, "trace", f"unix:{path}", "--steps", str(steps), "--output", str(output), *HOLD))
    end = last_row(output)
    assert end["kind"] == "end"
    assert end["stops"] == steps
    return Ran(steps, float(str(end["seconds"])), done.seconds, done.peak, done.cpu)


def gdb(steps: int, output: Path, way: str = "stepi") -> Ran:
    script = str(ROOT / "tests" / "bench" / "gdb_job.py")
    with stopped_guest() as path:
        done = run(
            ("gdb", "-nx", "-batch", "-ex", f"source {script}"),
            BENCH_SOCKET=str(path),
            BENCH_STEPS=str(steps),
            BENCH_OUTPUT=str(output),
            BENCH_WAY=way,
        )
    seconds = next(float(line.split()[1]) for line in done.output.splitlines() if line.startswith("seconds "))
    return Ran(steps, seconds, done.seconds, done.peak, done.cpu)


def gdb_packets(steps: int, output: Path) -> Ran:
    return gdb(steps, output, "packets")


def bare(steps: int, output: Path, pattern: str = "pipelined") -> Ran:
    with stopped_guest() as path:
        done = run((sys.executable, "-m", "tests.bench.bare_loop", str(path), str(steps), pattern))
    return Ran(steps, float(done.output), done.seconds, done.peak, done.cpu)


def dr6_log(steps: int, output: Path) -> Ran:
    """Told by QEMU, into columns; the rows in lock-step and those behind them in one figure."""
    return told("log", steps, output)


def dr6_plugin(steps: int, output: Path) -> Ran:
    """The same by dr6's plugin, with memory accesses."""
    return told("plugin", steps, output, "-plugin", str(plugin_for(QEMU[0])))


def told(engine: str, steps: int, output: Path, *qemu: str) -> Ran:
    folder = output.with_name(f"{engine}.parquet")
    options = ("--engine", engine, "--steps", str(steps), "--output", str(folder))
    with stopped_guest(*qemu) as path:
        done = run((*DR6, "trace", f"unix:{path}", *options, *HOLD))
    end = last_row(next(folder.glob("runs/*/run.jsonl")))
    assert (end["kind"], end["insns"]) == ("end", steps)
    return Ran(steps, float(str(end["seconds"])), done.seconds, done.peak, done.cpu)


def counting(steps: int, output: Path) -> Ran:
    with stopped_guest() as path:
        done = run((sys.executable, "-m", "tests.bench.counting_reader", str(path), str(steps)))
    return Ran(steps, float(done.output), done.seconds, done.peak, done.cpu)


def bare_sequential(steps: int, output: Path) -> Ran:
    return bare(steps, output, "sequential")


class Contender(NamedTuple):
    name: str
    trace: Callable[[int, Path], Ran]
    share: float
    """Of the steps that dr6 takes: slow ones take fewer, so that all take about as long."""


DR6_TRACE = Contender("dr6 trace", dr6, 1.0)
GDB = Contender("gdb, stepi", gdb, 0.35)
GDB_PACKETS = Contender("gdb, raw packets", gdb_packets, 0.7)
BARE = Contender("bare loop, pipelined", bare, 1.0)
BARE_SEQUENTIAL = Contender("bare loop, sequential", bare_sequential, 0.8)
DR6_LOG = Contender("dr6 trace --engine log", dr6_log, 50.0)
DR6_PLUGIN = Contender("dr6 trace --engine plugin", dr6_plugin, 250.0)
COUNTING = Contender("log, only counted", counting, 50.0)
ENGINES = (GDB, DR6_LOG, DR6_PLUGIN, COUNTING)
"""They are told, not stopped: a contest of its own, with gdb beside them."""
CONTENDERS = (DR6_TRACE, GDB, BARE, BARE_SEQUENTIAL, GDB_PACKETS)


def last_row(path: Path) -> dict[str, object]:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        row: dict[str, object] = json.loads(file.read().splitlines()[-1])
    return row


def check_same_guest(steps: int) -> None:
    """dr6 and gdb write the same registers, row by row: they do trace the same guest."""
    with tempfile.TemporaryDirectory(prefix="dr6-bench-") as directory:
        ours, theirs, raw = (Path(directory) / name for name in ("ours", "theirs", "raw"))
        dr6(steps, ours)
        gdb(steps, theirs)
        gdb_packets(steps, raw)
        stops = [json.loads(line) for line in ours.read_text().splitlines()[1:-1]]
        for path in (theirs, raw):
            rows = [json.loads(line) for line in path.read_text().splitlines()]
            for stop, row in zip(stops, rows, strict=True):
                _check_same_row(stop, row)


def _check_same_row(stop: dict[str, dict[str, str]], row: dict[str, dict[str, str]]) -> None:
    ours = stop["regs"] | stop["dr"]
    for name, value in row["regs"].items():
        known = ours["rflags" if name == "RFL" else name.lower()]
        assert int(known, 16) == int(value, 16), f"row {row['n']}: {name} is {known} for dr6 and {value} for gdb"
