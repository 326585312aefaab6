"""`update`: what each event makes of the view."""

from __future__ import annotations

from dataclasses import replace

import pytest

from frontend.tui.cursor import code_lines
from frontend.tui.events import (
    Ask,
    BreakpointsChanged,
    Event,
    Focus,
    Gap,
    Gathered,
    Keep,
    Looked,
    Message,
    Printed,
    PutCursor,
    Question,
    Scroll,
    SelectStop,
    SessionOpened,
    Show,
    Stop,
    StopShown,
    Submitted,
    Toggle,
    Walk,
    Working,
)
from frontend.tui.gatherer import place
from frontend.tui.update import update
from frontend.tui.view import LINES_KEPT, ViewState
from frontend.tui.window import Window
from gdbstub.debugger.events import Disconnected, Output, Resumed
from gdbstub.debugger.record import StopRecord
from gdbstub.protocol.stops import Exited
from gdbstub.remote.capabilities import BackendInfo
from tests.frontend.stories import (
    ATTACHED,
    BREAKPOINTS,
    EVENT,
    HIT,
    NAMES,
    RECORDS,
    START,
    STEPPED,
    state,
    view,
    window,
)


def after(*events: Event, start: ViewState | None = None) -> ViewState:
    found = view() if start is None else start
    for event in events:
        found = update(found, event)
    return found


def numbered(number: int) -> StopRecord:
    return replace(STEPPED, number=number)


def test_a_stop_is_appended_and_looked_at() -> None:
    found = after(SelectStop(1), Resumed(), StopShown(Stop(numbered(4), "here+1")))

    assert [stop.record.number for stop in found.stops] == [0, 1, 2, 3, 4]
    assert (found.selected, found.running, found.where) == (None, False, "here+1")


def test_a_gap_belongs_to_the_stop_that_comes_next_and_stays_with_it() -> None:
    found = after(Gap("Something is missing."), StopShown(Stop(numbered(4))), StopShown(Stop(numbered(4))))
    found = after(StopShown(Stop(numbered(5))), start=found)

    assert [stop.gap for stop in found.stops] == ["", "", "", "", "Something is missing.", ""]


def test_the_newest_stop_may_come_again_changed() -> None:
    found = after(StopShown(Stop(replace(EVENT, notes=("changed",)))))

    assert len(found.stops) == len(RECORDS)
    assert found.record is not None
    assert found.record.notes == ("changed",)


def test_selecting_a_stop_shows_everything_as_of_it() -> None:
    found = after(SelectStop(2))

    assert found.record is HIT
    assert found.previous is STEPPED
    assert found.window == window(HIT)
    assert found.where == "icebp_test+12"


@pytest.mark.parametrize(
    ("events", "number"),
    [
        ((Walk(-1),), 2),
        ((Walk(-1), Walk(-1)), 1),
        ((Walk(-9),), 0),
        ((Walk(-9), Walk(1)), 1),
        ((Walk(-1), Walk(9)), None),
        ((SelectStop(3),), None),
        ((SelectStop(99),), None),
        ((SelectStop(-5),), 0),
        ((SelectStop(1), SelectStop(None)), None),
    ],
)
def test_walking_stays_within_the_stops(events: tuple[Event, ...], number: int | None) -> None:
    assert after(*events).selected == number


@pytest.mark.parametrize(
    "event",
    [
        Walk(1),
        SelectStop(None),
        Focus("prompt"),
        Scroll("code", 0),
        PutCursor(None),
        Ask(None),
        Working(""),
        BreakpointsChanged(BREAKPOINTS),
        Show("messages"),
    ],
)
def test_an_event_that_changes_nothing_leaves_the_very_same_view(event: Event) -> None:
    before = after(Show("messages"))

    assert update(before, event) is before


def test_running_twice_is_running_once() -> None:
    once = after(Resumed())

    assert once.running
    assert update(once, Resumed()) is once


def test_a_run_of_many_steps_is_one_run() -> None:
    stepping = after(Working("stepi 9"), Resumed(), StopShown(Stop(numbered(4))))

    assert (stepping.running, stepping.ran) == (False, True)
    assert not after(Working(""), start=stepping).ran
    assert not after(Resumed(), StopShown(Stop(numbered(4)))).ran, "another client's run"


def test_the_stores_are_bounded() -> None:
    found = ViewState(kept=300, code_kept=200)
    for number in range(305):
        found = after(StopShown(Stop(numbered(number))), Gathered(Window(number)), start=found)
    found = after(Printed("line\n" * (LINES_KEPT + 5)), Output("line\n" * (LINES_KEPT + 5), "guest"), start=found)

    assert len(found.stops) == 300
    assert found.stops[0].record.number == 5
    assert len(found.windows) == 200
    assert max(found.windows) == 304
    assert len(found.messages) == len(found.output) == LINES_KEPT


def test_the_code_of_events_is_kept_when_that_of_steps_goes() -> None:
    found = after(Keep(300, 50), start=ViewState())
    for number in range(100):
        found = after(Gathered(Window(number, plain=number % 10 != 0)), start=found)

    assert len(found.windows) == 50
    assert set(range(0, 100, 10)) <= set(found.windows)
    assert max(found.windows) == 99


