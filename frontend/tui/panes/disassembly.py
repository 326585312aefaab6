"""Where are we: the code of the event or around the stop, with symbols, breakpoints, and what each line is."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from frontend.commands.stop_words import touched
from frontend.tui.breakpoint_rows import BreakpointRow
from frontend.tui.cursor import code_lines, home
from frontend.tui.event_code import origin, saved_as
from frontend.tui.events import PutCursor, Toggle
from frontend.tui.highlight import highlight
from frontend.tui.listing import CodeLine
from frontend.tui.panes.text import Fragment, Line, Page, clickable, fit, length, line, page, span, uniform, wrap
from frontend.tui.view import CODE, ViewState
from gdbstub.debugger.record import StopRecord

NAME = CODE
HERE = "▶"
SAVED = "→"
CULPRIT = "◀"
BREAKPOINT = "●"
DISABLED = "○"
CURSOR = "›"
RULE = "─"
BYTES_FROM = 72
BYTES_SHOWN = 8
NEAR = 32
"""Bytes between a culprit and what was saved that leave both in sight."""
FOLDED_FROM = 3
"""Rows from which the handler has one of them."""


class RowMark(NamedTuple):
    """What stands around a line: its pointer, its style (empty: that of its parts), what is said behind it."""

    pointer: str = " "
    style: str = ""
    said: str = ""


def _breakpoints(rows: Iterable[BreakpointRow]) -> dict[int, str]:
    """Address → marker; an enabled breakpoint goes before one that is not."""
    marks: dict[int, str] = {}
    for row in rows:
        if row.address is not None and not row.kind.is_watch:
            marks[row.address] = BREAKPOINT if row.enabled or marks.get(row.address) == BREAKPOINT else DISABLED
    return marks


def _marks(view: ViewState) -> dict[int, RowMark]:
    """The lines that stand out: where the guest is, what caused the stop, what an event saved, the cursor."""
    record, state = view.record, view.state
    now = "code.past" if view.selected is not None else "code.here"
    marks: dict[int, RowMark] = {}
    if view.shows_event and record is not None:
        marks = _event_marks(record, now)
    elif state is not None:
        marks[state.pc] = RowMark(HERE, now)
        if record is not None and state is record.state and (did := touched(record)):
            marks |= _culprit(record, state.pc, did)
    if view.cursor is not None:
        marks[view.cursor] = marks.get(view.cursor, RowMark())._replace(pointer=CURSOR, style="code.cursor")
    return marks


def _culprit(record: StopRecord, pc: int, did: str) -> dict[int, RowMark]:
    ran = record.explanation.instruction
    return {} if ran is None or ran.address == pc else {ran.address: RowMark(said=f"{CULPRIT} {did}")}


def _event_marks(record: StopRecord, style: str) -> dict[int, RowMark]:
    """The culprit stands out; where it is not known, the saved RIP."""
    place, did, saved = origin(record), touched(record), saved_as(record)
    if place is None:
        return {}
    if place.culprit is None or place.culprit == place.saved:
        return {place.saved: RowMark(SAVED, style, f"{CULPRIT} {f'{did} · ' if did else ''}{saved}")}
    culprit = RowMark(" ", style, f"{CULPRIT} {did or 'the event'}")
    return {place.saved: RowMark(SAVED, "", saved), place.culprit: culprit}


def _bytes(data: bytes) -> str:
    shown = data[:BYTES_SHOWN].hex(" ")
    return shown[:-2] + "…" if len(data) > BYTES_SHOWN else shown


def _text(code: CodeLine) -> Line:
    if not code.text:
        return line(span(f"(bad) {code.bytes.hex(' ')}", "warning"))
    pieces = tuple(Fragment(style, text) for style, text in highlight(span(code.text).text))
    return (*pieces, span(f"  <{code.target}>", "code.symbol")) if code.target else pieces


@lru_cache(maxsize=2048)  # of a step, all lines but two are those of the step before
def _line(code: CodeLine, digits: int, breakpoint: str, mark: RowMark, home: bool, width: int) -> Line:
    head = line(
        span(breakpoint, "code.breakpoint" if breakpoint.strip() else ""),
        span(mark.pointer, "strong"),
        span(f" {code.address:0{digits}x} ", "" if mark.style else "code.address"),
        *((span(f" {_bytes(code.bytes):<{BYTES_SHOWN * 3}}", "code.bytes"),) if width >= BYTES_FROM else ()),
        " ",
    )
    said = line(span(f"  {mark.said}", "name")) if mark.said else ()
    whole = (*fit((*head, *_text(code)), max(0, width - length(said))), *said)
    whole = clickable(fit(whole, width), PutCursor(None if home else code.address))
    return uniform(whole, mark.style) if mark.style else whole


def address_digits(addresses: Iterable[int]) -> int:
    """How many digits show all of ``addresses`` alike: 8, or 16 where one needs more."""
    return 16 if any(address >> 32 for address in addresses) else 8


def _handler(view: ViewState, width: int) -> Line:
    """The handler, where the guest stands, folded to a line; a click or a key opens it."""
    state, window = view.state, view.window
    if state is None:
        return ()
    first = next((code for code in (() if window is None else window.lines) if code.address == state.pc), None)
    text = "" if first is None else f"  {first.text}"
    where = f"{view.where} " if view.where else ""
    told = line(span(f"{RULE * 2} handler ", "rule"), span(f"{HERE} ", "strong"), f"{where}{state.pc:08x}{text} ")
    rest = width - sum(len(part.text) for part in told)
    return clickable(fit((*told, span(RULE * max(0, rest), "rule")), width), Toggle("handler"))


def render(view: ViewState, width: int, height: int) -> Page:
    state, codes = view.state, code_lines(view)
    if state is None and view.area is None:
        return Page((line(span("the guest is gone" if view.stops else "no stop yet", "dim")),))
    middle = home(view)
    if not codes:
        return Page(tuple(wrap(_unread(view, middle), width, "dim")))
    at_handler = view.shows_event and view.stood
    folded = (_handler(view, width),) if at_handler and height >= FOLDED_FROM else ()
    marks, breakpoints = _marks(view), _breakpoints(view.shown_breakpoints)
    digits = address_digits(code.address for code in codes)
    sought = view.cursor if view.cursor is not None else _first(view, middle)
    lines: list[Line] = []
    at = 0
    for code in codes:
        if code.address == sought:
            at = len(lines)
        if code.label:
            lines.append(line(span(f"{code.label}:", "code.label")))
        mark = marks.get(code.address, RowMark())
        lines.append(_line(code, digits, breakpoints.get(code.address, " "), mark, code.address == middle, width))
    rows = height - len(folded)
    shown = page(lines, width, rows, scroll=view.scroll.get(NAME, 0), anchor=at - rows // 3)
    return shown._replace(lines=(*shown.lines, *folded))


def _first(view: ViewState, middle: int | None) -> int | None:
    """The line that has to be in sight: of an event the culprit, if it is above what was saved."""
    place = origin(view.record) if view.shows_event and view.record is not None else None
    if place is None or place.culprit is None or not 0 < place.saved - place.culprit < NEAR:
        return middle
    return place.culprit


def _unread(view: ViewState, address: int | None) -> str:
    """Why there is no code."""
    why = "cannot be read" if view.stood else "was not read: the guest ran on"
    if view.stood and view.state is not None and view.state.code_mode is None:
        why = "reads as the CPU mode has it, which is not known: set architecture i8086, i386 or i386:x86-64"
    return f"the code at {'?' if address is None else f'{address:#x}'} {why}"


def note(view: ViewState) -> str:
    """The symbol that we are in."""
    if view.area is not None:
        return f"{view.area.where or f'{view.area.address:#x}'}, h back"
    if view.shows_event and view.stop is not None:
        return view.stop.cause or view.stop.stopped
    return view.where if view.state is not None else ""
