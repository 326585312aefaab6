"""However a guest boots: each way so many times, what it took against what dr6 saw. The guests count for themselves.

``DR6_WAYS_RUNS`` says how often (20); ``DR6_WAYS`` names some of the ways, with commas between.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.guests.ways import WAYS, Way, arguments, taken
from tests.labs.errors import LabError
from tests.labs.progress import Progress
from tests.live.machine import SECONDS, dr6, machine

ALL = (*WAYS, Way("disk", ("FAR",)))
RUNS = 20


class Count(NamedTuple):
    """Of all runs of a way: what the guests took, what were rows, and of them those that only the log showed; in how
    many runs some were missing, and in how many of those nobody said so."""

    runs: int = 0
    taken: int = 0
    seen: int = 0
    logged: int = 0
    short: int = 0
    silent: int = 0

    def __str__(self) -> str:
        log = f", {self.logged} of them by the log alone" if self.logged else ""
        return (
            f"{self.runs} runs, taken {self.taken}, seen {self.seen}{log}, missed {self.taken - self.seen}; "
            f"short in {self.short}, in silence in {self.silent}"
        )


def ways(progress: Progress, record: bool) -> None:
    """Nothing is recorded."""
    runs = int(os.environ.get("DR6_WAYS_RUNS", RUNS))
    wanted = os.environ.get("DR6_WAYS", "")
    silent = []
    for way in ALL:
        if wanted and str(way) not in wanted.split(","):
            continue
        count = Count()
        for number in range(runs):
            progress.step(f"{way}, run {number + 1} of {runs}")
            count = Count(*map(sum, zip(count, _run(way), strict=True)))
        progress.say(f"{way}: {count}")
        if count.silent or count.seen > count.taken:
            silent.append(str(way))
    if silent:
        raise LabError(f"What is said of {', '.join(silent)} is not what the guest took.")


def _run(way: Way) -> Count:
    with tempfile.TemporaryDirectory(prefix="dr6-lab-") as name:
        folder = Path(name)
        rows, console = folder / "rows.jsonl", folder / "console"
        with machine(folder, None, *arguments(way, console)) as guest:
            ran = dr6("trace", guest.target, "--events", "--catch", "db", "--output", str(rows))
            if ran.code:
                raise LabError(f"{way}: {ran.err.strip()}")
            try:
                guest.process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                raise LabError(f"{way}: the guest does not come to its end.") from None
        found = [json.loads(line) for line in rows.read_text().splitlines()]
        took = taken(console)
    events = [row for row in found if row["kind"] == "event"]
    short = len(events) < took
    told = any(row["kind"] == "gap" for row in found)
    return Count(1, took, len(events), sum(row["seen_by"] == "log" for row in events), short, short and not told)
