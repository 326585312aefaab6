"""prompt_toolkit's containers for an `Arrangement`. All text of the panes goes through one control here,
which cleans it once more: the last wall before the terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.data_structures import Point
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
    UIContent,
    UIControl,
    VSplit,
    Window,
)
from prompt_toolkit.layout.menus import CompletionsMenu
from prompt_toolkit.layout.processors import HighlightIncrementalSearchProcessor, HighlightSelectionProcessor
from prompt_toolkit.mouse_events import MouseEvent, MouseEventType
from prompt_toolkit.widgets import SearchToolbar

from frontend.clean import clean, width_of
from frontend.commands.memory_view import READING
from frontend.tui.arrangement import front
from frontend.tui.boxes import Box
from frontend.tui.controls import Screen
from frontend.tui.events import Arrange, Event, Focus
from frontend.tui.glyphs import in_ascii
from frontend.tui.panes import (
    HELP,
    PANES,
    SHEET,
    Fragment,
    Line,
    Page,
    Pane,
    key_bar,
    pad,
    question_line,
    sheet_size,
    sheet_title,
    status,
    title,
)
from frontend.tui.view import CODE, PROMPT, ViewState

if TYPE_CHECKING:
    from prompt_toolkit.key_binding.key_bindings import NotImplementedOrNone

WHEEL = 3
TURNS = {MouseEventType.SCROLL_UP: -1, MouseEventType.SCROLL_DOWN: 1}
PROMPT_TEXT = "(dr6) "
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


class LinesControl(UIControl):
    """Lines that a function of size makes; made anew only when the view or the size is another."""

    def __init__(self, screen: Screen, make: Callable[[ViewState, int, int], Sequence[Line]]) -> None:
        self._screen = screen
        self._make = make
        self._made_for: tuple[ViewState, int, int] | None = None
        self._lines: list[Line] = []

    def create_content(self, width: int, height: int) -> UIContent:
        view = self._screen.view
        made_for = self._made_for
        if made_for is None or made_for[0] is not view or made_for[1:] != (width, height):
            self._lines = [*self._make(view, width, height)][:height]
            self._lines.extend(() for _ in range(height - len(self._lines)))
            self._made_for = (view, width, height)
        stale = " class:stale" if self.is_stale(view) else ""
        drawn = in_ascii if self._screen.ascii else str
        texts = [[(f"{style}{stale}", drawn(clean(text))) for style, text, _ in content] for content in self._lines]
        return UIContent(
            get_line=lambda row: [*texts[row]] if row < len(texts) else [],
            line_count=max(1, len(texts)),
            show_cursor=False,
        )

    def is_stale(self, view: ViewState) -> bool:
        """Is what is shown of a guest that has gone on since?"""
        return False

    def mouse_handler(self, mouse_event: MouseEvent) -> NotImplementedOrNone:
        at: Point = mouse_event.position
        if mouse_event.event_type == MouseEventType.MOUSE_UP and at.y < len(self._lines):
            self.clicked(at_column(self._lines[at.y], at.x))
        elif mouse_event.event_type in TURNS:
            turned = TURNS[mouse_event.event_type]
            self.wheel_on_title(-turned) if at.y == 0 else self.wheel(turned * WHEEL)
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
    body = FloatContainer(DynamicContainer(Body(screen)), [sheet])
    root = HSplit([_one_line(screen, status), body, VSplit([begin, prompt]), search, bar])
    menu = Float(CompletionsMenu(max_height=10, scroll_offset=1), xcursor=True, ycursor=True)
    return Layout(FloatContainer(root, [menu]), focused_element=prompt)
