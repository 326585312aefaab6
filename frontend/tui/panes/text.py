"""What panes are made of: fragments, lines, pages; wrapping and cutting by terminal cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from frontend.clean import clean, width_of
from frontend.tui.events import Event

ELLIPSIS = "…"


class Fragment(NamedTuple):
    """Clean text in one style (a prompt_toolkit style string), and what a click on it means."""

    style: str
    text: str
    click: Event | None = None


Line = tuple[Fragment, ...]
EMPTY: Line = ()


class Page(NamedTuple):
    """What a pane shows: at most as many lines as it was given, none wider than it was given; and how many
    lines more there are above and below."""

    lines: tuple[Line, ...]
    above: int = 0
    below: int = 0


def span(text: str, style: str = "", click: Event | None = None) -> Fragment:
    """The one maker of fragments: ``style`` is a class name without its prefix; ``text`` is cleaned."""
    return Fragment(f"class:{style}" if style else "", clean(text), click)


def line(*parts: Fragment | str) -> Line:
    """Fragments, and plain strings without a style."""
    return tuple(span(part) if isinstance(part, str) else part for part in parts)


def text_of(content: Line) -> str:
    return "".join(fragment.text for fragment in content)


def length(content: Line) -> int:
    """The cells that a line takes."""
    return sum([width_of(fragment.text) for fragment in content])


def _cut(text: str, width: int) -> str:
    """As much of ``text`` as fits into ``width`` cells."""
    if text.isascii():
        return text[: max(0, width)]
    while text and width_of(text) > width:
        text = text[:-1]
    return text


def fit(content: Line, width: int) -> Line:
    """``content``, cut with an ellipsis where it is wider than ``width``."""
    if length(content) <= width:
        return content
    parts: list[Fragment] = []
    room = width - 1
    for fragment in content:
        parts.append(fragment._replace(text=_cut(fragment.text, room)))
        room -= width_of(parts[-1].text)
        if len(parts[-1].text) < len(fragment.text):
            break
    return (*parts, Fragment("class:dim", ELLIPSIS)) if width > 0 else EMPTY


def pad(content: Line, width: int, style: str = "") -> Line:
    """``content`` cut or filled with blanks to exactly ``width`` cells."""
    content = fit(content, width)
    missing = width - length(content)
    return (*content, span(" " * missing, style)) if missing > 0 else content


def uniform(content: Line, style: str) -> Line:
    """``content`` in one style: what is reversed, colours of its parts would make blocks of."""
    return tuple(fragment._replace(style=f"class:{style}") for fragment in content)


def clickable(content: Line, click: Event) -> Line:
    return tuple(fragment._replace(click=click) for fragment in content)


@lru_cache(maxsize=4096)
def break_text(text: str, width: int) -> tuple[str, ...]:
    """Clean ``text`` in lines of at most ``width`` cells, broken at blanks where there are any."""
    lines: list[str] = []
    while width_of(text) > width:
        part = _cut(text, width) or text[:1]
        blank = part.rfind(" ") if text[len(part) : len(part) + 1] != " " else len(part)
        if blank > len(part) // 2:
            part = part[:blank]
        lines.append(part.rstrip() or part)
        text = text[len(part) :].lstrip()
    return (*lines, text)


def wrap(text: str, width: int, style: str = "", first: str = "", rest: str | None = None) -> list[Line]:
    """``text`` in lines of ``width``, the first after ``first``, the others after ``rest`` (or blanks)."""
    rest = " " * width_of(first) if rest is None else rest
    room = max(1, width - width_of(first))
    return [
        (*((span(rest if number else first, style),) if first else ()), span(part, style))
        for number, part in enumerate(break_text(clean(text), room))
    ]


def flow(parts: Sequence[Fragment], width: int, indent: int) -> list[Line]:
    """``parts`` one after the other; one that does not fit any more begins a line of its own."""
    lines: list[Line] = [()]
    for part in parts:
        if lines[-1] and part.text and length(lines[-1]) + width_of(part.text.rstrip()) > width:
            lines.append((span(" " * indent),))
            part = part._replace(text=part.text.lstrip())
        lines[-1] = (*lines[-1], part)
    return lines


def page(content: Sequence[Line], width: int, height: int, *, scroll: int = 0, anchor: int = 0) -> Page:
    """The part of ``content`` that a pane shows: line ``anchor`` comes first as far as that leaves no blank
    lines, and the user scrolled ``scroll`` lines down from there."""
    last = max(0, len(content) - height)
    top = max(0, min(max(0, min(anchor, last)) + scroll, last))
    shown = content[top : top + height]
    return Page(tuple(fit(one, width) for one in shown), top, max(0, len(content) - top - height))


def bottom(content: Sequence[Line], width: int, height: int, scroll: int) -> Page:
    """As `page`, but by default the last lines are shown."""
    return page(content, width, height, scroll=scroll, anchor=len(content) - height)


def columns(cells: Iterable[Line], width: int, count: int, gap: int = 1) -> list[Line]:
    """``cells`` in ``count`` columns of equal width, read downwards."""
    items = list(cells)
    rows = -(-len(items) // count)
    each = (width - gap * (count - 1)) // count
    lines = []
    for row in range(rows):
        parts = [pad(items[at], each) for at in range(row, len(items), rows)]
        lines.append(tuple(f for n, part in enumerate(parts) for f in ((*((span(" " * gap),) if n else ()), *part))))
    return lines
