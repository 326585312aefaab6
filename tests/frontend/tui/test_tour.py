"""The tour: six steps, each over when it was done, and left at any time."""

from __future__ import annotations

import pytest

from frontend.tui.events import (
    Event,
    Focus,
    OpenPalette,
    Palette,
    SelectStop,
    StopShown,
    Submitted,
    Toggle,
    Tour,
)
from frontend.tui.gatherer import place
from frontend.tui.panes import text_of, tour_lines
from frontend.tui.tour import END, STEPS, follow
from frontend.tui.update import update
from tests.frontend.drawing import draw, make_app, screen_with
from tests.frontend.stories import EVENT, NAMES, STEPPED, events, view
from tests.frontend.tui.test_app import ENTER, User, leave, play

DONE: tuple[Event, ...] = (
    StopShown(place(NAMES, EVENT)),
    Focus("why"),
    StopShown(place(NAMES, STEPPED)),
    SelectStop(0),
    Submitted("info registers"),
    OpenPalette(Palette()),
)


def test_each_step_is_over_when_it_was_done_and_by_nothing_else() -> None:
    assert len(STEPS) == 6
    for number, done in enumerate(DONE, 1):
        before = update(view(), Tour(number))
        for other in (done, Toggle("help"), Focus("code")):
            after = update(before, other)
            assert follow(before, after) == (number if other is not done else (number + 1) % 7), (number, other)


def test_a_whole_tour_ends_with_a_word() -> None:
    screen = screen_with(events())
    screen.begin_tour(True)
    for number, done in enumerate(DONE, 1):
        assert screen.view.tour == number
        screen.dispatch(Focus("prompt"))
        screen.dispatch(done)
    assert (screen.view.tour, screen.view.messages[-1].text) == (0, END)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_step_stands_above_the_prompt_and_takes_its_rows_from_the_panes(width: int) -> None:
    screen = screen_with(events())
    screen.begin_tour(True)
    rows = len(tour_lines(screen.view, width))
    assert rows == len([line for line in tour_lines(screen.view, width) if len(text_of(line)) == width])
    drawn = draw(make_app(screen, width, 24))
    assert drawn[22 - rows].startswith("Tour 1/6 (tour off leaves): F9")
    assert drawn[22].startswith("(dr6)")


def test_the_tour_is_begun_and_left_at_the_prompt() -> None:
    async def story(user: User) -> None:
        await user.until(lambda view: len(view.stops) == 1 and not view.working)
        user.type("tour" + ENTER)
        await user.until(lambda view: view.tour == 1)
        user.type("tour off" + ENTER)
        await user.until(lambda view: view.tour == 0 and not view.working)
        user.type("tour around" + ENTER)
        await user.says("tour begins the tour of the screen, tour off leaves it.")
        user.type("?")
        await user.until(lambda view: view.help)
        user.type("q")
        await user.until(lambda view: not view.help)
        await leave(user)

    assert play(story)[0] == 0
