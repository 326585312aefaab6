"""What keys and mouse do to the screen, without prompt_toolkit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from frontend.tui.actions import step
from frontend.tui.breakpoint_rows import BreakpointRow
from frontend.tui.controls import ATTACH, KILL, LEAVE_RUNNING, LEAVE_STOPPED, QUIT, Here, Job, Leave, Run, Screen
from frontend.tui.events import Answer, BreakpointsChanged, Gathered, Question, Stop, StopShown, Toggle, Working
from frontend.tui.keys import KEYS
from frontend.tui.panes import PANES, status, text_of
from frontend.tui.view import ViewState
from gdbstub.debugger.events import Disconnected, Resumed
from gdbstub.x86.breakpoints import BreakpointKind
from tests.frontend.drawing import screen_with
from tests.frontend.stories import HANDLER, STEPPED, events, window


class Typed:
    """A prompt with a line in it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def reset(self) -> None:
        self.text = ""

    def insert_text(self, text: str) -> None:
        self.text += text


class Desk:
    """A screen, and what it asked for."""

    def __init__(self, *, owned: bool = False) -> None:
        self.screen = screen_with(events())
        self.screen.owned = owned
        self.jobs: list[Job] = []
        self.calls: list[str] = []
        self.drawn = self.drawn_soon = 0
        self.screen.work = self.work
        self.screen.stop = lambda: self.calls.append("stop")
        self.screen.drop = lambda: self.calls.append("drop")
        self.screen.on_change = self.draw
        self.screen.on_change_soon = self.draw_soon
        self.full = False

    def work(self, job: Job) -> bool:
        if not self.full:
            self.jobs.append(job)
        return not self.full

    def draw(self) -> None:
        self.drawn += 1

    def draw_soon(self) -> None:
        self.drawn_soon += 1

    @property
    def view(self) -> ViewState:
        return self.screen.view

    @property
    def lines(self) -> list[str | None]:
        """The command lines of the jobs, if their turn came now."""
        return [
            job.line(self.view) if isinstance(job, Here) else job.lines[0]
            for job in self.jobs
            if not isinstance(job, Leave)
        ]

    def press(self, label: str, where: str = "everywhere") -> None:
        next(key for key in KEYS if key.label == label and key.where == where).action(self.screen)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_only_a_change_is_drawn(desk: Desk) -> None:
    desk.press("Alt-End")
    assert desk.drawn == 0

    desk.press("Alt-Up")
    assert desk.drawn == 1


def test_a_step_is_drawn_once_when_it_is_through(desk: Desk) -> None:
    step = (Working("stepi"), Resumed(), StopShown(Stop(STEPPED)), Gathered(window(STEPPED)))
    for event in step:
        desk.screen.dispatch(event)
    assert (desk.drawn, desk.drawn_soon) == (0, 4)

    desk.screen.dispatch(Working(""))
    assert desk.drawn == 1


@pytest.mark.parametrize(
    ("label", "line"),
    [("F7", "stepi"), ("F8", "nexti"), ("F9, F5", "continue"), ("F2", f"break *{HANDLER:#x}"), ("F4", None)],
)
def test_a_function_key_is_a_command_line(desk: Desk, label: str, line: str | None) -> None:
    """F2 sets one where a vector is caught: what is there is no breakpoint. F4 needs a cursor."""
    desk.screen.dispatch(Toggle("handler"))
    desk.press(label)

    assert desk.lines == ([] if line is None else [line])


def test_the_cursor_moves_through_the_code_and_commands_mean_it(desk: Desk) -> None:
    desk.screen.show_pane("1")
    desk.press("F6")
    desk.press("Down, j", "pane")
    desk.press("Down, j", "pane")
    desk.press("Up, k", "pane")
    desk.press("F4")
    desk.screen.finished()
    desk.press("b, Space", "pane")

    assert desk.view.cursor == HANDLER + 1
    assert desk.lines == [f"advance *{HANDLER + 1:#x}", f"break *{HANDLER + 1:#x}"]


