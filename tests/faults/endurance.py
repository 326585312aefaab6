"""For a long time: a trace of a million rows, and ``dr6 serve`` with clients that come and go. Is every step answered,
and do memory and descriptors stay as they are?"""

from __future__ import annotations

import os
import random
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tests.faults.signals import running_guest
from tests.live.machine import command, environment
from tests.live.naive import STEP_1, Naive

MIB = 1 << 20
MOST_GROWTH = 8 * MIB
"""Behind the first tenth."""
KEPT = 500
"""Stops: few, so that what else stays of a client shows. 10,000 take an hour to be all of the kind that takes most."""
MOST_TO_END = 120.0
"""Seconds from SIGTERM on, however busy the machine is."""
EVERY = 20
"""Clients between two looks."""


class Held(NamedTuple):
    """What a process has: bytes of memory of its own, and open descriptors."""

    memory: int
    descriptors: int

    @classmethod
    def by(cls, pid: int) -> Held:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return cls(pages * os.sysconf("SC_PAGE_SIZE"), len(os.listdir(f"/proc/{pid}/fd")))


class Endured(NamedTuple):
    """``done`` are rows or answered steps; ``held`` from the first tenth of the time on."""

    done: int
    clients: int
    seconds: float
    held: tuple[Held, ...]
    faults: tuple[str, ...]

    def __str__(self) -> str:
        if not self.held:
            return f"too short to say anything; faults: {self.faults}"
        memory = [one.memory // MIB for one in self.held]
        descriptors = [one.descriptors for one in self.held]
        return (
            f"{self.done} steps, {self.clients} clients, {self.seconds:.0f} s; "
            f"memory {min(memory)} to {max(memory)} MiB "
            f"({memory[0]} at a tenth, {memory[len(memory) // 2]} at the half, {memory[-1]} at the end); "
            f"descriptors {min(descriptors)} to {max(descriptors)}; faults: {', '.join(self.faults) or 'none'}"
        )


def _flat(held: tuple[Held, ...]) -> Iterator[str]:
    if not held:
        return
    if held[-1].memory > held[0].memory + MOST_GROWTH:
        yield f"memory grew from {held[0].memory // MIB} to {held[-1].memory // MIB} MiB"
    half = len(held) // 2  # each look may meet a client that is there, so the most of either half is compared
    first, last = (max((one.descriptors for one in part), default=0) for part in (held[:half], held[half:]))
    if half and last > first:
        yield f"descriptors grew from {first} to {last}"


def trace(folder: Path, rows: int) -> Endured:
    """``dr6 trace --steps ROWS`` to a file, which is read row by row."""
    began, path = time.monotonic(), folder / "long.jsonl"
    held: list[Held] = []
    with running_guest(folder) as guest:
        words = ("trace", guest.machine.target, "--steps", str(rows), "--output", str(path))
        process = subprocess.Popen(command(*words), stderr=subprocess.PIPE, env=environment())
        while process.poll() is None:
            time.sleep(1)
            held.append(_held_or(process.pid, held))
        err = process.communicate()[1].decode()
    seconds = time.monotonic() - began
    with path.open("rb") as file:
        kinds = [line[:14] for line in file if line.endswith(b"}\n")]
    path.unlink()
    kept = tuple(held[len(held) // 10 :])
    faults = [*_flat(kept), *(["not every row is there"] if kinds.count(b'{"kind":"stop"') != rows else [])]
    faults += [f"it ends with {process.returncode}: {err[-200:]}"] if process.returncode or "Traceback" in err else []
    return Endured(kinds.count(b'{"kind":"stop"'), 0, seconds, kept, tuple(faults))


def _held_or(pid: int, before: list[Held]) -> Held:
    with suppress(OSError):
        if (now := Held.by(pid)).memory:
            return now
    return before[-1]  # it has just ended


@contextmanager
def _serving(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    path = folder / "served"
    with running_guest(folder) as guest:
        words = ("serve", guest.machine.target, "--listen", f"unix:{path}", "--history", str(KEPT))
        process = subprocess.Popen(command(*words), stderr=(folder / "messages").open("wb"), env=environment())
        try:
            while not path.exists():
                assert process.poll() is None, (folder / "messages").read_text()
                time.sleep(0.05)
            yield process, path
        finally:
            process.kill()
            process.wait()


def _end(process: subprocess.Popen[bytes]) -> int | None:
    """Its code; None where it is still there, which is a fault, and the figures are kept."""
    try:
        return process.wait(MOST_TO_END)
    except subprocess.TimeoutExpired:
        return None


def serve(folder: Path, seconds: float, seed: int = 0) -> Endured:
    """Clients for so long: each steps, reads, sets and hits breakpoints, and leaves: in order, or in the middle."""
    dice = random.Random(seed)
    held: list[Held] = []
    faults: list[str] = []
    steps = clients = 0
    with _serving(folder) as (process, path):
        began = time.monotonic()
        while time.monotonic() < began + seconds and process.poll() is None:
            try:
                steps += _one(path, dice)
            except (AssertionError, OSError) as error:
                faults.append(f"client {clients}: {type(error).__name__} {error}")
            clients += 1
            if clients % EVERY == 0:
                held.append(_held_or(process.pid, held))
        took = time.monotonic() - began
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        code = _end(process)
        said = (folder / "messages").read_text(errors="replace")
    kept = tuple(held[len(held) // 10 :])
    if code != 130 or "Traceback" in said or "an error of dr6's own" in said:
        faults.append(f"it ends with {code}: {said[-200:]}")
    return Endured(steps, clients, took, kept, (*faults[:5], *_flat(kept)))


def _one(path: Path, dice: random.Random) -> int:
    """One client; how many steps were answered."""
    with Naive(path) as client:
        client.socket.settimeout(30)
        client.greet()
        client.ask(b"?")
        answered = 0
        place = int(client.row().pc)
        if dice.random() < 0.4:
            client.ask(b"Z%d,%x,%x" % dice.choice(((0, place, 1), (1, place, 1), (2, 0x200000, 8))))
        for _ in range(dice.randrange(40)):
            client.send(STEP_1)
            _stop(client)
            client.ask(b"g")
            answered += 1
        if dice.random() < 0.3:
            client.monitor(dice.choice(("why", "events", "dr", "clients")))
        if dice.random() < 0.5:
            client.send(b"vCont;c")
            select.select([client.socket], [], [], dice.random() / 20)
            if dice.random() < 0.6:
                client.interrupt()
                _stop(client)
        if dice.random() < 0.5 and client.socket.send(b"") == 0:
            client.socket.shutdown(socket.SHUT_RDWR)
    return answered


def _stop(client: Naive) -> None:
    """The stop that a resume came to; what dr6 says to its clients comes before it."""
    while (said := client.answer())[:1] == b"O":
        pass
    assert said[:1] == b"T", f"a resume is answered {said!r}"
