"""prompt_toolkit's containers for an `Arrangement`, and the prompt below it."""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition, Filter, is_searching
from prompt_toolkit.layout import (
    BufferControl,
    ConditionalContainer,
    Dimension,
    Float,
    FloatContainer,
    FormattedTextControl,
    HSplit,
    Layout,
    SearchBufferControl,
    VSplit,
    Window,
)
from prompt_toolkit.layout.menus import CompletionsMenu
from prompt_toolkit.layout.processors import HighlightIncrementalSearchProcessor, HighlightSelectionProcessor
from prompt_toolkit.widgets import SearchToolbar

from frontend.tui.boxes import Arrangement, Box
from frontend.tui.controls import Screen
from frontend.tui.painting import Canvas, Painted, PaintedOnce
from frontend.tui.pane_windows import BoxControl, LinesControl, PaletteControl, SheetControl, palette_size
from frontend.tui.panes import (
    HELP,
    PANES,
    Line,
    key_bar,
    question_line,
    sheet_size,
    status,
    tour_lines,
)
from frontend.tui.view import PROMPT, ViewState

PROMPT_TEXT = "(dr6) "


class Top:
    """All above the prompt: the status line, the panes as they are arranged, the tour."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._arrangement: Arrangement | None = None
        self._boxes: list[list[tuple[Box, BoxControl]]] = []
        self._status = LinesControl(screen, lambda view, width, _: (status(view, width),))
        self._help = BoxControl(screen, [HELP])
        self._tour = LinesControl(screen, lambda view, width, _: tour_lines(view, width))

    def paint(self, canvas: Canvas) -> None:
        tour = len(tour_lines(self._screen.view, canvas.width))
        self._status.paint(canvas.part(0, 0, canvas.width, 1))
        body = canvas.part(0, 1, canvas.width, max(0, canvas.height - 1 - tour))
        if self._screen.view.help:
            self._help.paint(body)
        else:
            self._paint_boxes(body)
        self._tour.paint(canvas.part(0, canvas.height - tour, canvas.width, tour))

    def _paint_boxes(self, canvas: Canvas) -> None:
        screen = self._screen
        arrangement = screen.arrangement()
        screen.look_at(arrangement)
        if arrangement != self._arrangement:
            self._arrangement = arrangement
            self._boxes = [
                [(box, BoxControl(screen, [PANES[name] for name in box.panes])) for box in column]
                for column in arrangement
            ]
        x, bar = 0, (("class:rule", "|" if screen.ascii else "│"),)
        for column in self._boxes:
            if x:
                for row in range(canvas.height):
                    canvas.part(x - 1, 0, 1, canvas.height).line(row, bar)
            y = 0
            for box, control in column:
                height = min(box.height, canvas.height - y)
                control.paint(canvas.part(x, y, box.width, max(0, height)))
                y += box.height
            x += column[0][0].width + 1 if column else 0


def _one_line(screen: Screen, make: Callable[[ViewState, int], Line]) -> PaintedOnce:
    control = LinesControl(screen, lambda view, width, _: (make(view, width),))
    return PaintedOnce(control.paint, lambda: (screen.due,), lambda width: 1)


def _bar(view: ViewState, width: int) -> Line:
    return key_bar(view, width) if view.question is None else question_line(view.question, width)


class PromptControl(BufferControl):
    """The line that is typed. A search begins only while it has the keys, which it would take from panes and questions;
    what was found is marked until the search is over."""

    def __init__(self, buffer: Buffer, search: SearchBufferControl, has_keys: Filter) -> None:
        super().__init__(
            buffer,
            input_processors=[HighlightIncrementalSearchProcessor(), HighlightSelectionProcessor()],
            include_default_input_processors=False,
            search_buffer_control=search,
            preview_search=True,
        )
        self._has_keys = has_keys | is_searching

    @property
    def search_buffer_control(self) -> SearchBufferControl | None:
        return super().search_buffer_control if self._has_keys() else None


def prompt_text(view: ViewState) -> str:
    """What stands in front of the prompt: where the keys go."""
    pane = PANES.get(view.focus)
    return PROMPT_TEXT if pane is None else f"[keys: {pane.title}; Esc: prompt] "


def _sheet_is_shown(view: ViewState) -> bool:
    return view.sheet is not None and not view.help


def make_layout(screen: Screen, buffer: Buffer) -> Layout:
    """Status line, panes, prompt, bar of keys; completions float above the prompt, which always has the
    focus of prompt_toolkit (who gets the keys is the view's to say)."""
    search = SearchToolbar()
    asked = Condition(lambda: screen.view.question is not None)
    at_prompt = Condition(lambda: screen.view.focus == PROMPT) & ~asked
    prompt = Window(
        PromptControl(buffer, search.control, at_prompt),
        width=lambda: Dimension.exact(max(1, screen.size()[0] - len(prompt_text(screen.view)))),
        height=1,
        always_hide_cursor=~at_prompt,
    )
    # beside the line, which scrolls when it is longer than the window
    begin = Window(
        FormattedTextControl(lambda: [("class:prompt", prompt_text(screen.view))]),
        width=lambda: Dimension.exact(len(prompt_text(screen.view))),
        height=1,
    )
    bar = ConditionalContainer(_one_line(screen, _bar), filter=~is_searching | asked)
    sheet = Float(
        ConditionalContainer(Painted(SheetControl(screen).paint), Condition(lambda: _sheet_is_shown(screen.view))),
        left=0,
        bottom=0,
        width=lambda: sheet_size(screen.view, *screen.body())[0],
        height=lambda: sheet_size(screen.view, *screen.body())[1],
    )
    palette = Float(
        ConditionalContainer(Painted(PaletteControl(screen).paint), Condition(lambda: screen.view.palette is not None)),
        left=0,
        bottom=0,
        width=lambda: palette_size(screen)[0],
        height=lambda: palette_size(screen)[1],
    )

    def top_key() -> tuple[object, ...] | None:
        """The view that is due, unless something lies over the panes."""
        view = screen.due
        covered = view.sheet is not None or view.palette is not None or buffer.complete_state is not None
        return None if covered else (view, screen.ascii)

    def top_rows(width: int) -> int:
        """All but the prompt and the line below it; a search that a question came into has one of its own."""
        return max(1, screen.size()[1] - 2 - (is_searching() and asked()))

    top = FloatContainer(PaintedOnce(Top(screen).paint, top_key, top_rows), [sheet, palette])
    root = HSplit([top, VSplit([begin, prompt]), search, bar])
    menu = Float(CompletionsMenu(max_height=10, scroll_offset=1), xcursor=True, ycursor=True)
    return Layout(FloatContainer(root, [menu]), focused_element=prompt)
