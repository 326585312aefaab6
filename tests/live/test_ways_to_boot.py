"""However a guest is booted, and wherever its handlers are: no #DB of it is missed, and each has its frame.

The guests count for themselves (`tests/guests/ways.py`); no symbols are given.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.guests.ways import WAYS, Way, arguments, taken
from tests.live.machine import dr6, machine

pytestmark = [pytest.mark.live, pytest.mark.slow]


def traced(folder: Path, way: Way, *options: str) -> tuple[list[dict[str, Any]], int]:
    """The rows of a trace of the events of a guest that boots in this way, and how many it took."""
    rows, console = folder / "rows.jsonl", folder / "console"
    with machine(folder, None, *arguments(way, console)) as guest:
        ran = dr6("trace", guest.target, "--events", "--catch", "db", "--output", str(rows), *options)
        assert ran.code == 0, ran.err
        guest.process.wait(30)
    return [json.loads(line) for line in rows.read_text().splitlines()], taken(console)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_every_event_is_caught_and_has_its_frame(way: Way, tmp_path: Path) -> None:
    rows, count = traced(tmp_path, way)
    events = [row for row in rows if row["kind"] == "event"]
    assert (len(events), count) == (27, 27) if way.container == "real" else (40, 40)
    assert all(row["frame"] is not None for row in events)
    assert {cause["owner"] for row in events for cause in row["causes"]} == {"guest"}
    assert not [text for row in events for text in row["contradictions"] if "Known quirk" not in text]


def test_catch_in_gdbs_manner_stops_at_each_of_them(tmp_path: Path) -> None:
    way, console = Way("disk"), tmp_path / "console"
    lines = [word for line in ("catch db", *["continue"] * 41) for word in ("-ex", line)]
    with machine(tmp_path, None, *arguments(way, console)) as guest:
        ran = dr6("attach", guest.target, "--batch", *lines)
        guest.process.wait(30)
    assert ran.out.count("event #DB at handler") == taken(console) == 40
