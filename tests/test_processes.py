"""Processes of tests end with the tests, whatever ends those."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes import END_SECONDS, LOOK, Watcher, marked

ROOT = Path(__file__).parents[1]
HANGS = """
import os, subprocess, sys, time
from pathlib import Path

SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
DAEMON = "import os, subprocess, sys; subprocess.Popen(sys.argv[1:], start_new_session=True)"

def test_hangs():
    subprocess.Popen(SLEEP)
    subprocess.Popen(SLEEP, start_new_session=True)
    subprocess.run([sys.executable, "-S", "-c", DAEMON, *SLEEP], check=True)
    mark = [name for name in os.environ if name.startswith("DR6_TESTS_")][-1]
    Path(__file__).with_name("ready.tmp").write_text(f"{os.getpid()} {mark}")
    Path(__file__).with_name("ready.tmp").rename(Path(__file__).with_name("ready"))
    time.sleep(600)
"""
Run = subprocess.Popen[bytes]


def until(holds: Callable[[], object], what: str) -> None:
    ends = time.monotonic() + END_SECONDS
    while not holds():
        assert time.monotonic() < ends, f"never within {END_SECONDS:g} seconds: {what}"
        time.sleep(LOOK)


def worker_killed(run: Run, worker: int) -> None:
    os.kill(worker, signal.SIGKILL)


def run_killed(run: Run, worker: int) -> None:
    run.kill()


def interrupted(run: Run, worker: int) -> None:
    run.send_signal(signal.SIGINT)


def timed_out(run: Run, worker: int) -> None:
    """By faulthandler, which ends the process without a word to anybody."""


@pytest.mark.slow
@pytest.mark.parametrize("end", [worker_killed, run_killed, interrupted, timed_out])
def test_what_a_test_started_ends_with_its_process(end: Callable[[Run, int], None], tmp_path: Path) -> None:
    test = tmp_path / "test_hangs.py"
    test.write_text(HANGS)
    seconds = 3 if end is timed_out else 600
    options = ["-n1", "--max-worker-restart=0", "-p", "no:cacheprovider"]
    options += ["-o", f"faulthandler_timeout={seconds}", "-o", "faulthandler_exit_on_timeout=true"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", *options, str(test)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        try:
            until((tmp_path / "ready").exists, "the test of the test runs")
            worker, mark = (tmp_path / "ready").read_text().split()
            end(run, int(worker))
            until(lambda: not marked(mark), "all that it started is gone")
            run.wait(END_SECONDS)
        finally:
            run.kill()


def test_what_stays_is_named_and_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.processes.END_SECONDS", 0.0)
    watcher = Watcher()
    before = watcher.running()
    sleep = subprocess.Popen(["sleep", "600"])
    try:
        until(lambda: "sleep" in "".join(marked(watcher.name).values()), "sleep runs")
        assert watcher.left(before) == [f"{sleep.pid}: sleep 600"]
    finally:
        monkeypatch.undo()
        watcher.close()
    assert sleep.wait(END_SECONDS) == -signal.SIGKILL
