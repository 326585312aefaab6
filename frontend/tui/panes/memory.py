"""The memory that an expression leads to, as bytes and characters."""

from __future__ import annotations

from collections.abc import Iterator

from frontend.commands.memory_view import MEMORY, MemoryArea, characters
from frontend.tui.panes.disassembly import address_digits
from frontend.tui.panes.text import Fragment, Line, Page, page, span, wrap
from frontend.tui.view import ViewState

NAME = MEMORY
ROWS = (16, 8, 4)
"""How many bytes a row may have."""
NOTHING = "memory EXPRESSION shows memory here, and again at each stop: memory $rsp"
NOT_READ = "the memory was not read at this stop"


def row_bytes(view: ViewState, width: int) -> int:
    """How many bytes a row of that width has."""
    area = view.extras.memory
    digits = 8 if area is None else address_digits((area.address + len(area.data),))
    return next((count for count in ROWS if digits + 2 + 4 * count <= width), ROWS[-1])


def changed(area: MemoryArea, before: MemoryArea | None) -> frozenset[int]:
    """The offsets of bytes that were others ``before``."""
    if before is None or not before.data:
        return frozenset()
    far = area.address - before.address
    return frozenset(
        at for at, byte in enumerate(area.data) if 0 <= at + far < len(before.data) and before.data[at + far] != byte
    )


def _style(at: int, new: frozenset[int], here: int | None) -> str:
    return "selected" if at == here else "changed" if at in new else ""


def _runs(parts: list[tuple[str, str]]) -> Iterator[Fragment]:
    """Neighbours of one style as one fragment."""
    text, style = "", ""
    for other, piece in parts:
        if other != style and text:
            yield span(text, style)
            text = ""
        text, style = text + piece, other
    if text:
        yield span(text, style)


def _row(area: MemoryArea, start: int, count: int, new: frozenset[int], here: int | None, digits: int) -> Line:
    part = range(start, min(start + count, len(area.data)))
    octets: list[tuple[str, str]] = []
    for at in part:
        octets += [(_style(at, new, here), f"{area.data[at]:02x}"), ("", " ")]
    octets.append(("", "   " * (count - len(part))))
    drawn = [(_style(at, new, here), characters(area.data[at : at + 1])) for at in part]
    return (span(f"{area.address + start:0{digits}x} ", "code.address"), *_runs(octets), *_runs(drawn))


def render(view: ViewState, width: int, height: int) -> Page:
    area = view.extras.memory
    if view.record is None or area is None or not area.expression:
        why = NOT_READ if area is None and view.record is not None else NOTHING
        return page(wrap(why, width, "dim"), width, height)
    if area.why:
        return page(wrap(area.why, width, "dim"), width, height)
    count, digits = row_bytes(view, width), address_digits((area.address + len(area.data),))
    here = min(view.byte, len(area.data) - 1) if view.focus == NAME else None
    new = changed(area, view.before.memory)
    lines = [_row(area, start, count, new, here, digits) for start in range(0, len(area.data), count)]
    anchor = 0 if here is None else max(0, here // count - height // 2)
    return page(lines, width, height, scroll=view.scroll.get(NAME, 0), anchor=anchor)


def note(view: ViewState) -> str:
    area = view.extras.memory
    if area is None or not area.data:
        return "" if area is None else area.expression
    return f"{area.expression} · {area.address + min(view.byte, len(area.data) - 1):#x}"
