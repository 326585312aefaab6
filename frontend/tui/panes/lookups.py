"""What the CPU looks up in memory: the IDT and the GDT, and the page tables of an address. Lines as ``info idt``,
``info gdt`` and ``translate`` say them."""

from __future__ import annotations

from frontend.commands.memory_view import PAGES, TABLES
from frontend.tui.panes.text import Line, Page, page, wrap
from frontend.tui.view import ViewState


def _lines(text: tuple[str, ...], width: int) -> list[Line]:
    return [one for row in text for one in wrap(row, width, rest="     ")]


def _render(view: ViewState, name: str, text: tuple[str, ...] | None, width: int, height: int) -> Page:
    if view.record is None or text is None:
        return page(wrap("not read at this stop" if view.record else "no stop yet", width, "dim"), width, height)
    return page(_lines(text, width), width, height, scroll=view.scroll.get(name, 0))


def render_tables(view: ViewState, width: int, height: int) -> Page:
    return _render(view, TABLES, view.extras.tables, width, height)


def render_pages(view: ViewState, width: int, height: int) -> Page:
    return _render(view, PAGES, view.extras.pages, width, height)


def note_pages(view: ViewState) -> str:
    return "translate ADDRESS" if view.extras.pages else ""


def note(view: ViewState) -> str:
    return ""
