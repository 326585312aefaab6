"""A QEMU behind a unix socket, and dr6 as its users run it: a process, its output and its exit code."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import IO, NamedTuple

from tests.guests.machine import QEMU
from tests.live.loaded import Loaded

SECONDS = 60.0
"""How long anything here may take on a machine that is busy with something else."""


class Machine(NamedTuple):
    """A QEMU that waits at reset for a client of its stub."""

    process: subprocess.Popen[bytes]
    path: Path

    @property
    def target(self) -> str:
        return f"unix:{self.path}"


@contextlib.contextmanager
def machine(directory: Path, image: Path | None, *arguments: str) -> Iterator[Machine]:
    """QEMU with ``image`` as its kernel, or with what ``arguments`` boot. It takes the listening socket over, so nobody
    waits for it to appear."""
    path = directory / "stub"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        passed = listener.fileno()
        wires = ("-chardev", f"socket,id=stub,fd={passed},server=on,wait=off", "-gdb", "chardev:stub")
        kernel = () if image is None else ("-kernel", str(image))
        command = [*QEMU, "-S", *arguments, *kernel, *wires]
        process = subprocess.Popen(command, pass_fds=(passed,), stdin=subprocess.DEVNULL)
    try:
        yield Machine(process, path)
    finally:
        process.kill()
        process.wait()


class Ran(NamedTuple):
    code: int
    out: str
    err: str


def environment(**more: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if name not in ("CLICOLOR_FORCE", "NO_COLOR")}
    return plain | {"TERM": "dumb", "PYTHONWARNINGS": "error"} | more


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "frontend", *words]


def start(*words: str, out: IO[bytes] | int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    """dr6, running; its standard input is empty. Unbuffered: a line that is read early takes nothing of what follows,
    which `finish` would miss."""
    return subprocess.Popen(
        command(*words), bufsize=0, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, env=environment()
    )


def finish(process: subprocess.Popen[bytes]) -> Ran:
    """Its end; a process that doesn't come to it is a failure."""
    try:
        out, err = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    return Ran(process.returncode, (out or b"").decode(), err.decode())


@cache
def loaded() -> Loaded:
    """The one of this process, started at the first use."""
    return Loaded(environment())


def run_loaded(*words: str, seconds: float = SECONDS) -> Ran:
    """dr6 from start to end, in a fork; `TimeoutError` where it does not end in time, and then it was killed."""
    code, out, err, _ = loaded().run(words, environment(), seconds)
    return Ran(code, out.decode(), err.decode())


def dr6(*words: str) -> Ran:
    """dr6 from start to end. A traceback is a failure whatever the exit code."""
    ran = run_loaded(*words) if loaded().fits(environment()) else finish(start(*words))
    assert "Traceback" not in ran.err, ran.err
    return ran
