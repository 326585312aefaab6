"""prompt_toolkit's containers for an `Arrangement`, and the prompt below it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition, Filter, is_searching
from prompt_toolkit.layout import (
    AnyContainer,
    BufferControl,
    ConditionalContainer,
    Dimension,
    DynamicContainer,
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

from frontend.tui.boxes import Box
from frontend.tui.controls import Screen
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

if TYPE_CHECKING:
    pass

PROMPT_TEXT = "(dr6) "


def _box(screen: Screen, box: Box) -> Window:
    control = BoxControl(screen, [PANES[name] for name in box.panes])
    return Window(control, width=Dimension.exact(box.width), height=Dimension.exact(box.height))


class Body:
    """The containers of the current arrangement, kept until it is another one."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._key: object = None
        self._container: AnyContainer = Window()
        self._help = Window(BoxControl(screen, [HELP]))

    def __call__(self) -> AnyContainer:
        if self._screen.view.help:
            return self._help
        arrangement = self._screen.arrangement()
        self._screen.look_at(arrangement)
        if arrangement != self._key:
            self._key = arrangement
            columns = [HSplit([_box(self._screen, box) for box in column]) for column in arrangement]
            self._container = VSplit(
                columns, padding=1, padding_char="|" if self._screen.ascii else "│", padding_style="class:rule"
            )
        return self._container


def _one_line(screen: Screen, make: Callable[[ViewState, int], Line]) -> Window:
    return Window(LinesControl(screen, lambda view, width, _: (make(view, width),)), height=1)


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
        ConditionalContainer(Window(SheetControl(screen)), Condition(lambda: _sheet_is_shown(screen.view))),
        left=0,
        bottom=0,
        width=lambda: sheet_size(screen.view, *screen.body())[0],
        height=lambda: sheet_size(screen.view, *screen.body())[1],
    )
    palette = Float(
        ConditionalContainer(Window(PaletteControl(screen)), Condition(lambda: screen.view.palette is not None)),
        left=0,
        bottom=0,
        width=lambda: palette_size(screen)[0],
        height=lambda: palette_size(screen)[1],
    )
    tour = ConditionalContainer(
        Window(
            LinesControl(screen, lambda view, width, _: tour_lines(view, width)),
            height=lambda: Dimension.exact(len(tour_lines(screen.view, screen.size()[0]))),
        ),
        Condition(lambda: bool(screen.view.tour)),
    )
    body = FloatContainer(DynamicContainer(Body(screen)), [sheet, palette])
    root = HSplit([_one_line(screen, status), body, tour, VSplit([begin, prompt]), search, bar])
    menu = Float(CompletionsMenu(max_height=10, scroll_offset=1), xcursor=True, ycursor=True)
    return Layout(FloatContainer(root, [menu]), focused_element=prompt)
