"""All of the faults: ``make lab-faults``. Prints each that is found, and the figures for docs/testing.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.faults import clients, signals
from tests.faults.files import changed_files
from tests.faults.table import everything, words
from tests.faults.verdict import run, sick


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--rounds", type=int, default=72, help="ends at random moments, and as many of everything else")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bad = _stubs(Path(folder)) + _files(Path(folder), options) + _clients(options) + _signals(Path(folder), options)
    return 1 if bad else 0


def _tell(what: str, faults: list[str], err: str) -> int:
    if faults:
        print(f"{what}: {'; '.join(faults)}: {err[-300:]!r}", flush=True)
    return bool(faults)


def _stubs(folder: Path) -> int:
    began, bad, all_ = time.monotonic(), 0, everything()
    for use, sickness in all_:
        with sick(sickness, folder) as target:
            ended = run(*words(use, target))
        bad += _tell(f"{sickness} before {use}", ended.faults, ended.err)
    print(f"sick stubs: {len(all_)} runs, {bad} faults, {time.monotonic() - began:.0f} s", flush=True)
    return bad


def _files(folder: Path, options: argparse.Namespace) -> int:
    began, bad, count = time.monotonic(), 0, 0
    for name, argv in changed_files(folder, options.rounds, options.seed):
        ended = run(*argv)
        count += 1
        bad += _tell(name, ended.faults, ended.err)
    print(f"changed files: {count} runs, {bad} faults, {time.monotonic() - began:.0f} s", flush=True)
    return bad


def _clients(options: argparse.Namespace) -> int:
    began, bad = time.monotonic(), 0
    for name, faults in clients.rounds(options.rounds, options.seed):
        bad += _tell(name, faults, "")
    print(f"clients: {options.rounds} conversations, {bad} faults, {time.monotonic() - began:.0f} s", flush=True)
    return bad


def _signals(folder: Path, options: argparse.Namespace) -> int:
    began, bad, not_running = time.monotonic(), 0, 0
    with signals.running_guest(folder) as guest:
        for name, after in signals.rounds(guest, options.rounds, options.seed):
            bad += _tell(name, after.faults, after.err)
            not_running += after.status != "running"
    seconds = time.monotonic() - began
    print(
        f"signals: {options.rounds} ends, {not_running} guests not running, {bad} faults, {seconds:.0f} s", flush=True
    )
    return bad


if __name__ == "__main__":
    sys.exit(main())
