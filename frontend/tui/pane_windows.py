"""Lines of panes on prompt_toolkit's screen: what is painted, and what a click means there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from prompt_toolkit.mouse_events import MouseEvent, MouseEventType

from frontend.clean import width_of
from frontend.commands.memory_view import READING
from frontend.tui.arrangement import front
from frontend.tui.controls import Screen
from frontend.tui.events import Arrange, Event, Focus
from frontend.tui.painting import Canvas, Drawn, drawn
from frontend.tui.panes import SHEET, Fragment, Line, Page, Pane, pad, sheet_title, title
from frontend.tui.view import CODE, ViewState

if TYPE_CHECKING:
    from prompt_toolkit.key_binding.key_bindings import NotImplementedOrNone

WHEEL = 3
TURNS = {MouseEventType.SCROLL_UP: -1, MouseEventType.SCROLL_DOWN: 1}
STALE = frozenset((CODE, "registers", "dr", *READING))
"""Panes that show the guest as it is."""


def at_column(content: Line, column: int) -> Event | None:
    """What a click on ``column`` of a line means."""
    end = 0
    for fragment in content:
        end += width_of(fragment.text)
        if column < end:
            return fragment.click
    return content[-1].click if content else None


class LinesControl:
    """Lines that a function of size makes; made anew only when the view or the size is another."""

    def __init__(self, screen: Screen, make: Callable[[ViewState, int, int], Sequence[Line]]) -> None:
        self._screen = screen
        self._make = make
        self._made_for: tuple[ViewState, int, int] | None = None
        self._lines: list[Line] = []
        self._drawn: list[Drawn] = []
        self._stale = ""

    def paint(self, canvas: Canvas) -> None:
        """Draw the lines, and take the mouse."""
        view, size = self._screen.view, (canvas.width, canvas.height)
        made_for = self._made_for
        if made_for is None or made_for[0] is not view or made_for[1:] != size:
            before, was_drawn = self._lines, self._drawn
            self._lines = [*self._make(view, *size)][: canvas.height]
            self._lines.extend(() for _ in range(canvas.height - len(self._lines)))
            stale = " class:stale" if self.is_stale(view) else ""
            if stale != self._stale or len(before) != len(self._lines):
                before, self._stale = [], stale
            self._drawn = [
                was_drawn[row] if before and before[row] is content else drawn(content, stale, self._screen.ascii)
                for row, content in enumerate(self._lines)
            ]
            self._made_for = (view, *size)
        for row, content in enumerate(self._drawn):
            canvas.line(row, content)
        canvas.answer(lambda event: self.mouse(event, event.position.x - canvas.x, event.position.y - canvas.y))

    def is_stale(self, view: ViewState) -> bool:
        """Is what is shown of a guest that has gone on since?"""
        return False

    def mouse(self, event: MouseEvent, x: int, y: int) -> NotImplementedOrNone:
        if event.event_type == MouseEventType.MOUSE_UP and y < len(self._lines):
            self.clicked(at_column(self._lines[y], x))
        elif event.event_type in TURNS:
            turned = TURNS[event.event_type]
            self.wheel_on_title(-turned) if y == 0 else self.wheel(turned * WHEEL)
        return None

    def clicked(self, click: Event | None) -> None:
        if click is not None:
            self._screen.dispatch(click)

    def wheel(self, by: int) -> None:
        """Nothing here scrolls."""

    def wheel_on_title(self, rows: int) -> None:
        """Nor has a size."""


class BoxControl(LinesControl):
    """A place: the title with its tabs, and the front pane below."""

    def __init__(self, screen: Screen, panes: Sequence[Pane]) -> None:
        super().__init__(screen, self._draw)
        self._panes = {pane.name: pane for pane in panes}
        self._shown: tuple[Pane, Page] = (panes[0], Page(()))

    def _draw(self, view: ViewState, width: int, height: int) -> Sequence[Line]:
        pane = self._panes[front(view, tuple(self._panes))]
        page = pane.render(view, width, max(0, height - 1))
        self._shown = (pane, page)
        return (title(view, tuple(self._panes.values()), pane, page, width), *page.lines)

    def is_stale(self, view: ViewState) -> bool:
        return view.stale and self._shown[0].name in STALE

    def clicked(self, click: Event | None) -> None:
        if not isinstance(click, Focus):
            self._screen.dispatch(Focus(self._shown[0].name))
        super().clicked(click)

    def wheel_on_title(self, rows: int) -> None:
        wanted = self._screen.view.preferences.resize(self._shown[0].name, rows)
        self._screen.dispatch(Arrange(wanted))

    def wheel(self, by: int) -> None:
        pane, page = self._shown
        self._screen.scroll_page(pane.name, page, by)


class PaletteControl(LinesControl):
    """The list of the palette."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen, self._draw)

    def _draw(self, view: ViewState, width: int, height: int) -> Sequence[Line]:
        from frontend.tui.panes.palette_list import lines

        return lines(view, width, height)


def palette_size(screen: Screen) -> tuple[int, int]:
    if screen.view.palette is None:
        return 0, 0
    from frontend.tui.panes.palette_list import size

    return size(screen.view, *screen.body())


class SheetControl(LinesControl):
    """The answer that lies over the panes."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen, self._draw)
        self._page = Page(())

    def _draw(self, view: ViewState, width: int, height: int) -> Sequence[Line]:
        self._page = SHEET.render(view, width, max(0, height - 1))
        edge = Fragment("class:rule", "│")
        rows = [(*pad(one, width - 1), edge) for one in self._page.lines]
        return (sheet_title(view, self._page, width), *rows)

    def wheel(self, by: int) -> None:
        self._screen.scroll_page(SHEET.name, self._page, by)
