"""What the screen shows, as one frozen value; `update.update` makes the next one from an event."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field

from frontend.commands.stop_filter import EVERY, StopFilter
from frontend.tui.breakpoint_rows import BreakpointRow
from frontend.tui.event_code import origin
from frontend.tui.events import Looked, Message, Palette, Question, Sheet, Stop
from frontend.tui.extras import NONE, Extras
from frontend.tui.listing import CodeArea, NameLookup
from frontend.tui.preferences import USUAL, Preferences
from frontend.tui.window import SourceArea, Window
from gdbstub.debugger.logged_event import UNKNOWN_CPU
from gdbstub.debugger.record import StopRecord
from gdbstub.explain.evidence import Action
from gdbstub.remote.capabilities import BackendInfo
from gdbstub.x86.cpu_state import CpuState

LINES_KEPT = 10_000
LONGEST_LINE = 4096

BEGINNING = "attached; a stub does not say why the guest stands still"

PROMPT = "prompt"
CODE = "code"
SOURCE = "source"
MESSAGES = "messages"
OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class ViewState:
    """All that is on the screen.

    ``selected`` is the number of the stop that is looked at, None the newest. ``front`` lists panes, the last
    one shown first: a place that several panes share shows the first of its own.
    """

    target: str = ""
    backend: BackendInfo | None = None
    cpus: int = 1
    names: NameLookup | None = None
    stops: tuple[Stop, ...] = ()
    kept: int = 10_000
    """How many stops may be in ``stops``."""
    code_kept: int = 500
    """How many may be in ``windows``."""
    selected: int | None = None
    filter: StopFilter = EVERY
    """Which stops are listed and walked through."""
    unfolded: bool = False
    """Does the list show every step?"""
    running: bool = False
    ran: bool = False
    """It ran since the current command began: a thousand steps are one run."""
    seconds: int = 0
    """How long it has run."""
    queued: int = 0
    """Command lines that wait for what runs."""
    lost: str = ""
    working: str = ""
    windows: dict[int, Window] = field(default_factory=dict)
    live: Looked | None = None
    """What the newest stop has become since."""
    breakpoints: tuple[BreakpointRow, ...] = ()
    messages: tuple[Message, ...] = ()
    output: tuple[str, ...] = ()
    output_rest: str = ""
    """The guest's last line, raw, while no line feed has ended it."""
    gap: str = ""
    """Why events may be missing since the newest stop."""
    spoken: int = 0
    """How many lines of messages came since the last command was typed, or the last stop."""
    sheet: Sheet | None = None
    """The answer that lies over the panes."""
    palette: Palette | None = None
    tour: int = 0
    """Which step of the tour is shown; 0: none."""
    preferences: Preferences = USUAL
    scroll: Mapping[str, int] = field(default_factory=dict)
    front: tuple[str, ...] = ()
    unread: frozenset[str] = frozenset()
    focus: str = PROMPT
    cursor: int | None = None
    area: CodeArea | None = None
    """The code that the user went to, instead of that of the stop."""
    byte: int = 0
    """Which byte of the memory pane is selected, from its first."""
    bit: str = ""
    """The bit of a debug register that is selected."""
    at_handler: bool = False
    """Of an event, show the code where the guest stands instead of where the event came from."""
    help: bool = False
    zoom: bool = False
    question: Question | None = None

    @property
    def index(self) -> int:
        """Where the selected stop is in ``stops``; -1 when there is none."""
        if self.selected is None:
            return len(self.stops) - 1
        return bisect_left(self.stops, self.selected, key=number_of)

    @property
    def stop(self) -> Stop | None:
        """The stop that is looked at."""
        return self.stops[self.index] if self.stops else None

    @property
    def record(self) -> StopRecord | None:
        return self.stops[self.index].record if self.stops else None

    @property
    def state(self) -> CpuState | None:
        """The vCPU that is looked at; None where there is none, or none any more."""
        if self.selected is None and self.live is not None:
            return self.live.state
        record = self.record
        return None if record is None or record.ended else record.state

    @property
    def where(self) -> str:
        """The symbol at which `state` stands."""
        if self.selected is None and self.live is not None:
            return self.live.where
        return self.stops[self.index].where if self.stops else ""

    @property
    def previous(self) -> StopRecord | None:
        """The stop of the same vCPU before the one that is looked at."""
        index, state = self.index, self.state
        if index < 1 or state is None or state.cpu == UNKNOWN_CPU:
            return None
        cpu = state.cpu
        return next((s.record for s in reversed(self.stops[:index]) if s.record.cpu == cpu), None)

    @property
    def stood(self) -> bool:
        """Did the guest stand still at the stop that is looked at? Nothing was read where only a log tells of it."""
        record = self.record
        changed = self.selected is None and self.live is not None
        return changed or record is None or not ran_on(record)

    @property
    def window(self) -> Window | None:
        """What was gathered at the stop that is looked at."""
        if self.selected is None and self.live is not None:
            return self.live.window
        record = self.record
        return None if record is None else self.windows.get(record.number)

    @property
    def extras(self) -> Extras:
        """What the panes in sight read at the stop that is looked at."""
        window = self.window
        return NONE if window is None else window.extras

    @property
    def before(self) -> Extras:
        """What they read at the stop before."""
        window = self.windows.get(number_of(self.stops[self.index - 1])) if self.index > 0 else None
        return NONE if window is None else window.extras

    @property
    def source(self) -> SourceArea | None:
        """The source of the stop that is looked at, where a line of it is known. While the newest is still being
        gathered it is that of the one before, so that nothing flickers."""
        window = self.window
        if window is None and self.selected is None and self.windows:
            window = next(reversed(self.windows.values()))
        return None if window is None else window.source

    @property
    def shows_event(self) -> bool:
        """Does the code pane show where an event came from?"""
        record, window = self.record, self.window
        if self.area is not None or self.at_handler or record is None or origin(record) is None:
            return False
        changed = self.selected is None and self.live is not None and self.live.state.cpu != record.cpu
        return not changed and (window is None or bool(window.event) or not window.lines)

    @property
    def shown_breakpoints(self) -> tuple[BreakpointRow, ...]:
        """The breakpoints as of the stop that is looked at, as far as they were gathered."""
        if self.selected is None or self.window is None:
            return self.breakpoints
        return self.window.breakpoints

    @property
    def stale(self) -> bool:
        """Does the guest run, so that registers and memory are not what the panes show?"""
        return (self.running or self.ran) and self.selected is None

    @property
    def ended(self) -> bool:
        """The guest, or the way to it, is gone."""
        return bool(self.lost) or bool(self.stops and self.stops[-1].record.ended)


def ran_on(record: StopRecord) -> bool:
    """Is this an event that only a log tells of? Then the guest did not leave for the debugger."""
    return record.event is not None and record.event.seen_by == "log"


def has_exit(record: StopRecord) -> bool:
    """Has this stop a DR6 of the exit to speak of? An event of the guest's has its own, unless somebody shows both."""
    return record.event is None or record.explanation.exit_dr6.value is not None


def is_beginning(record: StopRecord) -> bool:
    """Is this the state at attach, of which a stub says nothing?"""
    found = record.explanation
    nothing = all(cause.cause == "unknown" for cause in found.causes) and not found.contradictions
    return record.action is Action.ATTACH and nothing


def summary(record: StopRecord) -> str:
    """A stop in a sentence."""
    return BEGINNING if is_beginning(record) else record.explanation.summary


def number_of(stop: Stop) -> int:
    return stop.record.number
