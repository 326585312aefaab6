"""dr6 where the shell, or the machine, gives it less than it is used to."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.machine import environment

DR6 = f"{shlex.quote(sys.executable)} -m frontend"
ROOT = Path(__file__).parents[3]
EXPLAIN = "explain --dr6 0xffff4ff0"


def shell(command: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["bash", "-c", command], cwd=ROOT, env=environment(**more), stdin=subprocess.DEVNULL, capture_output=True
    )


@pytest.mark.parametrize("words", [EXPLAIN, "--help", "attach unix:/nobody --batch -ex help"])
def test_a_closed_standard_output_is_one_sentence(words: str) -> None:
    done = shell(f"{DR6} {words} >&-")
    assert done.returncode in (1, 3)
    assert done.stderr.startswith(b"dr6: ")
    assert done.stderr.count(b"\n") == 1


def test_without_standard_error_the_results_are_what_they_are() -> None:
    assert shell(f"{DR6} {EXPLAIN} 2>&-").stdout == shell(f"{DR6} {EXPLAIN}").stdout
    assert shell(f"{DR6} {EXPLAIN} <&-").stdout == shell(f"{DR6} {EXPLAIN}").stdout


def test_a_message_never_goes_among_the_results() -> None:
    done = shell(f"{DR6} attach unix:/nobody --batch 2>&-")
    assert (done.returncode, done.stdout) == (3, b"")


def test_what_the_encoding_does_not_have_is_written_as_an_escape() -> None:
    done = shell(f"{DR6} explain --cause single-step", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()


@pytest.mark.parametrize("number", [5, 6, 7, 8, 9, 11, 13])
def test_too_few_file_descriptors_are_one_sentence(number: int, tmp_path: Path) -> None:
    """With five Python begins, and not much more."""
    done = shell(f"ulimit -n {number}; exec {DR6} attach unix:{tmp_path}/nobody --batch -ex help", PYTHONWARNINGS="")
    assert done.returncode in (1, 3)
    assert b"Traceback" not in done.stderr
    assert done.stderr.startswith(b"dr6: ")


def test_a_full_device_is_one_sentence() -> None:
    done = shell(f"{DR6} {EXPLAIN} >/dev/full")
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert os.strerror(28).encode() in done.stderr
