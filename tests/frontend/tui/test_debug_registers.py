"""The debug registers as a matrix: what is armed, what is new in this stop, what a bit means."""

from __future__ import annotations

from dataclasses import replace

import pytest

from frontend.tui.actions import down, up
from frontend.tui.debug_bits import BITS, next_bit, stops_with
from frontend.tui.events import SelectBit, Stop, StopShown
from frontend.tui.panes import PANES
from frontend.tui.update import update
from frontend.tui.view import ViewState
from gdbstub.explain.explanation import GuestDr6
from gdbstub.x86.cpu_state import DebugState
from gdbstub.x86.debug_registers import DR6_CAUSES
from tests.frontend.drawing import screen_with, text
from tests.frontend.stories import EVENT, HANDLER, events, state, view

ISSUE = DebugState(0x102200, 0x102208, 0x80, 0, 0xFFFF_0FF2, 0x0070_0408, "monitor")
HIT = replace(
    EVENT,
    number=4,
    state=state(HANDLER, debug=ISSUE),
    explanation=replace(EVENT.explanation, guest_dr6=GuestDr6(0xFFFF_0FF2, ("B1",), (), ())),
)


def seen(debug: DebugState | None = None) -> ViewState:
    record = HIT if debug is None else replace(HIT, state=state(HANDLER, debug=debug))
    return update(view(), StopShown(Stop(record)))


def drawn(found: ViewState, width: int, height: int = 20) -> list[str]:
    return text(PANES["dr"].render(found, width, height)).splitlines()


def test_the_matrix_says_what_each_slot_waits_for_and_which_was_hit() -> None:
    rows = drawn(seen(), 54)
    assert rows[0].split() == ["addr", "kind", "len", "L", "G", "hit"]
    assert rows[1].split() == ["DR0", "00102200", "–", "–", "·", "·"]
    assert rows[2].split() == ["DR1", "00102208", "r/w", "2", "·", "●", "●"]
    assert "[B1]" in rows[5]
    assert " ok" in rows[5]
    assert "DR7 00700408  LE · GE · GD · RTM ·" in rows


@pytest.mark.parametrize("width", [25, 26, 30, 40, 54, 66, 80, 120])
@pytest.mark.parametrize("far", [False, True], ids=["low", "high"])
def test_all_of_it_fits_into_the_place_that_it_has_at_80x24(width: int, far: bool) -> None:
    debug = ISSUE._replace(dr1=0xFFFF_FFFF_8100_0000) if far else ISSUE
    page = PANES["dr"].render(seen(debug), width, 12)
    assert page.below == 0
    shown = text(page)
    assert "…" not in shown
    assert "●" in shown
    assert all(bit.name in shown for bit in DR6_CAUSES)


def test_what_is_new_since_the_stop_before_is_said() -> None:
    assert any("at #3: ffff0ff1 (B1 is new)" in row for row in drawn(seen(), 54))
    again = update(seen(), StopShown(Stop(replace(HIT, number=5))))
    assert any(row.strip() == "as at #4" for row in drawn(again, 54))


def test_a_bit_left_from_before_is_not_taken_for_one_of_this_stop() -> None:
    assert any("(B0)" in row and "[B" not in row for row in drawn(view(), 54))


def test_reserved_bits_that_are_wrong_are_said() -> None:
    rows = drawn(seen(ISSUE._replace(dr6=0xFFFF_0FE2, dr7=0x0070_0008)), 66)
    assert sum("must read 1" in row for row in rows) == 2
    assert not any(" ok" in row for row in rows)


@pytest.mark.parametrize("bit", BITS, ids=[bit.key for bit in BITS])
def test_a_bit_that_is_selected_says_what_it_means_where_that_is_written_and_which_stops_had_it(bit: object) -> None:
    (known,) = [one for one in BITS if one is bit]
    shown = " ".join(drawn(update(seen(), SelectBit(known.key)), 80))
    assert f"{known.register}.{known.name}, bit {known.number}: " in shown
    assert f"SDM 3B 18.2.{3 if known.register == 'DR6' else 4} · " in shown
    assert ("#4 had it" if known.key == "B1" else "no stop here had it") in shown


def test_stops_have_the_bits_that_their_event_set() -> None:
    by_key = {bit.key: bit for bit in BITS}
    assert stops_with(seen().stops, by_key["B1"]) == [4]
    assert stops_with(seen().stops, by_key["B0"]) == [], "B0 was left from before"


def test_keys_go_through_the_bits_and_past_them() -> None:
    screen = screen_with(events())
    screen.show_pane("3")
    down(screen)
    assert screen.view.bit == "B0"
    up(screen)
    assert screen.view.bit == ""
    up(screen)
    assert screen.view.bit == BITS[-1].key == next_bit("", -1)
