"""Two gdbs and a screen on one guest: none misses a stop, none takes another's breakpoint for its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest
import trio

from tests.guests.build import build
from tests.guests.image import read_image
from tests.live.machine import machine
from tests.live.screen import screen

pytestmark = [pytest.mark.live, pytest.mark.slow]

SCRIPT = Path(__file__).with_name("gdb_stops.py")
DRIVEN, STOPS = 136, 200
"""gdb steps off its own breakpoint before it continues, and the others see that as well: 203 stops in all."""
ENDS_SECONDS = 100.0
"""For both gdbs. Each stop goes round four processes, which takes 0.1 s where each waits for its turn."""


class Told(NamedTuple):
    """Of one gdb: the address of each stop, and whether a breakpoint of its own was hit; and the session's own list."""

    stops: list[tuple[int, bool]]
    session: list[tuple[str, int]]


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


def told(process: subprocess.Popen[bytes], output: Path, ends: float) -> Told:
    try:
        process.wait(timeout=max(ends - time.monotonic(), 0))
    except subprocess.TimeoutExpired:
        raise AssertionError(f"{output.name} did not see its stops within {ENDS_SECONDS:g} seconds") from None
    finally:
        process.kill()
        process.wait()
    text = output.read_text(encoding="utf-8", errors="replace")
    lines = [line for line in text.splitlines() if line.startswith("[[")]
    assert lines, text
    stops, session = json.loads(lines[-1])
    listed = re.findall(r"^#\d+ cpu0 (\w+) at 0x([0-9a-f]+)", session, re.MULTILINE)
    return Told([(address, bool(own)) for address, own in stops], [(how, int(at, 16)) for how, at in listed])


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
            ends = time.monotonic() + ENDS_SECONDS
            driver, follower = [await trio.to_thread.run_sync(told, *one, ends) for one in (drives, follows)]
            await shown.wait(rf"stop #{len(driver.session) - 1}\b")
            shown.keys("quit", "Enter")
            await shown.wait("y|running|leave")
    places = [symbols["main_loop"], symbols["copy"]]
    assert len(driver.stops) == DRIVEN
    assert len(follower.stops) == STOPS
    assert [address for address, _ in driver.stops] == [at for how, at in driver.session if how == "continue"]
    assert [address for address, _ in follower.stops] == [at for _, at in follower.session[1 : STOPS + 1]]
    assert {address for address, _ in driver.stops} == set(places)
    assert all(own == (address == places[1]) for address, own in driver.stops)
    assert all(own == (address == places[0]) for address, own in follower.stops)
