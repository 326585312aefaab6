"""Where are we: the code around the stop, with symbols, breakpoints and the instruction that comes next."""

from __future__ import annotations

from collections.abc import Iterable

from frontend.tui.cursor import code_lines
from frontend.tui.events import PutCursor
from frontend.tui.highlight import highlight
from frontend.tui.panes.text import Fragment, Line, Page, clickable, fit, line, page, span, uniform, wrap
from frontend.tui.view import CODE, ViewState
from frontend.tui.window import BreakpointRow, CodeLine

NAME = CODE
HERE = "▶"
BREAKPOINT = "●"
DISABLED = "○"
CURSOR = "›"
BYTES_FROM = 72
BYTES_SHOWN = 8


def _markers(rows: Iterable[BreakpointRow]) -> dict[int, str]:
    """Address → marker; an enabled breakpoint goes before one that is not."""
    marks: dict[int, str] = {}
    for row in rows:
        if row.address is not None and not row.kind.is_watch:
            marks[row.address] = BREAKPOINT if row.enabled or marks.get(row.address) == BREAKPOINT else DISABLED
    return marks


def _bytes(data: bytes) -> str:
    shown = data[:BYTES_SHOWN].hex(" ")
    return shown[:-2] + "…" if len(data) > BYTES_SHOWN else shown


def _text(code: CodeLine) -> Line:
    if not code.text:
        return line(span(f"(bad) {code.bytes.hex(' ')}", "warning"))
    pieces = tuple(Fragment(style, text) for style, text in highlight(span(code.text).text))
    return (*pieces, span(f"  <{code.target}>", "code.symbol")) if code.target else pieces


def _line(code: CodeLine, digits: int, mark: str, here: bool, past: bool, cursor: bool, wide: bool) -> Line:
    pointer = HERE if here else CURSOR if cursor else " "
    head = line(
        span(mark, "code.breakpoint" if mark.strip() else ""),
        span(pointer, "strong"),
        span(f" {code.address:0{digits}x} ", "" if here else "code.address"),
        *((span(f" {_bytes(code.bytes):<{BYTES_SHOWN * 3}}", "code.bytes"),) if wide else ()),
        " ",
    )
    whole = clickable((*head, *_text(code)), PutCursor(None if here else code.address))
    if here:
        return uniform(whole, "code.past" if past else "code.here")
    return uniform(whole, "code.cursor") if cursor else whole


def address_digits(addresses: Iterable[int]) -> int:
    """How many digits show all of ``addresses`` alike: 8, or 16 where one needs more."""
    return 16 if any(address >> 32 for address in addresses) else 8


def render(view: ViewState, width: int, height: int) -> Page:
    state, codes = view.state, code_lines(view)
    if state is None:
        return Page((line(span("the guest is gone" if view.stops else "no stop yet", "dim")),))
    if not codes:
        why = "cannot be read" if view.stood else "was not read: the guest ran on"
        if view.stood and state.code_mode is None:
            why = "reads as the CPU mode has it, which is not known: set architecture i8086, i386 or i386:x86-64"
        return Page(tuple(wrap(f"the code at {state.pc:#x} {why}", width, "dim")))
    pc = state.pc
    marks = _markers(view.shown_breakpoints)
    digits = address_digits(code.address for code in codes)
    past = view.selected is not None
    lines: list[Line] = []
    at = 0
    for code in codes:
        if code.label:
            lines.append(line(span(f"{code.label}:", "code.label")))
        here, cursor = code.address == pc, code.address == view.cursor
        if cursor or (here and view.cursor is None):
            at = len(lines)
        mark = marks.get(code.address, " ")
        lines.append(_line(code, digits, mark, here, past, cursor, width >= BYTES_FROM))
    lines = [fit(one, width) for one in lines]
    return page(lines, width, height, scroll=view.scroll.get(NAME, 0), anchor=at - height // 3)


def note(view: ViewState) -> str:
    """The symbol that we are in."""
    return view.where if view.state is not None else ""
