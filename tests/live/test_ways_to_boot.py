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


@pytest.mark.parametrize("way", [way for way in WAYS if way.container != "real"], ids=str)
def test_without_a_stop_the_log_tells_of_each(way: Way, tmp_path: Path) -> None:
    rows, count = traced(tmp_path, way, "--no-stop")
    events = [row for row in rows if row["kind"] == "event"]
    assert (len(events), count) == (40, 40)
    assert {(row["seen_by"], row["handler"], row["pc"]) for row in events} == {("log", None, None)}
    assert [row["n"] for row in events] == list(range(40))
    assert {cause["owner"] for row in events for cause in row["causes"]} == {"guest"}
    assert {key: rows[-1][key] for key in ("reason", "taken", "seen", "missed")} == {
        "reason": "shutdown",
        "taken": 40,
        "seen": 40,
        "missed": 0,
    }


FAR = Way("disk", ("FAR",))
"""Its LIDT is so far behind its entry that no handler is known in time."""


def test_what_the_breakpoints_miss_the_second_witness_saw(tmp_path: Path) -> None:
    rows, count = traced(tmp_path, FAR)
    events = [row for row in rows if row["kind"] == "event"]
    assert len(events) == count == 40
    assert "log" in {row["seen_by"] for row in events}
    assert (rows[-1]["taken"], rows[-1]["missed"]) == (40, 0)
    assert not [row for row in rows if row["kind"] == "gap"]


@pytest.mark.parametrize(("way", "options"), [(FAR, ("--witness", "off")), (Way("real"), ("--no-stop",))])
def test_where_nobody_saw_them_a_gap_says_why(way: Way, options: tuple[str, ...], tmp_path: Path) -> None:
    rows, console = tmp_path / "rows.jsonl", tmp_path / "console"
    with machine(tmp_path, None, *arguments(way, console)) as guest:
        ran = dr6("trace", guest.target, "--events", "--output", str(rows), *options)
    found = [json.loads(line) for line in rows.read_text().splitlines()]
    gaps = [row["why"] for row in found if row["kind"] == "gap"]
    assert gaps
    assert all(why in ran.err for why in gaps)
    assert sum(row["kind"] == "event" for row in found) < taken(console)


def test_a_users_own_log_is_left_alone_and_required_is_a_refusal(tmp_path: Path) -> None:
    own = tmp_path / "own.log"
    with machine(tmp_path, None, *arguments(Way("disk"), tmp_path / "console"), "-d", "int", "-D", str(own)) as guest:
        ran = dr6("trace", guest.target, "--events", "--witness", "require", "--output", str(tmp_path / "rows.jsonl"))
        assert (ran.code, "leaves alone" in ran.err) == (1, True)
        guest.process.wait(30)
    assert own.read_bytes().count(b": v=01") == 40


def test_without_room_for_a_pipe_the_breakpoints_go_on_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    hostile = "import os; os.mkfifo = lambda *words: (_ for _ in ()).throw(OSError(28, 'No space left on device'))\n"
    (tmp_path / "sitecustomize.py").write_text(hostile)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    rows, count = traced(tmp_path, Way("multiboot"))
    assert (sum(row["kind"] == "event" for row in rows), count, rows[-1]["taken"]) == (40, 40, None)
    assert not list(tmp_path.glob("dr6-log-*"))


def test_catch_in_gdbs_manner_stops_at_each_of_them(tmp_path: Path) -> None:
    way, console = Way("disk"), tmp_path / "console"
    lines = [word for line in ("catch db", *["continue"] * 41) for word in ("-ex", line)]
    with machine(tmp_path, None, *arguments(way, console)) as guest:
        ran = dr6("attach", guest.target, "--batch", *lines)
        guest.process.wait(30)
    assert ran.out.count("event #DB at handler") == taken(console) == 40
