"""A guest behind `dr6 serve`, and stock gdb in front of it, each a process of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.live.machine import SECONDS, Machine, machine, start

GDB = (
    "gdb",
    "-nx",
    "-q",
    "-batch",
    "-iex",
    "set remotetimeout 30",
    "-iex",
    "set pagination off",
    "-iex",
    "set width 0",
    "-iex",
    "set confirm off",
)


class Served(NamedTuple):
    """``path`` is the socket for clients, unless the options have dr6 ``--listen`` elsewhere; ``address`` is the TARGET
    that reaches it in any case."""

    machine: Machine
    server: subprocess.Popen[bytes]
    path: Path
    address: str


@contextlib.contextmanager
def served(directory: Path, image: Path, *options: str, qemu: tuple[str, ...] = ()) -> Iterator[Served]:
    """QEMU with ``image`` at reset, served; both end with the block."""
    with (
        machine(directory, image, *qemu) as guest,
        serving(guest, directory, "--symbols", str(image), *options) as all_,
    ):
        yield all_


@contextlib.contextmanager
def serving(guest: Machine, directory: Path, *options: str) -> Iterator[Served]:
    """A guest that is there already, served."""
    path = directory / "clients"
    server = start("serve", guest.target, "--listen", f"unix:{path}", *options)
    try:
        assert server.stderr is not None
        line = server.stderr.readline().decode()  # said once clients may connect
        assert "is served at" in line, line + server.stderr.read().decode()
        yield Served(guest, server, path, line.partition("is served at ")[2].partition(";")[0])
    finally:
        server.terminate()
        server.communicate(timeout=SECONDS)


def gdb_start(path: Path, image: Path, *commands: str) -> subprocess.Popen[str]:
    """gdb, attached through the socket, with the commands to run."""
    words = [word for command in (f"target remote {path}", *commands) for word in ("-ex", command)]
    return subprocess.Popen(
        [*GDB, *words, str(image)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",  # a guest's console says anything
        env=os.environ | {"TERM": "dumb"},
    )


def gdb(path: Path, image: Path, *commands: str) -> str:
    """What gdb printed, to its end."""
    process = gdb_start(path, image, *commands)
    try:
        return process.communicate(timeout=SECONDS)[0]
    finally:
        process.kill()


RUN = ("set debug remote 1", "continue")
"""A continue that `wait_until_it_runs` can see leave."""


def wait_until_it_runs(process: subprocess.Popen[str]) -> None:
    """Until gdb has sent the continue of `RUN`, and waits."""
    assert process.stdout is not None
    read = ""
    while "wait: enter" not in read:
        line = process.stdout.readline()
        assert line, read
        read = line if "vCont;c" in line else read + line if read else ""


def wait_until(holds: Callable[[], object], what: str) -> None:
    """Look again and again until ``holds()``; it fails after a long time."""
    ends = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < ends, f"never: {what}"
        time.sleep(0.02)
