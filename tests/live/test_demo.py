"""`dr6 demo` without a terminal: every event of the guest in order, explained as the list of events says."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

import pytest

from frontend.demo_guest import DEMO_EVENTS, DEMO_IMAGE, DemoEvent, GuestLogEntry, deviations, expected
from gdbstub.explain.quirks.lookup import QUIRKS
from tests.guests.image import read_image
from tests.guests.machine import qemu_version
from tests.live.machine import Ran, dr6

pytestmark = [pytest.mark.live, pytest.mark.slow]

VECTORS = {"#DB": 1, "#BP": 3, "#UD": 6, "#GP": 13, "#PF": 14, "#DF": 8}
_HEADLINE = re.compile(r"#(\d+) cpu0 event (#\w\w) at handler 0x[0-9a-f]+ <(\w+)>: (.+)")
_FRAME = re.compile(r"  frame: rip (0x[0-9a-f]+)(?: <\S+>)? cs (0x[0-9a-f]+) rflags (0x[0-9a-f]+)(.*)")
_ERROR_CODE = re.compile(r"error code (0x[0-9a-f]+)")
_CAUSE = re.compile(r"  ([a-z0-9-]+)(?: \(DR(\d)\))? · ([a-z-]+) · ([a-z]+) · ([a-z]+)")


class Said(NamedTuple):
    """One event as the demo printed it. ``causes`` are (cause, owner, class, slot)."""

    number: int
    vector: int
    rip: int
    cs: int
    rflags: int
    error_code: int
    causes: tuple[tuple[str, str, str, int | None], ...]
    confidences: tuple[str, ...]
    text: str


@cache
def demo() -> Ran:
    return dr6("demo")


def said(block: str) -> Said:
    headline, frame = _HEADLINE.match(block), _FRAME.search(block)
    assert headline is not None, block
    assert frame is not None, block
    code = _ERROR_CODE.search(frame[4])
    causes = [m.groups() for m in _CAUSE.finditer(block)]
    return Said(
        int(headline[1]),
        VECTORS[headline[2]],
        int(frame[1], 16),
        int(frame[2], 16),
        int(frame[3], 16),
        int(code[1], 16) if code else 0,
        tuple((cause, owner, klass, None if slot is None else int(slot)) for cause, slot, owner, klass, _ in causes),
        tuple(confidence for *_, confidence in causes),
        block,
    )


@cache
def events() -> tuple[Said, ...]:
    blocks = re.split(r"^(?=#\d+ )|\n\n", demo().out, flags=re.MULTILINE)
    return tuple(said(block) for block in blocks if " event #" in block.partition("\n")[0])


@cache
def wanted() -> tuple[tuple[DemoEvent, GuestLogEntry], ...]:
    """What the guest raises on the QEMU of this machine."""
    return tuple((event, seen) for event in DEMO_EVENTS for seen in expected(event, "qemu-tcg", qemu_version()))


def test_the_demo_ends_well_and_says_how_the_guest_ended() -> None:
    ran = demo()
    assert ran.code == 0
    assert re.search(r"^#\d+ continue, the guest is gone: shutdown: the stub said W00$", ran.out, re.MULTILINE)
    assert "shutdown · guest · none · certain" in ran.out


def test_what_the_guest_did_without_an_exception_is_listed_with_the_reason() -> None:
    missing = [event for event in DEMO_EVENTS if not expected(event, "qemu-tcg", qemu_version())]
    _, _, rest = demo().out.partition("The guest also did this, and no exception came:\n")
    lines = rest.splitlines()
    assert len(lines) == len(missing)
    for event, line in zip(missing, lines, strict=True):
        assert line.startswith(f"  {event.title}, at {event.instruction}: ")
        assert ("contradiction: " in line) == (event.needs == ""), line


def test_each_event_is_printed_once_and_in_order() -> None:
    symbols = read_image(DEMO_IMAGE).symbols
    assert [(s.vector, s.rip, s.error_code, bool(s.rflags >> 16 & 1)) for s in events()] == [
        (seen.vector, symbols[seen.rip], seen.error_code, seen.rf) for _, seen in wanted()
    ]


def test_the_events_are_those_that_the_guest_itself_writes_to_its_console() -> None:
    log = re.findall(r"^guest: \d\d (db|bp|ud|gp) dr6=[0-9a-f]{8} rip=([0-9a-f]{16}) ", demo().err, re.MULTILINE)
    assert [(VECTORS[f"#{name.upper()}"], int(rip, 16)) for name, rip in log] == [(s.vector, s.rip) for s in events()]


def causes_wanted(event: DemoEvent, seen: GuestLogEntry) -> tuple[tuple[str, str, str, int | None], ...] | None:
    """What the list of events says of ``seen``; None where the platform delivers something that it doesn't list."""
    for raised in event.raised:
        if raised.vector == seen.vector:
            return tuple((cause.cause, "guest", cause.klass, cause.slot) for cause in raised.causes)
    return None


