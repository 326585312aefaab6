"""All of the faults: ``make lab-faults``. Prints each that is found, and the figures for docs/testing.md."""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.faults import clients, ends, endurance, forked, forks, readers, sessions
from tests.faults.endurance import MIB, Held
from tests.faults.signals import running_guest
from tests.faults.table import everything, words
from tests.faults.verdict import Tried, run, sick

MOST_GROWTH = 64 * MIB
"""Of the process that tries all of it, behind the first tenth."""


class Area(NamedTuple):
    """``share`` of the inputs; ``one`` is one try, some inputs long."""

    name: str
    share: float
    one: Callable[[random.Random, Path], Tried]


AREAS = (
    Area("readers of foreign bytes", 0.70, readers.one),
    Area("clients of a server", 0.27, clients.one),
    Area("sessions before sick stubs", 0.02, sessions.one),
    Area("runs before sick stubs", 0.004, forks.stub),
    Area("runs over changed files", 0.003, forks.file),
    Area("runs where something is missing", 0.0028, forks.surroundings),
    Area("runs before stubs that stand", 0.0002, forks.standing_stub),
)


class Figures:
    """What an area came to."""

    def __init__(self, area: Area) -> None:
        self.area = area
        self.inputs, self.faults, self.seconds = 0, 0, 0.0

    def __str__(self) -> str:
        return f"| {self.area.name} | {self.inputs:,} | {self.faults} | {self.seconds:.0f} s |"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--inputs", type=int, default=100_000, help="over all areas but the ends and the table")
    parser.add_argument("--seconds", type=float, default=3600, help="at most, for those")
    parser.add_argument("--only", default="", metavar="WORD", help="the areas whose names have it")
    parser.add_argument("--ends", type=int, default=200, help="ends of dr6 at random moments, on a real QEMU")
    parser.add_argument("--table", action="store_true", help="every sickness of the table, by processes, too")
    parser.add_argument("--rows", type=int, default=0, help="of a long trace (1000000 takes ten minutes or more)")
    parser.add_argument("--serve", type=float, default=0, metavar="SECONDS", help="clients that come and go")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell's background job has it ignored, and so its forks
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    forked.preload()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bad = _areas(folder, options) + _ends(folder, options)
        bad += _table(folder) if options.table else 0
        bad += _endured(endurance.trace(folder, options.rows)) if options.rows else 0
        bad += _endured(endurance.serve(folder, options.serve, options.seed)) if options.serve else 0
    return 1 if bad else 0


def _areas(folder: Path, options: argparse.Namespace) -> int:
    figures, began = [Figures(area) for area in AREAS if options.only in area.name], time.monotonic()
    held: list[Held] = []
    place = folder / "tried"
    number = 0
    while (done := sum(one.inputs for one in figures)) < options.inputs:
        if time.monotonic() > began + options.seconds:
            print(f"the time is up after {done} inputs", flush=True)
            break
        due = min(figures, key=lambda one: one.inputs / one.area.share)
        _try(due, f"{options.seed}:{number}", place)
        number += 1
        if number % 50 == 0:
            held.append(Held.by(os.getpid()))
    print(*figures, sep="\n", flush=True)
    return sum(one.faults for one in figures) + _leaks(held[len(held) // 10 :])


def _try(due: Figures, seed: str, place: Path) -> None:
    place.mkdir(mode=0o700, exist_ok=True)
    began = time.monotonic()
    tried = due.area.one(random.Random(seed), place)
    due.seconds += time.monotonic() - began
    due.inputs += tried.inputs
    due.faults += len(tried.faults)
    for fault in tried.faults:
        print(f"{due.area.name}, {seed}: {fault}", flush=True)


def _leaks(held: list[Held]) -> int:
    if not held:
        return 0
    first, last = held[0], held[-1]
    print(f"this process: {first.memory // MIB} to {last.memory // MIB} MiB", flush=True)
    print(f"and {first.descriptors} to {last.descriptors} descriptors", flush=True)
    return int(last.memory > first.memory + MOST_GROWTH) + int(last.descriptors > first.descriptors)


def _ends(folder: Path, options: argparse.Namespace) -> int:
    if not options.ends:
        return 0
    began, bad, not_running, left = time.monotonic(), 0, 0, 0
    place = folder / "ends"
    place.mkdir()
    with running_guest(folder) as guest:
        for name, end in ends.rounds(guest, place, options.ends, options.seed):
            not_running += end.status != "running"
            left += end.stopped
            bad += bool(end.faults)
            if end.faults:
                print(f"{name}: {'; '.join(end.faults)}: {end.ran.ended.err[-300:]!r}", flush=True)
    print(
        f"ends: {options.ends}; {not_running} guests that did not run and {left} with a breakpoint left, "
        f"where dr6 had no last word or said so; {bad} faults, {time.monotonic() - began:.0f} s",
        flush=True,
    )
    return bad


def _table(folder: Path) -> int:
    began, bad, all_ = time.monotonic(), 0, everything()
    for use, sickness in all_:
        with sick(sickness, folder) as target:
            ended = run(*words(use, target))
        bad += bool(ended.faults)
        if ended.faults:
            print(f"{sickness} before {use}: {'; '.join(ended.faults)}: {ended.err[-300:]!r}", flush=True)
    print(f"table of sick stubs: {len(all_)} runs, {bad} faults, {time.monotonic() - began:.0f} s", flush=True)
    return bad


def _endured(endured: endurance.Endured) -> int:
    print(f"endurance: {endured}", flush=True)
    return len(endured.faults)


if __name__ == "__main__":
    sys.exit(main())
