"""Measure and print. Contenders take turns, so that a busy machine is unfair to all of them alike."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.bench import costs, events, screen, serving
from tests.bench.contenders import (
    BARE,
    CONTENDERS,
    COUNTING,
    DR6_LOG,
    DR6_PLUGIN,
    DR6_TRACE,
    ENGINES,
    GDB,
    GDB_PACKETS,
    Contender,
    Ran,
    check_same_guest,
)
from tests.guests.machine import qemu_version

LOG_TIMES_GDB, LOG_OF_COUNTING, PLUGIN_TIMES_GDB = 100.0, 0.6, 300.0
TIMES_GDB, OF_BARE, HELP_SECONDS, MEGABYTES = 1.7, 0.8, 0.3, 150.0
EXPLAIN_MILLISECONDS = 1.0
FIRST_PICTURE, TIMES_BARE, STEP_MILLISECONDS, SCREEN_MEGABYTES = 0.4, 2.0, 40.0, 120.0
TIMES_CATCH = 50.0
BUSY = 0.7


class Options(argparse.Namespace):
    rounds: int
    steps: int
    million: bool
    speed_only: bool
    serve_only: bool
    engines_only: bool
    screen_only: bool
    events_only: bool


class Rates(NamedTuple):
    """Rows per second. ``steady`` and ``best`` (of all turns) count from the first step to the last row, ``whole`` with
    start-up and end."""

    steady: float
    best: float
    whole: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description="Pass options as BENCH='--rounds 9'.")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contender")
    parser.add_argument("--steps", type=int, default=10_000, help="rows that dr6 traces in one turn")
    parser.add_argument("--million", action="store_true", help="trace a million rows for the memory figure")
    parser.add_argument("--speed-only", action="store_true", help="only the contest")
    parser.add_argument("--serve-only", action="store_true", help="only gdb through dr6 against gdb directly")
    parser.add_argument("--engines-only", action="store_true", help="only the engines that are told by QEMU")
    parser.add_argument("--screen-only", action="store_true", help="only the screen against a bare prompt")
    parser.add_argument(
        "--events-only", action="store_true", help="only events read from QEMU's log against caught ones"
    )
    options = parser.parse_args(namespace=Options())
    print(f"QEMU {qemu_version()} (TCG), {_gdb_version()}, Python {sys.version.split()[0]}; guest: loop; unix socket")
    if (load := os.getloadavg()[0]) > BUSY:
        print(f"This machine is busy (load {load:.1f}): dr6 and QEMU want a core each, and lose most by that.")
    if options.screen_only:
        _screen()
        return
    if options.serve_only:
        _serving(options.rounds)
        return
    if options.engines_only:
        _engines(options.rounds, options.steps)
        return
    if options.events_only:
        _events(options.rounds)
        return
    check_same_guest(300)
    print("dr6 and gdb write the same registers, 300 rows compared")
    with tempfile.TemporaryDirectory(prefix="dr6-bench-") as directory:
        output = Path(directory) / "trace.jsonl"
        _contest(options.rounds, options.steps, output)
        if not options.speed_only:
            _costs(options.million, output)
    _engines(options.rounds, options.steps)
    if not options.speed_only:
        _events(options.rounds)
        _serving(options.rounds)
        _screen()


def _gdb_version() -> str:
    text = subprocess.run(["gdb", "--version"], capture_output=True, text=True, check=True).stdout
    return f"gdb {text.splitlines()[0].split()[-1]}"


def _contest(rounds: int, steps: int, output: Path) -> None:
    rates = _take_turns(CONTENDERS, rounds, steps, output)
    for name, rival, target in (("gdb stepi", GDB, TIMES_GDB), ("bare loop", BARE, OF_BARE)):
        _judge(f"dr6 / {name}", rates[DR6_TRACE].steady / rates[rival].steady, target)
    _tell("dr6 / gdb raw packets", f"{rates[DR6_TRACE].steady / rates[GDB_PACKETS].steady:.2f}")


def _engines(rounds: int, steps: int) -> None:
    with tempfile.TemporaryDirectory(prefix="dr6-bench-") as directory:
        rates = _take_turns(ENGINES, rounds, steps, Path(directory) / "trace.jsonl")
    for name, rival, target in (("gdb stepi", GDB, LOG_TIMES_GDB), ("only counted", COUNTING, LOG_OF_COUNTING)):
        _judge(f"dr6 log / {name}", rates[DR6_LOG].steady / rates[rival].steady, target)
    _judge("dr6 plugin / gdb stepi", rates[DR6_PLUGIN].steady / rates[GDB].steady, PLUGIN_TIMES_GDB)


def _take_turns(contenders: tuple[Contender, ...], rounds: int, steps: int, output: Path) -> dict[Contender, Rates]:
    turns: dict[Contender, list[Ran]] = {contender: [] for contender in contenders}
    for number in range(rounds):
        for contender in contenders:
            turns[contender].append(contender.trace(round(steps * contender.share), output))
        _progress(f"round {number + 1} of {rounds}")
    print(f"\nFull-state rows per second, written to disk; {rounds} rounds, in which all take their turn")
    print(f"{'':24}{'median':>9}{'best':>9}{'whole process':>16}   rows a turn   CPU a row")
    rates = {contender: _rates(contender, ran) for contender, ran in turns.items()}
    print()
    return rates


def _rates(contender: Contender, turns: list[Ran]) -> Rates:
    steady = [turn.rows / turn.steady for turn in turns]
    whole = statistics.median(turn.rows / turn.whole for turn in turns)
    cpu = statistics.median(turn.cpu / turn.rows for turn in turns)
    rates = Rates(statistics.median(steady), max(steady), whole)
    rows = f"{turns[0].rows:11}   {cpu * 1e6:6.1f} µs"
    print(f"{contender.name:24}{rates.steady:9.0f}{rates.best:9.0f}{rates.whole:16.0f}   {rows}")
    return rates


def _serving(rounds: int) -> None:
    print(f"\ngdb through dr6 serve, and directly; medians of {rounds} rounds, in which both take their turn")
    for row in serving.compare(rounds):
        _tell(row.name, f"{row.served:.0f} {row.unit}, directly {row.direct:.0f}")
        if row.target is None:
            _tell(f"  {row.name}", f"{row.ratio:.2f} times")
        else:
            _judge(f"  {row.name}", row.ratio, row.target, unit=" times")


def _screen() -> None:
    print(f"\nThe screen at {screen.COLUMNS}x{screen.ROWS}, and a bare prompt of prompt_toolkit, letter for letter")
    found = screen.measure()
    _judge("first picture", found.first_picture, FIRST_PICTURE, unit=" s", least=False)
    _tell("  of a bare prompt", f"{found.first_picture / found.first_bare:.2f} times ({found.first_bare:.2f} s)")
    for name, waits in (("idle", found.idle), ("running", found.running), ("in a trace", found.tracing)):
        _tell(f"key to redraw, {name}", f"{waits.median:.1f} ms, 95 % below {waits.most:.1f} ms")
        _judge("  of a bare prompt", waits.median / found.bare.median, TIMES_BARE, unit=" times", least=False)
    _tell("key to redraw, bare", f"{found.bare.median:.1f} ms, 95 % below {found.bare.most:.1f} ms")
    _judge("a step, key to redraw", found.step.median, STEP_MILLISECONDS, unit=" ms", least=False)
    _tell("  of a bare prompt's letter", f"{found.step.median / found.bare.median:.1f} times")
    _tell("CPU of a step in si N", f"{found.cpu_step:.2f} ms")
    _judge("CPU in 3 idle seconds", found.cpu_idle, 0, unit=" s", least=False)
    _judge(f"memory, {screen.TRACED} stops", found.megabytes, SCREEN_MEGABYTES, unit=" MB", least=False)


def _events(rounds: int) -> None:
    rates = events.compare(rounds)
    print(f"\n#DBs that the guest takes, as rows; medians of {rounds} rounds, in which both take their turn")
    _tell("dr6 --events --no-stop", f"{rates.log:.0f} events/s, caught at their handler {rates.handler:.0f}")
    _judge("  --no-stop / --catch", rates.ratio, TIMES_CATCH, unit=" times")


def _costs(million: bool, output: Path) -> None:
    _progress("memory")
    memory = costs.memory(20_000, costs.MILLION if million else 150_000, output)
    for rows, peak in ((memory.rows, memory.peak), (memory.longer, memory.longer_peak)):
        _tell(f"peak memory, {rows} rows", f"{peak / 1e6:.1f} MB")
    unit = " MB" if million else " MB, extrapolated"
    _judge("peak memory, a million rows", memory.at_a_million / 1e6, MEGABYTES, unit=unit, least=False)
    _judge("dr6 --help", costs.help_seconds(11), HELP_SECONDS, unit=" s", least=False)
    _tell("explain()", f"{costs.explain_seconds(2_000, 7) * 1e6:.1f} µs a call, 2000 real stops")
    anything = costs.explain_anything(10_000)
    _tell("explain(), anything", f"{anything.median * 1e6:.0f} µs in the median, {anything.calls} random evidences")
    _judge("explain(), the slowest", anything.slowest * 1e3, EXPLAIN_MILLISECONDS, unit=" ms", least=False)


def _judge(name: str, value: float, target: float, *, unit: str = "", least: bool = True) -> None:
    reached = value >= target if least else value <= target
    word, verdict = "at least" if least else "at most", "reached" if reached else "MISSED"
    _tell(name, f"{value:.2f}{unit}   (target: {word} {target:g}, {verdict})")


def _tell(name: str, text: str) -> None:
    print(f"{name:28}{text}")


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}\r", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
