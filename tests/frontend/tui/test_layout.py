"""What the mouse does, by the cells that it points at."""

from __future__ import annotations

from prompt_toolkit.application.current import set_app
from prompt_toolkit.data_structures import Point
from prompt_toolkit.mouse_events import MouseButton, MouseEvent, MouseEventType

from frontend.tui.controls import Screen
from frontend.tui.events import SelectStop
from frontend.tui.pane_windows import at_column
from frontend.tui.panes.text import line, span
from tests.frontend.drawing import draw, make_app, screen_with
from tests.frontend.stories import HANDLER, events


class Table:
    """A drawn screen, and a mouse on it."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self.screen: Screen = screen_with(events())
        self.app = make_app(self.screen, columns, rows)
        self.rows = draw(self.app)

    def at(self, text: str) -> Point:
        """Where ``text`` stands."""
        row = next(number for number, content in enumerate(self.rows) if text in content)
        return Point(self.rows[row].index(text), row)

    def mouse(self, point: Point, kind: MouseEventType) -> None:
        with set_app(self.app):
            handler = self.app.renderer.mouse_handlers.mouse_handlers[point.y][point.x]
            handler(MouseEvent(point, kind, MouseButton.LEFT, frozenset()))
        self.rows = draw(self.app)

    def click(self, text: str) -> None:
        self.mouse(self.at(text), MouseEventType.MOUSE_UP)


def test_a_click_on_a_title_shows_that_pane() -> None:
    table = Table()
    table.click("5 stops")

    assert table.screen.view.focus == "stops"
    assert any("attached; a stub" in row for row in table.rows)


def test_a_click_on_a_stop_shows_everything_as_of_it() -> None:
    table = Table()
    table.click("5 stops")
    table.click("break  icebp_test+12")

    assert table.screen.view.selected == 2
    assert any("mov dr0, rax" in row for row in table.rows)
    table.click("#DB    icebp")
    assert table.screen.view.selected is None


def test_a_click_on_code_puts_the_cursor_there() -> None:
    table = Table()
    table.click("handler ▶")
    table.click("push rbx")

    assert (table.screen.view.focus, table.screen.view.cursor) == ("code", HANDLER + 1)


def test_a_click_beside_everything_gives_the_keys_to_the_pane() -> None:
    table = Table(200, 60)
    table.mouse(Point(10, 55), MouseEventType.MOUSE_UP)

    assert table.screen.view.focus == "output"


def test_the_wheel_scrolls_the_pane_below_it_as_far_as_it_goes() -> None:
    table = Table()
    top = Point(60, 3)
    table.mouse(top, MouseEventType.SCROLL_DOWN)
    assert table.screen.view.scroll["registers"] == 3
    for _ in range(9):
        table.mouse(top, MouseEventType.SCROLL_DOWN)
    assert table.screen.view.scroll["registers"] == 23
    for _ in range(9):
        table.mouse(top, MouseEventType.SCROLL_UP)
    assert table.screen.view.scroll["registers"] == 0
    assert table.screen.view.focus == "prompt", "the wheel takes no keys"


def test_the_status_line_takes_no_clicks() -> None:
    table = Table()
    before = table.screen.view
    table.click("STOPPED")

    assert table.screen.view is before


def test_a_column_belongs_to_the_fragment_that_covers_it() -> None:
    content = line(span("日本", click=SelectStop(1)), span("ab", click=SelectStop(2)))

    assert [at_column(content, column) for column in (0, 3, 4, 5, 99)] == [
        SelectStop(1), SelectStop(1), SelectStop(2), SelectStop(2), SelectStop(2),
    ]  # fmt: skip
    assert at_column((), 0) is None
