"""The screen on a terminal of its own: from a key to what it draws, beside a bare prompt of prompt_toolkit.

A pseudo-terminal stands for the terminal; time counts from the write of the key to the first byte behind it that shows
it. The two take turns, letter for letter, so that a busy machine is unfair to both.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import statistics
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.guests.build import build
from tests.live.machine import machine

BARE = "from prompt_toolkit import PromptSession\nPromptSession('(dr6) ').prompt()\n"
"""The least that shows a key: a line editor, no panes."""
LETTERS = 60
STEPS = 40
TRACED = 10_000
PATIENCE = 60.0
QUIET = 0.1
"""Seconds in which nothing more is drawn of a step."""
STEP_KEY = b"\x1b[18~"
"""F7."""
COLUMNS, ROWS = 120, 40


class Waits(NamedTuple):
    """Milliseconds: the median, and what 95 of 100 are below."""

    median: float
    most: float


class Terminal:
    """A program on a pseudo-terminal; what it draws is read and thrown away. Its modules are compiled by the first one
    in a directory, as an installation has them."""

    def __init__(self, command: list[str], directory: Path) -> None:
        self.began = time.perf_counter()
        self.pid, self.wire = pty.fork()
        if self.pid == 0:
            os.environ |= {
                "TERM": "xterm-256color",
                "PROMPT_TOOLKIT_NO_CPR": "1",
                "XDG_STATE_HOME": str(directory),
                "PYTHONDONTWRITEBYTECODE": "",
                "PYTHONPYCACHEPREFIX": str(directory / "compiled"),
                "LINES": "",
                "COLUMNS": "",
            }
            os.execv(command[0], command)
        fcntl.ioctl(self.wire, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))

    def read_until(self, wanted: bytes, seconds: float = PATIENCE) -> float:
        """Milliseconds until ``wanted`` was drawn."""
        began, seen = time.perf_counter(), b""
        while wanted not in seen:
            left = seconds - (time.perf_counter() - began)
            if left <= 0 or not select.select([self.wire], [], [], left)[0]:
                raise TimeoutError(f"{wanted!r} was not drawn; the last bytes are {seen[-300:]!r}")
            seen = seen[-4096:] + os.read(self.wire, 65536)
        return (time.perf_counter() - began) * 1e3

    def drain(self, quiet: float = 0.2) -> None:
        """Read until nothing has come for so long."""
        while select.select([self.wire], [], [], quiet)[0]:
            os.read(self.wire, 65536)

    def key(self, key: bytes, shown: bytes) -> float:
        os.write(self.wire, key)
        return self.read_until(shown)

    def burst(self, key: bytes) -> float:
        """Milliseconds from the key to the last byte of what it has drawn."""
        self.drain(QUIET)
        began = time.perf_counter()
        os.write(self.wire, key)
        select.select([self.wire], [], [], PATIENCE)
        last = began
        while select.select([self.wire], [], [], QUIET)[0]:
            os.read(self.wire, 65536)
            last = time.perf_counter()
        return (last - began) * 1e3

    @property
    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def resident(self) -> int:
        """Bytes in memory."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def terminal(command: list[str], directory: Path) -> Iterator[Terminal]:
    shown = Terminal(command, directory)
    try:
        yield shown
    finally:
        os.kill(shown.pid, 15)
        os.close(shown.wire)
        os.waitpid(shown.pid, 0)


class Figures(NamedTuple):
    """All of them in one run."""

    first_picture: float
    first_bare: float
    """Seconds; the same of a bare prompt."""
    idle: Waits
    running: Waits
    tracing: Waits
    bare: Waits
    step: Waits
    cpu_idle: float
    """Seconds of CPU in three idle ones."""
    cpu_step: float
    """Milliseconds of CPU a step of ``stepi N``."""
    megabytes: float
    """In memory, with `TRACED` steps kept."""


def _waits(found: list[float]) -> Waits:
    return Waits(statistics.median(found), statistics.quantiles(found, n=20)[-1])


def _letters(shown: Terminal, beside: Terminal | None = None) -> tuple[list[float], list[float]]:
    """Type letters that no line has, one at a time, here and beside."""
    mine, theirs = [], []
    for number in range(LETTERS):
        letter = b"jqxz"[number % 4 : number % 4 + 1]
        mine.append(shown.key(letter, letter))
        if beside is not None:
            theirs.append(beside.key(letter, letter))
        if number % 20 == 19:
            for one in (shown, beside):
                if one is not None:
                    os.write(one.wire, b"\x15")  # Ctrl-U: the line is empty again
                    one.drain(0.05)
    return mine, theirs


STARTS = 5


def _starts(dr6: list[str], directory: Path) -> tuple[float, float]:
    """Seconds from the start to the first picture, of dr6 and of a bare prompt, which take turns; medians. The first
    turn compiles, and does not count."""
    found: list[list[float]] = [[], []]
    for _ in range(STARTS + 1):
        for seconds, command, first in zip(
            found, (dr6, [sys.executable, "-c", BARE]), (b"STOPPED", b"(dr6)"), strict=True
        ):
            with terminal(command, directory) as shown:
                shown.read_until(first)
                seconds.append(time.perf_counter() - shown.began)
    mine, bare = (statistics.median(seconds[1:]) for seconds in found)
    return mine, bare


def measure() -> Figures:
    with tempfile.TemporaryDirectory(prefix="dr6-screen-") as name:
        directory = Path(name)
        dr6 = str(Path(sys.executable).parent / "dr6")
        with machine(directory, build("loop")) as guest, terminal([sys.executable, "-c", BARE], directory) as bare:
            bare.read_until(b"(dr6)")
            attach = [dr6, "attach", guest.target]
            first = _starts(attach, directory)
            with terminal(attach, directory) as shown:
                shown.read_until(b"STOPPED")
                shown.drain(1.0)
                before = shown.cpu_seconds
                time.sleep(3)
                cpu_idle = shown.cpu_seconds - before
                idle, alone = _letters(shown, bare)
                steps = [shown.burst(STEP_KEY) for _ in range(STEPS)]
                os.write(shown.wire, b"c\r")
                shown.read_until(b"RUNNING")
                running, _ = _letters(shown)
                os.write(shown.wire, b"\x03")
                shown.read_until(b"STOPPED")
                shown.drain()
                before = shown.cpu_seconds
                os.write(shown.wire, f"si {TRACED}\r".encode())
                shown.read_until(b"RUNNING")
                tracing, _ = _letters(shown)
                shown.read_until(b"STOPPED", 600)
                cpu = (shown.cpu_seconds - before) / TRACED * 1e3
                return Figures(
                    *first,
                    _waits(idle),
                    _waits(running),
                    _waits(tracing),
                    _waits(alone),
                    _waits(steps),
                    cpu_idle,
                    cpu,
                    shown.resident / 1e6,
                )
