"""The stops so far as a log: what each was, where, and what tells it from the others. Its marks are in `keys.STOPS`."""

from __future__ import annotations

from frontend.commands.stop_words import kind, phrase
from frontend.tui.event_code import stopped_rip
from frontend.tui.events import SelectStop, Stop
from frontend.tui.panes.disassembly import address_digits
from frontend.tui.panes.text import ELLIPSIS, Line, Page, clickable, fit, line, pad, span, uniform
from frontend.tui.stop_list import NewRun, Row, StepRun, rows
from frontend.tui.view import BEGINNING, ViewState, is_beginning, number_of

NAME = "stops"
ADDRESS_FROM = 76
HEAD_FROM = 7
FEW_NAMES = 3


def _at(stop: Stop, digits: int) -> str:
    if stop.record.ended:
        return "-" * digits
    found = stopped_rip(stop.record)
    return "?" * digits if found is None else f"{found:0{digits}x}"


def _cut(text: str, width: int) -> str:
    return f"{text if len(text) <= width else text[: width - 1] + ELLIPSIS:<{width}}"


class _Columns:
    """The widths that the rows in sight need."""

    def __init__(self, view: ViewState, shown: list[Row], width: int) -> None:
        stops = [view.stops[row] for row in shown if isinstance(row, int)]
        self.number = len(str(number_of(view.stops[-1])))
        self.cpus = view.cpus > 1
        self.digits = address_digits(stopped_rip(stop.record) or 0 for stop in stops)
        self.address = width >= ADDRESS_FROM
        self.kind = max([4, *(len(kind(stop.record)) for stop in stops)])
        widest = max([5, *(len(_place(stop)) for stop in stops)])
        self.place = min(widest, 24 if self.address else max(8, width // 3))

    @property
    def lead(self) -> int:
        """Cells in front of the kind."""
        return self.number + 3 + 3 * self.cpus

    def head(self) -> Line:
        cpu = "cpu" if self.cpus else ""
        rip = f"{'RIP':<{self.digits}} " if self.address else ""
        text = f"{'#':>{self.number}} {cpu:>{2 + 3 * self.cpus - self.cpus}}{' ' * self.cpus}"
        return line(span(f"{text:<{self.lead}}{'what':<{self.kind}} {rip}{'where':<{self.place}} ", "dim"))


def _place(stop: Stop) -> str:
    """Where it happened: of an event its culprit, else where the guest stands."""
    if stop.record.ended:
        return ""
    name = (stop.cause if stop.record.event is not None else "") or stop.stopped
    rip = stopped_rip(stop.record)
    return name or ("" if rip is None else f"{rip:#x}")


def _row(view: ViewState, stop: Stop, columns: _Columns) -> Line:
    record, newest = stop.record, view.stops[-1]
    found = record.explanation
    mark = "!" if found.contradictions else "▪" if record.event is not None else " "
    cpu = "" if not columns.cpus else " ? " if record.cpu < 0 else f"{record.cpu:>2} "
    told = BEGINNING if is_beginning(record) else stop.change or phrase(record)
    row = line(
        span(f"{record.number:>{columns.number}} ", "dim"),
        span(mark, "error" if found.contradictions else "fired"),
        span("?" if stop.gap else " ", "warning"),
        span(cpu, "dim"),
        span(f"{kind(record):<{columns.kind}} ", f"owner.{found.causes[0].owner}" if record.event is not None else ""),
        span(f"{_at(stop, columns.digits)} " if columns.address else "", "code.address"),
        span(f"{_cut(_place(stop), columns.place)} ", "code.symbol"),
        span(told, "strong" if record.event is not None else ""),
    )
    return clickable(row, SelectStop(None if stop is newest else record.number))


def _fold(view: ViewState, run: StepRun, columns: _Columns) -> Line:
    """``⋯ 3127 steps in work ⋯``"""
    stops = view.stops[run.first : run.last + 1]
    names = list(dict.fromkeys(name for stop in stops if (name := stop.stopped.partition("+")[0])))
    more = f" and {len(names) - FEW_NAMES} more" if len(names) > FEW_NAMES else ""
    where = f" in {', '.join(names[:FEW_NAMES])}{more}" if names else ""
    count = run.last - run.first + 1
    text = f"{'':{columns.lead}}⋯ {count} steps{where} ⋯"
    return (span(text, "dim", SelectStop(number_of(view.stops[run.last]))),)


def _line(view: ViewState, row: Row, columns: _Columns, width: int) -> Line:
    if isinstance(row, NewRun):
        return (span(f"── run {row.run + 1} {'─' * width}"[:width], "rule"),)
    if isinstance(row, StepRun):
        return fit(_fold(view, row, columns), width)
    drawn = fit(_row(view, view.stops[row], columns), width)
    return uniform(pad(drawn, width), "selected") if row == view.index else drawn


def render(view: ViewState, width: int, height: int) -> Page:
    if not view.stops:
        return Page((line(span("no stop yet", "dim")),))
    every = rows(view.stops, view.index, view.filter, unfolded=view.unfolded)
    if not every:
        return Page((line(span(f"no stop is {view.filter.words}; stops all shows them all", "dim")),))
    head = height >= HEAD_FROM
    height -= head
    # as far down as possible with the selected one in sight; only what is seen is made
    here = next((at for at, row in enumerate(every) if row == view.index), len(every) - 1)
    default = min(max(here - height // 2, 0), max(0, len(every) - height))
    top = min(max(default + view.scroll.get(NAME, 0), 0), max(0, len(every) - height))
    shown = every[top : top + height]
    columns = _Columns(view, shown, width)
    lines = [fit(columns.head(), width)] if head else []
    lines += [_line(view, row, columns, width) for row in shown]
    return Page(tuple(lines), top, max(0, len(every) - top - height))


def note(view: ViewState) -> str:
    """Which one is looked at, and what is left out."""
    record = view.record
    if record is None:
        return ""
    only = f"{view.filter.words} · " if view.filter.words else ""
    return f"{only}#{record.number}" + (", looking back" if view.selected is not None else "")
