"""What keys and mouse do to the panes: scroll, show, hide, resize, move, copy. No command of the guest's is in here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from frontend.clean import clean
from frontend.commands.memory_view import MEMORY, READING
from frontend.commands.stop_filter import StopFilter
from frontend.tui.arrangement import arrange, front, order, visible
from frontend.tui.boxes import Arrangement
from frontend.tui.events import (
    Arrange,
    BreakpointsChanged,
    Event,
    FilterStops,
    Focus,
    Gathered,
    Looked,
    OpenPalette,
    OpenSheet,
    Palette,
    Printed,
    PutByte,
    Scroll,
    Sheet,
    Show,
    StopShown,
    Tour,
    Working,
)
from frontend.tui.panes import HELP, PANES, SHEET, Page, Pane, sheet_size, text_of, tour_lines
from frontend.tui.panes.memory import row_bytes
from frontend.tui.preferences import LAYOUTS
from frontend.tui.tour import END, follow
from frontend.tui.update import update
from frontend.tui.view import MESSAGES, PROMPT, SOURCE, ViewState
from gdbstub.debugger.events import Output, Resumed

OF_THE_GUEST = (Resumed, StopShown, Gathered, Looked, Output, BreakpointsChanged)
"""What may come thousands of times a second."""
IN_BETWEEN = (Working, Printed)
COPIED_CELLS, COPIED_ROWS = 200, 10_000
"""The size at which a pane is drawn to be copied."""


class Prompt(Protocol):
    """The line that is being typed."""

    @property
    def text(self) -> str: ...

    def reset(self) -> None:
        """Empty it."""

    def insert_text(self, text: str) -> None:
        """Put ``text`` at the cursor."""


class PaneControls:
    """The current view, and what moves only its panes."""

    def __init__(self) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self.on_change_soon: Callable[[], None] = lambda: None
        self.on_redraw: Callable[[], None] = lambda: None
        self.on_copy: Callable[[str], str] = lambda text: ""
        """Copies, and says how."""
        self.on_sight: Callable[[], None] = lambda: None
        """Other panes that read are in sight than were before."""
        self.in_sight: tuple[str, ...] = ()
        """Those, as the screen was drawn last."""
        self.prompt: Prompt | None = None
        self.size: Callable[[], tuple[int, int]] = lambda: (80, 24)
        self.mouse = True
        self.ascii = False
        """Has the terminal no more than ASCII?"""
        self.on_theme: Callable[[str], None] = lambda theme: None
        self._view = self.due = ViewState()
        """``due`` is what is to be seen by now; what came in between since waits for its moment."""

    @property
    def view(self) -> ViewState:
        return self._view

    def dispatch(self, event: Event) -> None:
        """Replace the view; ask for a drawing if it changed. What comes while a command is executed is drawn when
        that is through, or soon: a step would make the screen blink."""
        view = update(self._view, event)
        if view is not self._view:
            if view.tour and (step := follow(self._view, view)) != view.tour:
                view = update(view, Tour(step))
                view = view if step else update(view, Printed(END, "note"))
            self._view = view
            if isinstance(event, OF_THE_GUEST) or (view.working and isinstance(event, IN_BETWEEN)):
                self.on_change_soon()
            else:
                self.draw()

    def draw(self) -> None:
        """Have the view drawn as it is now."""
        self.due = self._view
        self.on_change()

    def body(self) -> tuple[int, int]:
        """Width and rows of the panes: all but the status line, the prompt and the bar of keys."""
        columns, rows = self.size()
        return columns, max(1, rows - 3 - len(tour_lines(self._view, columns)))

    def arrangement(self) -> Arrangement:
        return arrange(self._view, *self.body())

    def look_at(self, arrangement: Arrangement) -> None:
        """The screen is drawn so."""
        shown = visible(self._view, arrangement)
        names = tuple(name for name in READING if name in shown)
        if names != self.in_sight:
            self.in_sight = names
            self.on_sight()

    def bring(self, name: str) -> None:
        """Show a pane that a command is about; the prompt keeps the keys."""
        self.dispatch(Arrange(self._view.preferences.show(name)))
        self.dispatch(Show(name))

    def arrange_as(self, which: str) -> str:
        """``layout N``; what there is to say of it."""
        title, preferences = LAYOUTS[which]
        self.dispatch(Arrange(preferences))
        return f"Layout {which}: {title}."

    def filter_stops(self, sought: StopFilter) -> None:
        """``stops …``: list only those, where they can be seen."""
        self.dispatch(FilterStops(sought))
        self.bring("stops")

    def move_byte(self, rows: int = 0, by: int = 0) -> None:
        """Select another byte of the memory pane."""
        area = self._view.extras.memory
        if area is None or not area.data:
            return
        width = next((box.width for column in self.arrangement() for box in column if MEMORY in box.panes), 0)
        wanted = self._view.byte + by + rows * row_bytes(self._view, width)
        if 0 <= wanted < len(area.data):
            self.dispatch(PutByte(wanted))

    def page(self, name: str) -> tuple[Page, int]:
        """What a pane shows now, and its height without the title."""
        if name == SHEET.name:
            width, rows = sheet_size(self._view, *self.body())
            return SHEET.render(self._view, width, rows - 1), max(1, rows - 1)
        if name == HELP.name:
            width, rows = self.body()
            return HELP.render(self._view, width, rows - 1), rows - 1
        for column in self.arrangement():
            for box in column:
                if front(self._view, box.panes) == name:
                    return PANES[name].render(self._view, box.width, box.height - 1), box.height - 1
        return Page(()), 1

    def focused(self) -> str:
        """The pane that keys scroll."""
        if self._view.help:
            return HELP.name
        if self._view.focus != PROMPT:
            return self._view.focus
        return MESSAGES if self._view.sheet is None else SHEET.name

    def scroll(self, lines: int = 0, pages: int = 0) -> None:
        name = self.focused()
        page, height = self.page(name)
        self.scroll_page(name, page, lines + pages * max(1, height - 1))

    def scroll_page(self, name: str, page: Page, by: int) -> None:
        """Scroll a pane that shows ``page``, as far as there is anything."""
        self.dispatch(Scroll(name, max(-page.above, min(by, page.below))))

    def next_pane(self, by: int) -> None:
        ring = (PROMPT, *order(self.arrangement()))
        if self._view.zoom:
            ring = (PROMPT, *PANES)
        at = ring.index(self._view.focus) if self._view.focus in ring else 0
        self.dispatch(Focus(ring[(at + by) % len(ring)]))

    def show_pane(self, key: str) -> None:
        for pane in PANES.values():
            if pane.key == key and pane.name == SOURCE and self._view.source is None:
                self.dispatch(Printed("No line of the source is known here: that needs a file with lines.", "note"))
            elif pane.key == key:
                self.dispatch(Arrange(self._view.preferences.show(pane.name)))
                self.dispatch(Focus(pane.name))

    def hide_pane(self) -> None:
        """Away with the pane that has the keys; its number brings it back."""
        name = self._view.focus
        if name in PANES and len(order(self.arrangement())) > 1:
            self.dispatch(Arrange(self._view.preferences.hide(name)))
            self.dispatch(Focus(PROMPT))
            self.dispatch(Printed(f"The pane {PANES[name].title} is hidden; Alt-{PANES[name].key} shows it.", "note"))

    def resize_pane(self, rows: int = 0, cells: int = 0) -> None:
        self.dispatch(Arrange(self._view.preferences.resize(self.focused(), rows, cells)))

    def move_pane(self, by: int) -> None:
        """Exchange the pane that has the keys with that of the next place."""
        places = [front(self._view, box.panes) for column in self.arrangement() for box in column]
        name = self._view.focus
        if name in places and len(places) > 1:
            other = places[(places.index(name) + by) % len(places)]
            self.dispatch(Arrange(self._view.preferences.exchange(name, other)))

    # An answer over the panes

    def answered(self, line: str) -> None:
        """A command is through: what it said is laid over the panes where its own has no room for it."""
        said = self._view.messages[len(self._view.messages) - self._view.spoken :] if self._view.spoken else ()
        said = said[1:] if said and said[0].kind == "command" else said
        rows = next((b.height - 1 for column in self.arrangement() for b in column if MESSAGES in b.panes), 0)
        if len(said) > rows and not self._view.zoom:
            self.dispatch(OpenSheet(Sheet(line or "the last command", said)))

    def close_sheet(self) -> None:
        self.dispatch(OpenSheet(None))

    # The palette, the tour

    def search(self, add: str = "", *, back: bool = False, by: int = 0) -> None:
        """Type into the palette, take a letter back, or go down its rows."""
        from frontend.tui.palette import found  # all commands: they load when somebody looks for one

        palette = self._view.palette
        if palette is None:
            return
        query = palette.query[:-1] if back else palette.query + clean(add)
        at = 0 if back or add else max(0, min(palette.at + by, len(found(query)) - 1))
        self.dispatch(OpenPalette(Palette(query, at)))

    def begin_tour(self, begin: bool) -> None:
        """``tour``, ``tour off``."""
        self.dispatch(Tour(1 if begin else 0))

    def set_theme(self, theme: str) -> None:
        """Colours for this kind of terminal; remembered with the panes."""
        self.on_theme(theme)
        self.dispatch(Arrange(self._view.preferences._replace(theme=theme)))

    # Copying

    def copy(self) -> None:
        """The answer, or all of the pane that has the keys, to the terminal's clipboard."""
        text, what = self._copied()
        said = f"Copied {what}: {self.on_copy(text)}" if text else f"Nothing is copied: {what} has no text."
        self.dispatch(Printed(said, "copied"))

    def _copied(self) -> tuple[str, str]:
        view = self._view
        pane = PANES.get(view.focus)
        if pane is not None:
            return self._whole(pane), f"the pane {pane.title}"
        if view.sheet is not None:
            return "\n".join(message.text for message in view.sheet.lines), f"the answer to {view.sheet.title}"
        last = next((n for n, m in enumerate(reversed(view.messages)) if m.kind == "command"), len(view.messages))
        said = view.messages[len(view.messages) - last :]
        return "\n".join(message.text for message in said if message.kind != "copied"), "the last answer"

    def _whole(self, pane: Pane) -> str:
        page = pane.render(self._view, COPIED_CELLS, COPIED_ROWS)
        return "\n".join(text_of(line).rstrip() for line in page.lines)

    def type(self, text: str) -> None:
        self.dispatch(Focus(PROMPT))
        if self.prompt is not None:
            self.prompt.reset()
            self.prompt.insert_text(text)

    def redraw(self) -> None:
        self.on_redraw()

    def toggle_mouse(self) -> None:
        self.mouse = not self.mouse
        self.dispatch(Printed(f"The mouse is {'on' if self.mouse else 'off'}.", "note"))
