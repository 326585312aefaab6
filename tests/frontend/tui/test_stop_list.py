"""The list of stops as a log: folded steps, what is sought, what became of watched bytes, sessions apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from frontend.commands.explaining import parse_filter
from frontend.commands.stop_filter import EVERY, StopFilter
from frontend.commands.table import CommandError
from frontend.tui.breakpoint_rows import BreakpointRow
from frontend.tui.events import Event, FilterStops, SelectStop, Stop, StopShown, Toggle, ValueChanged, Walk
from frontend.tui.panes import PANES
from frontend.tui.stop_list import NewRun, StepRun, rows
from frontend.tui.update import update
from frontend.tui.view import ViewState, number_of
from frontend.tui.watched import WatchedBytes
from gdbstub.debugger.record import StopRecord
from gdbstub.errors import Refused
from gdbstub.explain.explanation import Cause
from gdbstub.protocol.stops import Stopped, Watch
from gdbstub.x86.breakpoints import BreakpointKind
from tests.frontend.drawing import text
from tests.frontend.stories import ARMED, EVENT, HANDLER, HIT, NAMES, STEPPED, events, state, view


def step(number: int, cpu: int = 0) -> Stop:
    return Stop(replace(STEPPED, number=number, cpu=cpu), stopped="work+4", plain=True)


def event(number: int) -> Stop:
    return Stop(replace(EVENT, number=number), cause="icebp_test+30")


def long_view(*more: Event) -> ViewState:
    """An event, 300 steps, an event, 20 steps."""
    seen = ViewState()
    stops = [event(0), *map(step, range(1, 301)), event(301), *map(step, range(302, 322))]
    for shown in (*map(StopShown, stops), *more):
        seen = update(seen, shown)
    return seen


def listed(seen: ViewState, width: int = 70, height: int = 12) -> str:
    return text(PANES["stops"].render(seen, width, height))


def test_steps_in_a_row_are_one_line_and_events_stand_out() -> None:
    shown = listed(long_view()).splitlines()
    assert [row.strip() for row in shown if "⋯" in row] == ["⋯ 300 steps in work ⋯", "⋯ 17 steps in work ⋯"]
    assert [row.split()[0] for row in shown[1:] if "⋯" not in row] == ["0", "301", "319", "320", "321"]


def test_the_steps_around_the_one_that_is_looked_at_are_not_folded() -> None:
    found = rows(long_view().stops, 100)
    assert found[:8] == [0, StepRun(1, 97), 98, 99, 100, 101, 102, StepRun(103, 300)]
    assert rows(long_view().stops, 100, unfolded=True) == list(range(322))


def test_enter_unfolds_all_steps_and_folds_them_again() -> None:
    opened = update(long_view(), Toggle("unfolded"))
    assert "⋯" not in listed(opened)
    assert listed(update(opened, Toggle("unfolded"))) == listed(long_view())


def test_three_steps_are_no_fold() -> None:
    stops = [event(0), *map(step, range(1, 4)), *map(event, range(4, 8))]
    assert rows(stops, 7) == list(range(8))


def test_sessions_stand_apart() -> None:
    stops = [event(0), *[step(n) for n in range(1, 7)], event(7)._replace(run=1), event(8)._replace(run=1)]
    assert rows(stops, 8) == [0, StepRun(1, 5), 6, NewRun(1), 7, 8]
    seen = ViewState()
    for stop in stops:
        seen = update(seen, StopShown(stop))
    assert "── run 2 ──" in listed(seen)


@pytest.mark.parametrize(
    ("typed", "numbers"),
    [
        ("events", [0, 301]),
        ("cause icebp", [0, 301]),
        ("/ICEBP_test", [0, 301]),
        ("events /nothing", []),
        ("cpu 1", []),
        ("cause single-step /push", list(range(1, 301)) + list(range(302, 322))),
    ],
)
def test_only_what_is_sought_is_listed_and_walked_through(typed: str, numbers: list[int]) -> None:
    sought = parse_filter(typed)
    seen = long_view(FilterStops(sought))
    assert [seen.stops[row].record.number for row in rows(seen.stops, 0, sought) if isinstance(row, int)] == numbers
    assert sought.words in PANES["stops"].note(seen)
    walked = update(seen, Walk(-1))
    before = [number for number in numbers if number < 321]
    assert walked.record is not None
    assert walked.record.number == (before[-1] if before else 321)


def test_what_is_sought_and_not_there_is_said() -> None:
    assert "no stop is events cpu 7" in listed(long_view(FilterStops(StopFilter(events=True, cpu=7))))


@pytest.mark.parametrize(
    "typed", ["", "all", "events", "cpu 3", "cause icebp", "/mov eax", "events cpu 0 cause icebp /x"]
)
def test_a_filter_reads_what_it_writes(typed: str) -> None:
    assert parse_filter(parse_filter(typed).words) == parse_filter(typed)
    assert (parse_filter(typed) == EVERY) == (typed in ("", "all"))


@pytest.mark.parametrize("typed", ["nonsense", "cpu", "cpu x", "cause", "cause sneeze", "events /"])
def test_what_filters_nothing_is_refused(typed: str) -> None:
    with pytest.raises(CommandError):
        parse_filter(typed)


def test_events_are_walked_to_past_all_steps() -> None:
    seen = long_view()
    for at in (301, 0, 0):
        seen = update(seen, Walk(-1, events=True))
        assert seen.selected == at
    assert update(seen, Walk(1, events=True)).selected == 301


class Bytes:
    """Memory of one word, and how often it was read."""

    def __init__(self) -> None:
        self.value, self.reads = 4, 0

    async def read_memory(self, address: int, length: int) -> bytes:
        self.reads += 1
        if address == 0:
            raise Refused("m0,4", "14")
        return self.value.to_bytes(length, "little")


WATCH = BreakpointRow(1, BreakpointKind.WRITE, 0x4000, 4, text="counter")


def hit(address: int, number: int = 2) -> StopRecord:
    return replace(HIT, number=number, stop=Stopped(5, None, (Watch("write", address),)))


async def test_a_watch_that_is_hit_says_what_was_there_and_what_is() -> None:
    guest, watched = Bytes(), WatchedBytes()
    assert await watched.change(guest, NAMES, STEPPED, (WATCH,)) == ""
    guest.value = 0x15
    assert await watched.change(guest, NAMES, hit(0x4002), (WATCH,)) == "counter 4 → 0x15"
    assert await watched.change(guest, NAMES, hit(0x4002), (WATCH,)) == "counter 4 → 0x15", "it is looked at again"
    assert await watched.change(guest, NAMES, hit(0x4002, 3), (WATCH,)) == "counter 0x15"
    assert await watched.change(guest, NAMES, hit(0x9000, 4), (WATCH,)) == ""
    assert guest.reads == 4, "no stop that is not about it reads anything"


async def test_the_guests_own_data_breakpoint_says_its_bytes() -> None:
    cause = Cause("data-write", "guest", "trap", "certain", (), slot=1)
    record = replace(EVENT, state=state(HANDLER, debug=ARMED), explanation=replace(EVENT.explanation, causes=(cause,)))
    guest, watched = Bytes(), WatchedBytes()
    assert await watched.change(guest, NAMES, record, ()) == "DR1 0xb8000 4"
    guest.value = 5
    assert await watched.change(guest, NAMES, replace(record, number=9), ()) == "DR1 0xb8000 4 → 5"


async def test_what_cannot_be_read_says_nothing() -> None:
    nowhere = WATCH._replace(address=0)
    assert await WatchedBytes().change(Bytes(), NAMES, hit(0), (nowhere,)) == ""


def test_what_became_of_watched_bytes_is_in_the_list() -> None:
    seen = update(view(), ValueChanged(2, "counter 4 → 5"))
    assert "counter 4 → 5" in listed(seen)
    assert update(view(), ValueChanged(77, "nothing")) == view()
    assert "counter 4 → 5" in listed(update(seen, SelectStop(1)))


def test_a_row_has_the_vcpu_only_where_there_are_several() -> None:
    assert listed(view()).splitlines()[0].split()[:3] == ["#", "cpu", "what"]
    alone = replace(view(), cpus=1)
    assert listed(alone).splitlines()[0].split()[:2] == ["#", "what"]
    assert [number_of(stop) for stop in alone.stops] == [0, 1, 2, 3]
    assert len(events()) > 4
