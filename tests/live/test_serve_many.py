"""Two gdbs and a screen on one guest: none misses a stop, none takes another's breakpoint for its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from tests.guests.build import build
from tests.guests.image import read_image
from tests.live.machine import SECONDS, machine
from tests.live.screen import screen

pytestmark = [pytest.mark.live, pytest.mark.slow]

SCRIPT = Path(__file__).with_name("gdb_stops.py")
DRIVEN = 668
STEPPED = DRIVEN // 2 - 1
"""gdb steps off its own breakpoint before it continues, and the others see that as well."""
STOPS = DRIVEN + STEPPED


def join(path: Path, image: Path, place: str, count: int, after: str = "") -> tuple[subprocess.Popen[bytes], Path]:
    """A gdb, and the file that it writes to."""
    output = path.with_name(f"gdb-{place}")
    settings = {"STOPS_SOCKET": str(path), "STOPS_BREAK": place, "STOPS_COUNT": str(count), "STOPS_AFTER": after}
    with output.open("wb") as file:
        process = subprocess.Popen(
            ["gdb", "-nx", "-q", "-batch", "-x", str(SCRIPT), str(image)],
            env=os.environ | settings,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    return process, output


def told(process: subprocess.Popen[bytes], output: Path) -> list[tuple[int, bool]]:
    """Address of each stop, and whether a breakpoint of its own was hit."""
    try:
        process.wait(timeout=3 * SECONDS)
    finally:
        process.kill()
    text = output.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("[[")]
    assert lines, text
    return [(address, bool(own)) for address, own in json.loads(lines[-1])]


async def test_two_gdbs_and_a_screen_see_every_stop(tmp_path: Path) -> None:
    image, clients = build("loop"), tmp_path / "clients"
    symbols = read_image(image).symbols
    with machine(tmp_path, image) as guest:
        command = f"{sys.executable} -m frontend attach {guest.target} --serve unix:{clients} 2>{tmp_path / 'errors'}"
        async with screen(tmp_path, command, 110, 40) as shown:
            await shown.wait("Served at")
            drives = join(clients, image, "copy", DRIVEN, "client 3 (waits")
            await shown.wait(r"client 2 drives now")
            follows = join(clients, image, "main_loop", STOPS)
            driver, follower = [await trio.to_thread.run_sync(told, *one) for one in (drives, follows)]
            await shown.wait(rf"stop #{STOPS}\b")
            shown.keys("quit", "Enter")
            await shown.wait("y|running|leave")
    places = [symbols["main_loop"], symbols["copy"]]
    assert driver == [((places[0], False), (places[1], True))[n % 2] for n in range(DRIVEN)]
    assert len(follower) == STOPS
    assert [address for address, _ in follower if address in places] == [address for address, _ in driver]
    assert all(own == (address == places[0]) for address, own in follower)
