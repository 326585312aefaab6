"""A day's work on the screen, keys and all, in tmux on QEMU: each key waits for what the one before it shows."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import trio

from tests.guests.build import build
from tests.labs.errors import LabError
from tests.labs.progress import Progress
from tests.live.machine import command, machine
from tests.live.screen import Screen, frame_holds, screen

MORNING = (
    (("watch rounds", "Enter"), r"(?i)watchpoint 1"),
    (("display $rip", "Enter"), r"1: \$rip = "),
    (("continue", "Enter"), r"watch +place_call +rounds 0 → 1"),
    (("set {u8}0x5000 = 0x5a", "Enter"), r"set \{u8\}0x5000 = 0x5a.*\n\(dr6\)$"),
    (("undo", "Enter"), r"0x5000: 5a → 00"),
    (("F7",), r"stop #2 \(3/3\)"),
    (("M-Home",), r"back at #0 \(1/3\)"),
    (("M-Down",), r"back at #1 \(2/3\)"),
    (("M-End",), r"^ STOPPED.*stop #2 \(3/3\)"),
)
"""What is typed at a guest that stands at its reset, and what is seen then."""
SIZES = ((80, 24), (200, 60), (120, 40))


def screen_day(progress: Progress, record: bool) -> None:
    """Nothing is recorded: what is compared is what is seen."""
    with tempfile.TemporaryDirectory(prefix="dr6-day-") as name:
        try:
            trio.run(partial(_day, progress, Path(name)))
        except AssertionError as error:
            raise LabError(str(error)) from error


async def _day(progress: Progress, directory: Path) -> None:
    image = build("exam")
    words = command("attach", f"unix:{directory / 'stub'}", "--symbols", str(image))
    shell = f"TERM=screen-256color {' '.join(words)}; echo ended with $?; read end"
    with machine(directory, image) as guest:
        async with screen(directory, shell, 120, 40) as shown:
            await shown.wait(r"^ STOPPED")
            await _work(progress, shown)
            progress.step("QEMU is lost, and comes back")
            guest.process.kill()
            await shown.wait(r"^ LOST")
            with machine(directory, image):
                await shown.wait(r"The stub is back. Set 1 watchpoint, 1 display again\?")
                shown.keys("y")
                await shown.wait(r"── run 2 ──")
                shown.keys("continue", "Enter")
                await shown.wait(r"#4 \(5/5\)(?s:.*)rounds 0 → 1")
                shown.keys("C-d")
                await shown.wait("Leave the guest")
                shown.keys("s")
                await shown.wait("ended with 0")


async def _work(progress: Progress, shown: Screen) -> None:
    for keys, seen in MORNING:
        progress.step(" ".join(keys))
        shown.keys(*keys)
        await shown.wait(seen)
    for width, height in SIZES:
        progress.step(f"{width} by {height}")
        shown.resize(width, height)
        await shown.wait_until(partial(frame_holds, width=width, height=height))
