"""dr6 as its users run it: a process in a folder of its own, its output and its exit code."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any, NamedTuple

import trio

from frontend.demo_guest import DEMO_IMAGE
from tests.labs.errors import LabError
from tests.labs.platforms import GUEST

ROOT = Path(__file__).parents[2]
SECONDS = 600.0
Row = dict[str, Any]
"""One line of a trace: docs/formats.md."""


class Ran(NamedTuple):
    code: int
    out: str
    err: str


def prepare(folder: Path) -> None:
    """The guest's image for ``--symbols``, by a name without a path: a recording holds dr6's command line."""
    shutil.copyfile(DEMO_IMAGE, folder / GUEST)


async def dr6(folder: Path, *words: str, seconds: float = SECONDS) -> Ran:
    """dr6 from start to end, in ``folder``. A hang is a `LabError`."""
    plain = {name: value for name, value in os.environ.items() if name not in ("CLICOLOR_FORCE", "NO_COLOR")}
    environment = plain | {"TERM": "dumb", "PYTHONPATH": str(ROOT)}
    argv = [sys.executable, "-m", "frontend", *words]
    with trio.move_on_after(seconds):
        done = await trio.run_process(
            argv, cwd=folder, env=environment, stdin=b"", capture_stdout=True, capture_stderr=True, check=False
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
    raise LabError(f"`dr6 {' '.join(words)}` did not end within {seconds:g} seconds.")


async def run(folder: Path, *words: str, seconds: float = SECONDS) -> str:
    """The standard output of a dr6 that ends well. Any other end is a `LabError` with what it said."""
    ran = await dr6(folder, *words, seconds=seconds)
    if ran.code:
        said = ran.err.strip().splitlines() or ["it said nothing"]
        raise LabError(f"`dr6 {' '.join(words)}` ended with exit code {ran.code}: {said[-1]}")
    return ran.out


def read_trace(path: Path) -> list[Row]:
    """The rows of a trace in JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
