"""What reaches the terminal: only what changed, and all of that."""

from __future__ import annotations

import asyncio
import random

import pytest
from prompt_toolkit.application import Application
from prompt_toolkit.application.current import set_app
from prompt_toolkit.buffer import Buffer, CompletionState
from prompt_toolkit.completion import Completion
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import DummyInput

from frontend.tui.app import make_application
from frontend.tui.controls import Screen
from frontend.tui.events import (
    Event,
    Focus,
    Message,
    OpenPalette,
    OpenSheet,
    Palette,
    Printed,
    SelectStop,
    Sheet,
    Toggle,
    Tour,
)
from gdbstub.debugger.events import Resumed
from tests.frontend.drawing import SizedOutput, screen_with
from tests.frontend.stories import events

EVENTS: tuple[Event, ...] = (
    SelectStop(1),
    SelectStop(None),
    Focus("why"),
    Focus("prompt"),
    Focus("memory"),
    Toggle("help"),
    Toggle("zoom"),
    Printed("a line"),
    OpenSheet(Sheet("x", tuple(Message("text", f"line {n}") for n in range(9)))),
    OpenSheet(None),
    OpenPalette(Palette("mem")),
    OpenPalette(None),
    Tour(2),
    Tour(0),
    Resumed(),
)


class Glass(SizedOutput):
    """A terminal that keeps what is written where, and counts it."""

    def __init__(self, columns: int, rows: int) -> None:
        super().__init__(columns, rows)
        self.x = self.y = self.written = 0
        self.cells: dict[tuple[int, int], str] = {}

    def write(self, data: str) -> None:
        for letter in data:
            if letter == "\r":
                self.x = 0
            elif letter == "\n":
                self.y += 1
            elif letter:
                self.cells[self.y, self.x] = letter
                self.x += 1
                self.written += 1

    write_raw = write

    def cursor_goto(self, row: int = 0, column: int = 0) -> None:
        self.y, self.x = row, column

    def cursor_up(self, amount: int) -> None:
        self.y -= amount

    def cursor_forward(self, amount: int) -> None:
        self.x += amount

    def cursor_backward(self, amount: int) -> None:
        self.x -= amount

    def erase_end_of_line(self) -> None:
        self.cells = {at: letter for at, letter in self.cells.items() if at[0] != self.y or at[1] < self.x}

    def erase_down(self) -> None:
        self.erase_end_of_line()
        self.cells = {at: letter for at, letter in self.cells.items() if at[0] <= self.y}

    def erase_screen(self) -> None:
        self.cells.clear()

    def text(self) -> list[str]:
        rows = [[self.cells.get((row, column), " ") for column in range(self.columns)] for row in range(self.rows)]
        return ["".join(row).rstrip() for row in rows]


def application(screen: Screen, glass: Glass) -> Application[None]:
    return make_application(screen, lambda text: [], InMemoryHistory(), DummyInput(), glass)


def render(app: Application[None]) -> None:
    async def once() -> None:
        with set_app(app):
            app.renderer.render(app, app.layout)
            app.layout.update_parents_relations()

    asyncio.run(once())


def wanted(app: Application[None]) -> list[str]:
    """The screen as it was drawn, whatever the terminal got of it."""
    drawn = app.renderer.last_rendered_screen
    assert drawn is not None
    size = app.output.get_size()
    return [
        "".join(drawn.data_buffer[row][column].char for column in range(size.columns)).rstrip()
        for row in range(size.rows)
    ]


@pytest.mark.parametrize("seed", range(12))
def test_the_terminal_has_what_was_drawn_whatever_came_before(seed: int) -> None:
    chance = random.Random(seed)
    glass = Glass(*chance.choice(((80, 24), (120, 40), (60, 15))))
    screen = screen_with(events())
    app = application(screen, glass)
    prompt = screen.prompt
    assert isinstance(prompt, Buffer)
    for _ in range(40):
        match chance.randrange(8):
            case 0 | 1 | 2:
                prompt.set_document(prompt.document.insert_after(chance.choice("abc ")), bypass_readonly=True)
            case 3:
                prompt.complete_state = CompletionState(prompt.document, [Completion("abc"), Completion("abd")])
            case 4:
                prompt.complete_state = None
            case 5:
                app.renderer.clear()
            case _:
                screen.dispatch(chance.choice(EVENTS))
        render(app)
        assert glass.text() == wanted(app)


def test_a_letter_writes_a_letter_and_paints_no_pane() -> None:
    glass, screen = Glass(120, 40), screen_with(events())
    app = application(screen, glass)
    prompt = screen.prompt
    assert isinstance(prompt, Buffer)
    render(app)
    render(app)
    glass.written = 0
    prompt.insert_text("x")
    render(app)
    assert glass.written <= 4
    screen.dispatch(Printed("one more line"))
    glass.written = 0
    render(app)
    assert glass.written > 4