def test_a_breakpoint_key_means_the_cursor_that_was_seen_and_the_breakpoints_that_there_are(desk: Desk) -> None:
    desk.screen.show_pane("1")
    desk.press("F6")
    desk.press("Down, j", "pane")
    desk.press("b, Space", "pane")
    desk.press("Down, j", "pane")
    assert desk.lines == [f"break *{HANDLER + 1:#x}"]

    row = BreakpointRow(4, BreakpointKind.EXECUTE, HANDLER + 1)
    desk.screen.dispatch(BreakpointsChanged((*desk.view.breakpoints, row)))
    assert desk.lines == [f"clear *{HANDLER + 1:#x}"]

    desk.screen.dispatch(StopShown(Stop(replace(STEPPED, number=4))))
    assert desk.lines == [f"break *{STEPPED.state.pc:#x}"], "stepped since: where the guest stands then"


def test_a_key_does_not_wait_behind_what_lets_the_guest_run(desk: Desk) -> None:
    desk.press("F7")
    desk.press("F9, F5")
    desk.press("F2")
    assert desk.lines == ["stepi", "continue"]
    assert desk.view.messages[-1].text == "dr6 is busy with 'continue'; Ctrl-C stops it."

    desk.screen.finished()
    desk.screen.finished()
    desk.press("F2")
    assert len(desk.jobs) == 3


def test_up_and_down_walk_in_the_list_of_stops_and_scroll_elsewhere(desk: Desk) -> None:
    desk.screen.show_pane("5")
    desk.press("Up, k", "pane")
    assert desk.view.selected == 2

    desk.screen.show_pane("2")
    desk.press("Down, j", "pane")
    assert desk.view.scroll["registers"] == 1


def test_pages_scroll_no_further_than_the_text_goes(desk: Desk) -> None:
    desk.screen.show_pane("2")
    for _ in range(5):
        desk.press("PgDn")
    end = desk.view.scroll["registers"]
    desk.press("PgDn")
    assert desk.view.scroll["registers"] == end == 23

    for _ in range(5):
        desk.press("PgUp")
    assert desk.view.scroll["registers"] == 0


def test_the_keys_go_round_all_panes_and_the_prompt(desk: Desk) -> None:
    seen = []
    shown = set(PANES) - {"source"}  # no line is known
    for _ in range(len(shown) + 1):
        desk.press("Alt-Right")
        seen.append(desk.view.focus)

    assert sorted(seen) == sorted([*shown, "prompt"])
    assert seen[-1] == "prompt"
    desk.press("Alt-Left")
    assert desk.view.focus == "cpus"


def test_a_line_that_is_typed_while_the_guest_runs_waits_and_ctrl_c_drops_it(desk: Desk) -> None:
    desk.screen.dispatch(Working("continue"))
    desk.screen.dispatch(Resumed())
    desk.screen.take(Run(("continue",)))
    desk.screen.forget = lambda: 1

    assert desk.screen.take(Run(("info registers",)))
    assert desk.jobs[-1] == Run(("info registers",))
    assert desk.view.queued == 1
    assert " 1 queued " in text_of(status(desk.view, 120))
    desk.press("Ctrl-C")
    assert desk.view.queued == 0
    assert desk.view.messages[-1].text == "1 queued command dropped."


def test_a_line_that_needs_no_stopped_guest_does_not_wait(desk: Desk) -> None:
    desk.screen.dispatch(Working("continue"))
    beside: list[str] = []
    desk.screen.aside = lambda line: beside.append(line) or True  # type: ignore[func-returns-value]  # a note of it

    assert desk.screen.take(Run(("help",)))
    assert (beside, desk.jobs) == (["help"], [])


def test_a_lost_stub_is_asked_for_again_by_a_word(desk: Desk) -> None:
    desk.screen.dispatch(Disconnected("The stub closed the connection."))
    assert desk.screen.take(Run(("reconnect",)))
    assert desk.jobs == [ATTACH]


def test_steps_may_be_typed_ahead(desk: Desk) -> None:
    desk.screen.dispatch(Working("stepi"))
    desk.screen.dispatch(Resumed())
    step(desk.screen)

    assert desk.jobs == [Run(("stepi",), typed=False)]


