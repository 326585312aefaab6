"""#DBs a second: read from QEMU's log while the guest runs, and caught at their handler one by one."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.guests.ways import Way, arguments
from tests.live.machine import machine

STORM = Way("multiboot", ("MANY",))
"""30,000 #DBs, steps and writes to what is watched, which the guest counts itself."""
WAYS = {"log": ("--no-stop",), "handler": ("--catch", "db", "--witness", "off", "--steps", "2000")}


class EventRates(NamedTuple):
    """Medians, in #DBs a second; from the first request to the last row, the boot of the guest included."""

    log: float
    handler: float

    @property
    def ratio(self) -> float:
        return self.log / self.handler


def compare(rounds: int) -> EventRates:
    """Both take their turn in each round."""
    rates = [{name: _rate(options) for name, options in WAYS.items()} for _ in range(rounds)]
    return EventRates(*(statistics.median(row[name] for row in rates) for name in WAYS))


def _rate(options: tuple[str, ...]) -> float:
    with tempfile.TemporaryDirectory(prefix="dr6-bench-") as name:
        folder = Path(name)
        rows = folder / "rows.jsonl"
        with machine(folder, None, *arguments(STORM, folder / "console")) as guest:
            trace = [sys.executable, "-m", "frontend", "trace", guest.target, "--events", "--output", str(rows)]
            subprocess.run([*trace, *options], check=True, stderr=subprocess.DEVNULL)
        end = json.loads(rows.read_bytes().rstrip().rsplit(b"\n", 1)[-1])
    return float(end["events"] / end["seconds"])
