"""Two gdbs, an lldb and a screen on one guest, at random: every step is answered, nobody is cut off, no breakpoint
stays, and dr6 does not grow. ``DR6_CLIENTS_SECONDS`` says how long (an hour: 3600)."""

from __future__ import annotations

import json
import os
import random
import select
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import trio

from tests.guests.build import build
from tests.labs.errors import LabError, LabSkipped
from tests.labs.progress import Progress
from tests.live.lldb import LLDB
from tests.live.machine import machine
from tests.live.naive import Naive
from tests.live.screen import LOOK, Screen, screen

SECONDS = float(os.environ.get("DR6_CLIENTS_SECONDS", "120"))
PATIENCE = 120.0
"""Seconds that one thing may take on a machine that is busy with something else."""
LEAVES = 30.0
"""Seconds that dr6 may take to leave."""
RUNS_ON = 2.0
"""Seconds in which a guest without a breakpoint does not stop."""
MOST_GROWN = 48 << 20
"""Bytes between a third of the time and its end; the records of stops are kept up to a number."""
GDB_SCRIPT = Path(__file__).with_name("random_gdb.py")
TYPED = ("stepi", "stepi", "drive", "why", "clients", "info breakpoints", "info registers rip", "x/4i $rip", "events")
LLDB_SAYS = (
    *("register read rip rsp", "memory read --count 16 $rsp", "thread list", "disassemble --pc --count 3"),
    *("process plugin packet monitor drive", "thread step-inst", "thread step-inst", "thread step-inst"),
)


class Player(NamedTuple):
    """A gdb; ``output`` is what it prints, ``diary`` what it does."""

    process: subprocess.Popen[bytes]
    output: Path
    diary: Path


def clients(progress: Progress, record: bool) -> None:
    """Nothing is recorded: what happens is chance."""
    missing = [tool for tool in ("gdb", "lldb", "tmux", "qemu-system-x86_64") if shutil.which(tool) is None]
    if missing:
        raise LabSkipped(f"not installed: {', '.join(missing)}")
    with tempfile.TemporaryDirectory(prefix="dr6-clients-") as folder:
        trio.run(_play, progress, Path(folder))


async def _play(progress: Progress, folder: Path) -> None:
    image, path = build("loop"), folder / "clients"
    seed = int(time.time())
    progress.step(f"two gdbs, an lldb and a screen are at one guest for {SECONDS:g} s (seed {seed})")
    with machine(folder, image) as guest:
        command = f"exec {sys.executable} -m frontend attach {guest.target} --serve unix:{path} 2>{folder / 'errors'}"
        async with screen(folder, command, 110, 40) as shown:
            await shown.wait("Served at")
            dr6 = int(shown.fact("pane_pid"))
            gdbs = [_gdb(folder, path, image, seed + number) for number in (1, 2)]
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_at_screen, shown, random.Random(seed))
                    nursery.start_soon(_at_lldb, path, image, random.Random(seed + 3), progress)
                    grown = await _watch(gdbs, dr6)
                    nursery.cancel_scope.cancel()
            finally:
                for one in gdbs:
                    one.process.kill()
            await _leave(shown)
        _see_that_nothing_stays(guest.path)
    for one in gdbs:
        _see_that_it_was_answered(one, progress)
    progress.say(f"dr6 grew by {grown / 1024:.0f} KiB after the first third")
    if grown > MOST_GROWN:
        raise LabError(f"dr6 grew by {grown >> 20} MiB")


def _gdb(folder: Path, path: Path, image: Path, seed: int) -> Player:
    output, diary = folder / f"gdb-{seed}", folder / f"diary-{seed}"
    settings = {"SOCKET": str(path), "DIARY": str(diary), "SEED": str(seed), "SECONDS": str(SECONDS)}
    diary.touch()
    with output.open("wb") as out:
        process = subprocess.Popen(
            ["gdb", "-nx", "-q", "-batch", "-x", str(GDB_SCRIPT), str(image)],
            env=os.environ | {f"RANDOM_{name}": value for name, value in settings.items()},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    return Player(process, output, diary)


async def _at_screen(shown: Screen, dice: random.Random) -> None:
    while True:
        shown.keys(dice.choice(TYPED), "Enter")
        await trio.sleep(dice.uniform(0.1, 1.5))


async def _at_lldb(path: Path, image: Path, dice: random.Random, progress: Progress) -> None:
    """It comes, looks and steps for a while, leaves, and comes again."""
    while True:
        says = [f"process connect unix-connect://{path}", *(dice.choice(LLDB_SAYS) for _ in range(20)), "detach"]
        words = [word for line in says for word in ("-o", line)]
        with trio.move_on_after(20 * PATIENCE) as scope:
            done = await trio.run_process(
                [*LLDB, "--batch", *words, str(image)], capture_stdout=True, capture_stderr=True, check=False
            )
        text = (done.stdout + done.stderr).decode("utf-8", "replace") if not scope.cancelled_caught else ""
        if "detached" not in text:
            raise LabError(f"lldb did not come to its end: {text[-800:]}")


async def _watch(gdbs: list[Player], dr6: int) -> int:
    """Until the gdbs are done; by how many bytes dr6 has grown since a third of the time."""
    began, base, last = time.monotonic(), 0, 0
    while any(one.process.poll() is None for one in gdbs):
        await trio.sleep(1)
        passed = time.monotonic() - began
        for one in gdbs:
            if one.process.poll() is None and time.time() - one.diary.stat().st_mtime > PATIENCE:
                raise LabError(f"a gdb was not answered: {one.diary.read_text().splitlines()[-1:]}")
        if passed > SECONDS + PATIENCE:
            raise LabError("a gdb did not come to its end")
        if not base and passed > SECONDS / 3:
            base = _resident(dr6)
        last = _resident(dr6)
    return last - base


def _resident(process: int) -> int:
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _see_that_it_was_answered(player: Player, progress: Progress) -> None:
    text = player.output.read_text(errors="replace")
    lines = [line for line in text.splitlines() if line.startswith('{"done"')]
    if not lines:
        raise LabError(f"a gdb ended before its time: {text[-800:]}")
    told = json.loads(lines[-1])
    progress.say("a gdb did {done} things ({refused} refused); {slowest} took {longest:.1f} s".format(**told))
    if told["lost"]:
        raise LabError(f"a gdb was cut off: {told['lost'][0]}")


async def _leave(shown: Screen) -> None:
    await trio.sleep(2)
    text = shown.text()
    if "Traceback" in text:
        raise LabError(f"the screen died: {text}")
    shown.keys("detach", "Enter")
    with trio.move_on_after(LEAVES), suppress(subprocess.CalledProcessError):  # tmux goes with its last window
        while True:
            await trio.sleep(LOOK)
            shown.text()


def _see_that_nothing_stays(path: Path) -> None:
    """The guest runs on for as long as nobody stops it: no breakpoint is in it."""
    with Naive(path) as stub:
        stub.greet()
        first = stub.ask(b"?")
        stub.send(b"vCont;c")
        early = bool(select.select([stub.socket], [], [], RUNS_ON)[0])
        stub.interrupt()
        stop = stub.answer()
        at = stub.row().pc
    if not stop.startswith((b"T02", b"S02")):
        when = "by itself" if early else "when it was asked to"
        raise LabError(f"the guest stood with {first!r} and stopped {when}, with {stop!r} at {at:#x}")
