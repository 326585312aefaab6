"""A step into a handler of the guest's that nobody caught: the frame that it finds tells what the guest took."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guests.build import GuestName, build
from tests.guests.image import read_image
from tests.live.machine import dr6, machine

pytestmark = [pytest.mark.live, pytest.mark.slow]

LEADS, STAYS = (
    "the saved RIP is where the stepped instruction leads",
    "the saved RIP is that of the stepped instruction",
)


@pytest.mark.parametrize(
    ("guest", "place", "summary", "because"),
    [
        ("undelivered", "db_gate_step", "the guest's TF then gave it a #DB: RIP is at its handler", LEADS),
        ("faults", "undefined", "the guest took #UD, vector 6 in this step", STAYS),
        ("faults", "no_gate", "the guest took #GP, vector 13 in this step", STAYS),
        ("faults", "write", "the guest took #PF, vector 14 in this step", STAYS),
    ],
)
def test_the_vector_and_where_it_came_from_are_said_without_a_catch(
    guest: GuestName, place: str, summary: str, because: str, tmp_path: Path
) -> None:
    at, record = read_image(build(guest)).symbols[place], tmp_path / "story.rec"
    lines = ("-ex", f"thbreak *{at:#x}", "-ex", "continue", "-ex", "stepi")
    with machine(tmp_path, build(guest)) as running:
        ran = dr6("attach", running.target, "--batch", "--record", str(record), *lines)
    said = ran.out.rpartition("cpu0 step ")[2]
    assert summary in said.splitlines()[0]
    assert because in said
    assert "likely" not in said
    assert dr6("replay", str(record), "--batch").out == ran.out