def numbers(found: ViewState) -> list[int]:
    return [stop.record.number for stop in found.stops]


def test_plain_steps_go_before_what_happened_between_them() -> None:
    """The story's stops are the attach, a step, a breakpoint and an event."""
    steps = [StopShown(Stop(numbered(number))) for number in range(4, 20)]
    found = after(*steps, start=after(Keep(6)))
    assert numbers(found) == [0, 2, 3, 17, 18, 19]

    found = after(SelectStop(18), Keep(3), start=found)
    assert (numbers(found), found.selected) == ([2, 3, 19], None)
    assert numbers(after(Keep(1), start=found)) == [19]


def test_the_selected_stop_stays_selected_while_it_is_kept() -> None:
    assert after(SelectStop(2), Keep(3)).selected == 2


def test_a_stop_that_nothing_was_gathered_at_has_the_names_of_its_code() -> None:
    opened = SessionOpened("", BackendInfo("qemu-tcg", None, None, "qemu-tcg"), 1, NAMES)
    found = after(opened, StopShown(place(NAMES, ATTACHED)), start=ViewState())

    (first, *_) = code_lines(found)
    assert (first.address, first.label) == (START, "icebp_test")


def test_another_vcpu_is_looked_at_until_the_next_stop() -> None:
    other = replace(state(START + 4), cpu=1)
    found = after(Looked(other, "icebp_test+4", Window(3)))

    assert found.state == other
    assert found.previous is None, "no stop of that vCPU came before"
    assert after(SelectStop(2), start=found).state == HIT.state
    assert after(StopShown(Stop(numbered(4))), start=found).state == STEPPED.state


def test_a_register_that_the_user_changed_counts_as_changed() -> None:
    found = after(Looked(state(EVENT.state.rip, rax=99), "", window(EVENT)))

    assert found.state is not None
    assert found.state.registers["rax"] == 99
    assert found.previous is HIT


def test_console_output_is_put_together_from_its_pieces() -> None:
    found = after(
        Output("Boo", "guest"), Output("ting\r\n\x1b[3", "guest"), Output("2mOK\x1b[0m", "guest"), start=ViewState()
    )

    assert found.output == ("Booting",)
    assert found.output_rest == "\x1b[32mOK\x1b[0m"
    assert after(Output("\n", "guest"), start=found).output == ("Booting", "OK")


def test_a_console_line_that_never_ends_is_broken_up() -> None:
    found = after(Output("x" * 10_000, "guest"), start=ViewState())

    assert sum(map(len, found.output)) + len(found.output_rest) == 10_000
    assert len(found.output) == 2


def test_text_that_nobody_sees_is_unread_until_it_is_shown() -> None:
    found = after(Show("messages"), Output("hello\n", "guest"))

    assert found.unread == {"output"}
    assert after(Show("output"), start=found).unread == frozenset()


def test_a_command_line_brings_the_messages_to_the_front() -> None:
    found = after(Show("output"), Scroll("messages", -1), Submitted("info registers"))

    assert found.front[0] == "messages"
    assert found.messages[-1] == Message("command", "(dr6) info registers")
    assert found.scroll["messages"] == 0


def test_a_text_that_is_read_stays_where_it_is_while_more_comes() -> None:
    found = after(Scroll("output", -5), Output("one\ntwo\n", "guest"))

    assert found.scroll["output"] == -7


def test_another_stop_takes_scrolling_and_cursor_back() -> None:
    found = after(Scroll("code", 3), Scroll("messages", -1), PutCursor(START), Walk(-1))

    assert found.scroll == {"messages": -1}
    assert found.cursor is None


def test_losing_the_stub_is_said_and_remembered() -> None:
    found = after(Resumed(), Disconnected("The stub closed the connection."))

    assert (found.running, found.ended, found.lost) == (False, True, "The stub closed the connection.")
    assert found.messages[-1] == Message("error", "The stub closed the connection.")
    assert found.record is EVENT, "what was seen can still be looked at"


def test_a_guest_that_ended_has_no_state() -> None:
    found = after(StopShown(Stop(replace(EVENT, number=4, stop=Exited(0)))))

    assert found.ended
    assert found.state is None
    assert after(Walk(-1), start=found).state == EVENT.state


def test_the_rest_of_the_events() -> None:
    backend = BackendInfo("qemu-kvm", None, None, "qemu-kvm")
    question = Question("Sure?", ())
    found = after(
        SessionOpened("unix:/x", backend, 4),
        Working("stepi"),
        Ask(question),
        Toggle("help"),
        Toggle("zoom"),
        Focus("why"),
    )

    assert (found.target, found.backend, found.cpus, found.working) == ("unix:/x", backend, 4, "stepi")
    assert (found.question, found.help, found.zoom, found.focus) == (question, True, True, "why")


def test_a_view_without_stops_answers_everything() -> None:
    nothing = ViewState()

    assert (nothing.record, nothing.state, nothing.previous, nothing.window, nothing.where) == (None,) * 4 + ("",)
    assert update(nothing, Walk(-1)) is nothing
    assert update(nothing, SelectStop(3)) is nothing
    assert ATTACHED.number == 0
