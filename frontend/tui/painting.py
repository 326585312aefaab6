"""Lines of fragments painted into prompt_toolkit's screen, row by row, and rows that stay as they were.

prompt_toolkit draws the whole screen at each key: it copies every cell of every window, then compares all of them with
the screen before. Here a line is made into cells once, and what did not change since is the same row again
(`PaintedOnce`), over which its comparison goes without a look at each cell.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from prompt_toolkit.application.current import get_app
from prompt_toolkit.layout import Container, Dimension
from prompt_toolkit.layout.screen import Char, Screen, WritePosition

from frontend.clean import clean
from frontend.tui.glyphs import in_ascii
from frontend.tui.panes import Line

if TYPE_CHECKING:
    from _collections_abc import dict_items

    from prompt_toolkit.layout.mouse_handlers import MouseHandler, MouseHandlers

BLANK, SOLID = Char(" ", ""), Char("x", "")
NOTHING: dict[int, Char] = {}
Drawn = tuple[tuple[str, str], ...]
"""Style and text of each fragment of a line, clean."""


def drawn(content: Line, style: str, ascii: bool) -> Drawn:
    """The last wall before the terminal: what is painted is cleaned once more."""
    if not ascii:
        return tuple([(f"{one.style}{style}", clean(one.text)) for one in content])
    return tuple([(f"{one.style}{style}", in_ascii(clean(one.text))) for one in content])


cell = lru_cache(maxsize=8192)(Char)
"""The same letter in the same style is the same object, so that rows are compared without a look into their cells."""


@lru_cache(maxsize=4096)
def cells(content: Drawn, x: int, width: int) -> dict[int, Char]:
    """The cells of a line of ``width`` that begins at column ``x``; what it does not fill is blank."""
    row = dict.fromkeys(range(x, x + width), BLANK)
    end, at = x + width, x
    for style, text in content:
        for letter in text:
            char = cell(letter, style)
            if at + char.width > end:
                return row
            row[at] = char
            for more in range(1, char.width):
                row[at + more] = cell("", style)
            at += char.width
    return row


class PaintedRow(defaultdict[int, Char]):
    """One row that may be on the screen already: then nothing in it is shown to who looks for what changed, else
    something where it ends, which is all that is asked."""

    same = False
    _end: dict[int, Char] | None = None

    def items(self) -> dict_items[int, Char]:
        if self.same:
            return NOTHING.items()
        if self._end is None:
            self._end = {next((x for x in range(max(self, default=0), 0, -1) if self[x] != BLANK), 0): SOLID}
        return self._end.items()


class Canvas(NamedTuple):
    """Where it is painted: a region of the screen, and of what answers to the mouse."""

    screen: Screen
    mouse: MouseHandlers
    x: int
    y: int
    width: int
    height: int

    def part(self, x: int, y: int, width: int, height: int) -> Canvas:
        """A region within this one."""
        return Canvas(self.screen, self.mouse, self.x + x, self.y + y, width, height)

    def line(self, row: int, content: Drawn) -> None:
        self.screen.data_buffer[self.y + row].update(cells(content, self.x, self.width))

    def answer(self, handler: MouseHandler) -> None:
        """Give the mouse to ``handler`` here."""
        one = dict.fromkeys(range(self.x, self.x + self.width), handler)
        for row in range(self.y, self.y + self.height):
            self.mouse.mouse_handlers[row].update(one)


class Painted(Container):
    """A container that ``paint`` fills. ``rows`` says how many it wants, None as many as there are."""

    def __init__(self, paint: Callable[[Canvas], None], rows: Callable[[int], int] | None = None) -> None:
        self._paint = paint
        self._rows = rows

    def reset(self) -> None:
        """There is nothing that a key has changed."""

    def preferred_width(self, max_available_width: int) -> Dimension:
        return Dimension()

    def preferred_height(self, width: int, max_available_height: int) -> Dimension:
        return Dimension() if self._rows is None else Dimension.exact(self._rows(width))

    def get_children(self) -> list[Container]:
        return []

    def write_to_screen(
        self,
        screen: Screen,
        mouse_handlers: MouseHandlers,
        write_position: WritePosition,
        parent_style: str,
        erase_bg: bool,
        z_index: int | None,
    ) -> None:
        at = write_position
        canvas = Canvas(screen, mouse_handlers, at.xpos, at.ypos, at.width, at.height)
        if z_index is not None and z_index > 0:
            screen.draw_with_z_index(z_index, lambda: self._fill(canvas))
        else:
            self._fill(canvas)

    def _fill(self, canvas: Canvas) -> None:
        self._paint(canvas)
        canvas.screen.width = max(canvas.screen.width, canvas.x + canvas.width)
        canvas.screen.height = max(canvas.screen.height, canvas.y + canvas.height)


class PaintedOnce(Painted):
    """One over the whole width that paints nothing while ``key`` gives the very same values; None is never the same:
    something else will be painted over it."""

    def __init__(
        self,
        paint: Callable[[Canvas], None],
        key: Callable[[], tuple[object, ...] | None],
        rows: Callable[[int], int] | None = None,
    ) -> None:
        super().__init__(paint, rows)
        self._key = key
        self._made: tuple[object, ...] | None = None
        self._kept: dict[int, PaintedRow] = {}
        self._mouse: dict[int, defaultdict[int, MouseHandler]] = {}

    def _fill(self, canvas: Canvas) -> None:
        key = self._key()
        made = None if key is None else (*key, *canvas[2:])
        before = get_app().renderer.last_rendered_screen
        if made is not None and self._made is not None and _same(made, self._made):
            for y, row in self._kept.items():
                row.same = before is not None and before.data_buffer.get(y) is row
                canvas.screen.data_buffer[y] = row
                canvas.mouse.mouse_handlers[y] = self._mouse[y]
        else:
            for row in self._kept.values():
                row.same = False
            self._paint(canvas)
            self._keep(canvas, made, before)
        canvas.screen.width = max(canvas.screen.width, canvas.x + canvas.width)
        canvas.screen.height = max(canvas.screen.height, canvas.y + canvas.height)

    def _keep(self, canvas: Canvas, made: tuple[object, ...] | None, before: Screen | None) -> None:
        self._made, was = made, self._kept
        self._kept = {}
        for y in range(canvas.y, canvas.y + canvas.height) if made is not None else ():
            row = canvas.screen.data_buffer[y]
            if before is not None and y in was and before.data_buffer.get(y) is was[y] and was[y] == row:
                kept = was[y]
                kept.same = True
            else:
                kept = PaintedRow(row.default_factory, row)
            self._kept[y] = canvas.screen.data_buffer[y] = kept
            self._mouse[y] = canvas.mouse.mouse_handlers[y]


def _same(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    """Views are compared as objects: a change makes another one."""
    pairs = zip(one, other, strict=True)
    return len(one) == len(other) and all(a is b or (isinstance(a, int) and a == b) for a, b in pairs)