def test_a_continue_key_pressed_twice_counts_once(desk: Desk) -> None:
    desk.screen.dispatch(Working("continue"))
    before = desk.view
    desk.press("F9, F5")

    assert desk.jobs == []
    assert desk.view is before


def test_too_much_to_do_is_said(desk: Desk) -> None:
    desk.full = True
    desk.screen.submit("stepi")

    assert desk.view.messages[-1].kind == "error"


@pytest.mark.parametrize("line", ["interrupt", " interrupt "])
def test_interrupt_can_be_typed_while_the_guest_runs(desk: Desk, line: str) -> None:
    desk.screen.dispatch(Resumed())

    assert desk.screen.take(Run((line,)))
    assert desk.calls == ["stop"]


def test_ctrl_c_stops_what_runs_and_then_says_what_else_can_be_done(desk: Desk) -> None:
    desk.screen.dispatch(Resumed())
    desk.press("Ctrl-C")
    desk.press("Ctrl-C")

    assert desk.calls == ["stop", "stop"]
    assert "Ctrl-D" in desk.view.messages[-1].text


def test_ctrl_c_clears_the_prompt_while_the_guest_is_stopped(desk: Desk) -> None:
    typed = Typed("info reg")
    desk.screen.prompt = typed
    before = desk.view
    desk.press("Ctrl-C")
    assert typed.text == ""
    assert desk.view is before

    desk.press("Ctrl-C")
    assert (desk.calls, desk.view.messages[-1].text) == ([], "Nothing runs. Ctrl-D quits.")


@pytest.mark.parametrize(("key", "how"), [("r", LEAVE_RUNNING), ("s", LEAVE_STOPPED), ("k", KILL)])
def test_leaving_asks_how(desk: Desk, key: str, how: str) -> None:
    desk.press("Ctrl-D", "prompt")
    assert desk.view.question is not None

    desk.screen.answer("x")
    assert desk.view.question is not None, "an unknown key answers nothing"

    desk.screen.answer(key)
    assert desk.jobs == [Leave(how)]
    assert not desk.view.question


def test_leaving_can_be_taken_back(desk: Desk) -> None:
    desk.press("Ctrl-D", "prompt")
    desk.screen.answer(None)

    assert (desk.view.question, desk.jobs, desk.calls) == (None, [], [])


def test_leaving_a_running_guest_stops_it_first(desk: Desk) -> None:
    desk.screen.dispatch(Resumed())
    desk.press("Ctrl-D", "prompt")
    desk.screen.answer("r")

    assert (desk.calls, desk.jobs) == (["stop"], [Leave(LEAVE_RUNNING)])


def test_a_guest_that_does_not_stop_can_be_dropped(desk: Desk) -> None:
    desk.screen.dispatch(Resumed())
    desk.press("Ctrl-D", "prompt")
    desk.screen.answer("r")
    desk.press("Ctrl-D", "prompt")
    desk.screen.answer("y")

    assert desk.calls == ["stop", "drop"]


def test_a_guest_of_our_own_is_not_asked_how_to_be_left() -> None:
    desk = Desk(owned=True)
    desk.press("Ctrl-D", "prompt")
    assert desk.view.question is not None
    assert desk.view.question.text == "The guest ends with dr6. Quit?"

    desk.screen.answer("y")
    assert desk.jobs == [Leave(QUIT)]


def test_nothing_is_asked_when_the_guest_is_gone(desk: Desk) -> None:
    desk.screen.dispatch(Disconnected("The stub closed the connection."))
    desk.press("Ctrl-D", "prompt")

    assert (desk.view.question, desk.jobs) == (None, [Leave(QUIT)])


def test_a_new_question_takes_the_old_one_back(desk: Desk) -> None:
    answers: list[str | None] = []
    for text in ("one?", "two?"):
        desk.screen.ask(Question(text, (Answer("y", "yes", text),)), answers.append)
    desk.screen.answer("y")
    desk.screen.answer("y")

    assert answers == [None, "two?"]


def test_the_mouse_can_be_given_back() -> None:
    screen = Screen()
    screen.toggle_mouse()

    assert not screen.mouse
    assert screen.view.messages[-1].text == "The mouse is off."