@cache
def numbered() -> tuple[tuple[DemoEvent, GuestLogEntry, Said], ...]:
    return tuple((event, seen, said) for (event, seen), said in zip(wanted(), events(), strict=True))


def as_listed() -> list[str]:
    """Events that are to be explained exactly as the architecture has them."""
    return [event.name for event in DEMO_EVENTS]


@pytest.mark.parametrize("name", as_listed())
def test_each_event_is_explained_by_its_causes_owner_class_and_slot(name: str) -> None:
    for event, seen, said in numbered():
        if event.name == name:
            assert set(said.causes) == set(ODD.get((name, seen.rip)) or causes_wanted(event, seen) or ()), said.text
            assert all("because: " in part for part in said.text.split(" · guest · ")[1:])


_G = "guest"
ODD: dict[tuple[str, str], tuple[tuple[str, str, str, int | None], ...]] = {
    # F1 is no instruction there
    ("int1", "ev_int1"): (("exception", _G, "fault", None),),
    ("user_int1", "ev_user_int1"): (("exception", _G, "fault", None),),
    # only one of two data breakpoints is in DR6
    ("two_data", "ev_two_data_next"): (("data-write", _G, "trap", 0),),
    # the store's #DB runs second, with a DR6 that the first has reset
    ("step_write", "db_handler"): (("single-step", _G, "trap", None), ("data-write", _G, "trap", 1)),
    # BS is missing
    ("step_port", "ev_step_port_next"): (("io-breakpoint", _G, "trap", 3),),
}
"""What a fair explanation says of the events that QEMU delivers otherwise: (event, RIP) → its causes."""

CONTRADICTED = ("movss_data", "step_sti", "two_data", "step_write", "step_port")
"""Where the evidence at the stop shows it if the emulator did not do what the architecture says."""


@pytest.mark.parametrize("name", CONTRADICTED)
def test_what_the_emulator_does_otherwise_is_said(name: str) -> None:
    texts = [said.text for event, _, said in numbered() if event.name == name]
    departs = name in deviations("qemu-tcg", qemu_version())
    assert any("contradiction: " in text for text in texts) == departs, "\n\n".join(texts)


def test_an_event_like_any_other_has_no_contradiction() -> None:
    odd = deviations("qemu-tcg", qemu_version()).keys()
    for event, _, said in numbered():
        assert event.name in odd or "contradiction: " not in said.text, said.text


def test_every_contradiction_names_a_quirk_of_the_table() -> None:
    lines = [line for line in demo().out.splitlines() if "contradiction: " in line]
    assert len(lines) >= len(deviations("qemu-tcg", qemu_version()).keys() & CONTRADICTED)
    for line in lines:
        name = re.search(r"Known quirk ([a-z0-9-]+): ", line)
        assert name is not None, line
        assert name[1] in QUIRKS
