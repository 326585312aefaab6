"""What a lab compares: a session that is as known has no fault, and each fault that is planted is found."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache

import pytest

from frontend.demo_guest import DEMO_EVENTS, expected
from tests.labs.check import Key, symbols, wrong_alone, wrong_debugged
from tests.labs.demo_lab import unexplained
from tests.labs.recordings import GOLDEN, PACKED, replayed
from tests.labs.run_dr6 import Row
from tests.labs.stories import STEPS

KEY = ("kvm-amd-on-tcg", "7.2")
NAMES = {1: "db", 3: "bp", 6: "ud", 13: "gp"}


def console() -> str:
    """What the guest writes where it sees what is known of the platform."""
    events = [(event, seen) for event in DEMO_EVENTS for seen in expected(event, *KEY)]
    lines = [
        f"{event.id:02} {NAMES[seen.vector]} dr6={seen.dr6:08x} rip={symbols()[seen.rip]:016x} {event.title}"
        for event, seen in events
    ]
    return "\n".join(["dr6 demo guest", *lines, "end", ""])


@cache
def _rows(key: Key) -> tuple[Row, ...]:
    return tuple(replayed(GOLDEN / "-".join(key) / f"demo{PACKED}").rows)


def rows(key: Key = KEY) -> list[Row]:
    """The trace that the golden recording gives."""
    events = [copy.deepcopy(row) for row in _rows(key) if row["kind"] == "event"]
    return [*events, {"kind": "end", "reason": "shutdown", "events": len(events)}]


def test_a_guest_that_saw_what_is_known_has_no_fault() -> None:
    assert list(wrong_alone(console(), KEY)) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("end\n", "", "did not come to its end"),
        ("06 db dr6=ffff0ff1", "06 db dr6=ffff0ff3", "execute0: the guest alone saw"),
        ("23 bp ", "23 db ", "int3: the guest alone saw"),
        ("39 ud ", "99 ud ", "dr4: the guest alone saw nothing"),
        ("end\n", "18 db dr6=ffff0ff4 rip=0000000000000000 DR2\nend\n", "port_out: the guest alone saw"),
    ],
)
def test_what_the_guest_saw_otherwise_is_found(old: str, new: str, fault: str) -> None:
    text = console()
    assert text.count(old) == 1
    found = list(wrong_alone(text.replace(old, new), KEY)) if "99 " not in new else _without(text, old)
    assert len(found) == 1
    assert fault in found[0]


def _without(text: str, start: str) -> list[str]:
    lines = [line for line in text.splitlines(keepends=True) if not line.startswith(start)]
    return list(wrong_alone("".join(lines), KEY))


PLATFORMS = sorted(path.parent.name for path in GOLDEN.glob(f"*/demo{PACKED}"))


@pytest.mark.slow
@pytest.mark.parametrize("platform", PLATFORMS)
def test_each_recorded_demo_is_explained_as_is_known_of_its_platform(platform: str) -> None:
    """What a lab checks, checked again whenever a rule changes."""
    name, _, release = platform.rpartition("-")
    assert list(wrong_debugged(rows((name, release)), (name, release))) == []


def _lost(events: list[Row]) -> None:
    del events[3]


def _early(events: list[Row]) -> None:
    events[-1]["reason"] = "interrupt"


def _dr6(events: list[Row]) -> None:
    events[4]["dr"]["dr6"] = "0xffff0ff2"


def _frame(events: list[Row]) -> None:
    events[4]["frame"]["rflags"] = "0x10002"


def _unknown(events: list[Row]) -> None:
    events[4]["causes"] = [{"cause": "unknown", "owner": "unknown", "class": "none"}]


def _owner(events: list[Row]) -> None:
    events[4]["causes"][0]["owner"] = "debugger"


def _cause(events: list[Row]) -> None:
    events[4]["causes"][0]["cause"] = "data-write"


def _contradiction(events: list[Row]) -> None:
    events[4]["contradictions"] = ["The moon is made of cheese."]


PLANTED: tuple[tuple[Callable[[list[Row]], None], str], ...] = (
    (_lost, "step_nop: dr6 did not catch vector 1"),
    (_early, "did not end with the guest's shutdown"),
    (_dr6, "DR6 is 0xffff0ff2"),
    (_frame, "RF and the error code are"),
    (_unknown, "unexplained"),
    (_owner, "not the guest's"),
    (_cause, "said to be"),
    (_contradiction, "no known quirk"),
)


@pytest.mark.slow
@pytest.mark.parametrize(("plant", "fault"), PLANTED)
def test_a_fault_that_is_planted_is_found(plant: Callable[[list[Row]], None], fault: str) -> None:
    events = rows()
    plant(events)
    found = list(wrong_debugged(events, KEY))
    assert any(fault in sentence for sentence in found), found


def test_a_known_quirk_is_no_fault() -> None:
    events = rows()
    events[4]["contradictions"] = ["It is odd. Known quirk tcg-rep-rf: so it is (measured)."]
    assert list(wrong_debugged(events, KEY)) == []


def test_a_stop_of_a_story_without_a_cause_is_found() -> None:
    text = "(dr6) stepi\n#3 cpu0 step at 0x1: nobody knows\n  unknown · unknown · none · possible\n#4 cpu0 step: fine\n"
    assert unexplained(STEPS, text) == ["steps: unexplained: #3 cpu0 step at 0x1: nobody knows"]
