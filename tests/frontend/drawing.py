"""The screen as text, drawn by prompt_toolkit itself into its own buffer, without a terminal."""

from __future__ import annotations

import asyncio

from prompt_toolkit.application import Application
from prompt_toolkit.application.current import set_app
from prompt_toolkit.data_structures import Size
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import DummyInput, Input
from prompt_toolkit.output import DummyOutput

from frontend.tui.app import make_application
from frontend.tui.controls import Screen
from frontend.tui.events import Event
from frontend.tui.panes import Page, text_of


class SizedOutput(DummyOutput):
    """Nothing is written; the terminal has ``columns`` and ``rows``, and may get others."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows

    def get_size(self) -> Size:
        return Size(rows=self.rows, columns=self.columns)


def make_app(screen: Screen, columns: int = 80, rows: int = 24, input: Input | None = None) -> Application[None]:
    """The application, at a terminal of this size."""
    return make_application(
        screen,
        lambda text: [],
        InMemoryHistory(),
        DummyInput() if input is None else input,
        SizedOutput(columns, rows),
    )


def draw(app: Application[None]) -> list[str]:
    """Draw once; the rows of the terminal, without blanks at their ends."""

    async def once() -> None:  # the prompt loads its history in a task
        with set_app(app):
            app.renderer.render(app, app.layout)
            app.layout.update_parents_relations()

    asyncio.run(once())
    drawn = app.renderer.last_rendered_screen
    assert drawn is not None
    size = app.output.get_size()
    return [
        "".join(drawn.data_buffer[row][column].char for column in range(size.columns)).rstrip()
        for row in range(size.rows)
    ]


def screen_with(events: list[Event]) -> Screen:
    screen = Screen()
    for event in events:
        screen.dispatch(event)
    return screen


def text(page: Page) -> str:
    """A page as text."""
    return "\n".join(text_of(line).rstrip() for line in page.lines)
