"""Whole runs of dr6, in forks: before sick stubs, over changed files, where something of this machine is missing."""

from __future__ import annotations

import os
import random
import resource
import signal
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import trio

from tests.faults.files import KINDS, changed
from tests.faults.forked import PLAIN, Ran, Surroundings, run, stub_before
from tests.faults.hooks import any_sickness
from tests.faults.sick_stub import SICKNESSES, SickStub
from tests.faults.table import USES, words
from tests.faults.verdict import SECONDS, Tried

QUICK = tuple(use for use in USES if not use.startswith("doctor"))
"""The doctor looks for programs, and starts them."""
_NUMBER, _SIZE, _MEMORY = resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_AS


def _ignore_size() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def _jumping_clock() -> None:
    """A wall clock that somebody sets, again and again, by days."""
    real, dice = time.time, random.Random(1)
    time.time = lambda: real() + dice.uniform(-1e6, 1e6)


AROUND: dict[str, Surroundings] = {
    **{f"closed {closed}": Surroundings(closed=closed) for closed in ((0,), (1,), (2,), (0, 1), (0, 2))},
    **{f"at most {number} files": Surroundings(limits=((_NUMBER, number),)) for number in (*range(4, 13), 16)},
    **{
        f"files of {size} bytes": Surroundings(limits=((_SIZE, size),), prepare=_ignore_size)
        for size in (200, 1000, 5000, 20_000)
    },
    **{f"in {encoding}": Surroundings(encoding=encoding) for encoding in ("ascii", "latin-1", "cp437", "utf-7")},
    "a full disk": Surroundings(out="/dev/full"),
    "no home": Surroundings(environment={"HOME": "/nonexistent"}),
    "no name of a home": Surroundings(environment={"HOME": ""}),
    "a home to read": Surroundings(environment={"HOME": "/proc", "XDG_STATE_HOME": "/proc"}),
    "the C locale": Surroundings(environment={"LC_ALL": "C"}),
    "a clock that jumps": Surroundings(prepare=_jumping_clock),
    "512 MiB": Surroundings(limits=((_MEMORY, 512 << 20),)),
}


def serve(sick: Callable[[], SickStub], listener: socket.socket) -> None:
    async def serve() -> None:
        stream = await trio.SocketListener(trio.socket.from_stdlib_socket(listener)).accept()
        await sick().serve(stream, stream)

    trio.run(serve)


def _verdict(name: str, ran: Ran, folder: Path) -> Tried:
    faults = ran.faults((str(folder),))
    return Tried(1, tuple(f"{name}: {fault}: {ran.ended.err[-200:]!r}" for fault in faults))


def _before(name: str, sick: Callable[[], SickStub], said: Sequence[str], folder: Path, around: Surroundings) -> Tried:
    with stub_before(partial(serve, sick), folder) as (target, _):
        return _verdict(name, run([target if word == "TARGET" else word for word in said], folder, around), folder)


def stub(dice: random.Random, folder: Path) -> Tried:
    """A stub that is sick by chance, or as in the table."""
    use = dice.choice(QUICK)
    name = dice.choice(tuple(SICKNESSES))
    sickness = SICKNESSES[name] if dice.random() < 0.3 else any_sickness(dice)
    return _before(f"{use} before {sickness}", lambda: SickStub(sickness), words(use, "TARGET"), folder, PLAIN)


def file(dice: random.Random, folder: Path) -> Tried:
    """A file that dr6 is to read, changed."""
    kind = dice.choice(tuple(KINDS))
    make, use = KINDS[kind]
    whole = folder / "whole.rec"
    if not whole.exists():
        whole.write_bytes(KINDS["recording"][0](folder))
    path = folder / f"changed.{kind}"
    path.write_bytes(changed(make(folder), dice))
    return _verdict(kind, run(use(str(path)), folder), folder)


def surroundings(dice: random.Random, folder: Path) -> Tried:
    """A stub that is well, where something of this machine is not."""
    around = dice.choice(tuple(AROUND))
    said = dice.choice(
        (
            words(dice.choice(QUICK), "TARGET"),
            ["trace", "TARGET", "--steps", "9", "--output", str(folder / "o.jsonl")],
            ["attach", "TARGET", "--batch", "--record", str(folder / "o.rec"), "-ex", "stepi 3", "-ex", "why"],
            ["attach", "TARGET", "--batch", "-ex", f"record {folder}/t.txt", "-ex", "stepi 3", "-ex", "help"],
        )
    )
    return _before(around, lambda: SickStub(SICKNESSES["none"]), said, folder, AROUND[around])


def standing_stub(dice: random.Random, folder: Path) -> Tried:
    """A stub that is stopped by SIGSTOP at some moment, and goes on later, or not within dr6's patience."""
    said, later = words(dice.choice(QUICK), "TARGET"), dice.choice((0.1, 0.5, 2.0, SECONDS))
    with stub_before(partial(serve, lambda: SickStub(SICKNESSES["none"])), folder) as (target, child):

        def stand(_: int) -> None:
            os.kill(child, signal.SIGSTOP)
            if later < SECONDS:
                time.sleep(later)
                os.kill(child, signal.SIGCONT)

        ran = run([target if word == "TARGET" else word for word in said], folder, ending=(dice.random() / 5, stand))
    return _verdict(f"{said[0]}, its stub stands for {later:g} s", ran, folder)
