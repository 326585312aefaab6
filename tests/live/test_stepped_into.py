"""A step into a handler of the guest's that nobody caught: the frame that it finds tells what the guest took."""

from __future__ import annotations

from pathlib import Path

import pytest

from frontend.demo_guest import DEMO_IMAGE
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


def test_a_step_over_an_iret_keeps_the_rf_that_it_loads(tmp_path: Path) -> None:
    symbols = read_image(DEMO_IMAGE).symbols
    iret = symbols["resume"] + 8
    lines = ("hbreak ev_step_nop", "continue", "delete", "catch db", "continue", "continue", f"hbreak *{iret:#x}")
    steps = ("continue", "stepi", "p/x $rflags", "stepi", "p/x $rflags", "continue", "continue", "continue")
    words = [word for line in (*lines, *steps) for word in ("-ex", line)]
    with machine(tmp_path, DEMO_IMAGE) as running:
        ran = dr6("attach", running.target, "--batch", "--symbols", str(DEMO_IMAGE), *words)
    assert "The IRET at" in ran.err, ran
    assert [line for line in ran.out.splitlines() if line.startswith("$")] == ["$1 = 0x10002", "$2 = 0x2"]
    events = [line.rpartition("breakpoint at ")[2][:8] for line in ran.out.splitlines() if "event #DB" in line]
    assert events[1:] == [f"{symbols[f'ev_execute{n}']:#x}" for n in range(3)]
