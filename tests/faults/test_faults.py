"""A slice of the faults: sick stubs, changed files and signals. All of them: ``make lab-faults``."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import clients, readers, sessions
from tests.faults.files import KINDS, changed_files
from tests.faults.signals import USES, ended_at, running_guest
from tests.faults.table import SLICE, words
from tests.faults.verdict import ROOT, SECONDS, Tried, run, run_on_terminal, sick
from tests.live.machine import command, environment


@pytest.mark.slow
@pytest.mark.parametrize(("use", "sickness"), SLICE)
def test_a_sick_stub_is_a_sentence_and_no_terminal_obeys_it(use: str, sickness: str, tmp_path: Path) -> None:
    with sick(sickness, tmp_path) as target:
        ended = run(*words(use, target))
    assert ended.faults == [], ended


@pytest.mark.slow
@pytest.mark.parametrize("use", ["commands", "trace-text"])
def test_on_a_terminal_nothing_but_progress_commands_it(use: str, tmp_path: Path) -> None:
    with sick("step-error-evil", tmp_path) as target:
        ended = run_on_terminal(words(use, target))
    assert "evil" in ended.out
    assert ended.faults == [], ended


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_file_is_read_or_refused(kind: str, tmp_path: Path) -> None:
    for name, argv in changed_files(tmp_path, 3, seed=len(kind)):
        if name.startswith(kind):
            ended = run(*argv)
            assert ended.faults == [], (name, ended)


def test_what_clients_say_ends_neither_the_server_nor_each_other() -> None:
    assert [fault for seed in range(12) for fault in clients.one(random.Random(seed), Path()).faults] == []


@pytest.mark.parametrize("one", [readers.one, sessions.one], ids=["readers", "sessions"])
@pytest.mark.slow
def test_what_strangers_say_is_a_sentence(one: Callable[[random.Random, Path], Tried], tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert [fault for seed in range(12) for fault in one(random.Random(seed), tmp_path).faults] == []


@pytest.mark.slow
def test_where_something_of_the_machine_is_missing_dr6_says_so_and_touches_no_other_file() -> None:
    """As the lab does it, which forks: in a process of its own, since a test's worker has threads."""
    words = ("--only", "missing", "--inputs", "8", "--ends", "0", "--seed", "3")
    lab = subprocess.run([sys.executable, "-m", "tests.faults", *words], cwd=ROOT, capture_output=True, text=True)
    assert (lab.returncode, lab.stderr) == (0, ""), lab.stdout
    assert "| runs where something is missing | 8 | 0 |" in lab.stdout


@pytest.mark.live
@pytest.mark.slow
def test_a_guest_runs_on_however_dr6_ends(tmp_path: Path) -> None:
    """Within the handshake, in a run, at a watchpoint that a step hit, and by itself."""
    with running_guest(tmp_path) as guest:
        for use, number, moment in (
            *((USES[0], signal.SIGTERM, moment) for moment in (0.3, 0.5, 0.7)),
            (USES[2], signal.SIGHUP, 1.0),
            (USES[1], None, 0.0),
        ):
            after = ended_at(guest, use, number, moment)
            assert (after.faults, after.status) == ([], "running"), (use, number, moment, after)


@pytest.mark.slow
def test_the_second_ctrl_c_leaves_a_stub_that_ignores_the_first(tmp_path: Path) -> None:
    with (
        sick("continue-silent", tmp_path) as target,
        subprocess.Popen(
            command("attach", target, "--batch", "-ex", "info target", "-ex", "continue"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()  # it is attached
        process.send_signal(signal.SIGINT)
        assert b"second Ctrl-C" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        _, err = process.communicate(timeout=SECONDS)
        took = time.monotonic() - began
    assert (process.returncode, err.count(b"\n")) == (130, 1), err
    assert took < 5, "it takes one second, and the end of a Python that is busy"
