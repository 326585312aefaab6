"""What happens to the screen: the debugger's notices, and what the user does to it. Plain values."""

from __future__ import annotations

from typing import Literal, NamedTuple

from frontend.commands.stop_filter import StopFilter
from frontend.tui.breakpoint_rows import BreakpointRow
from frontend.tui.listing import CodeArea, NameLookup
from frontend.tui.preferences import Preferences
from frontend.tui.window import Window
from gdbstub.debugger.events import Disconnected, Output, Resumed
from gdbstub.debugger.record import StopRecord
from gdbstub.remote.capabilities import BackendInfo
from gdbstub.x86.cpu_state import CpuState

Kind = Literal["command", "text", "note", "error", "copied"]
"""``copied`` says how a copy went, and is part of no answer."""


class Stop(NamedTuple):
    """A record, and as ``symbol+4`` (empty: no symbol) its place, that of the instruction that caused it, and that of
    the RIP that was stopped (`event_code.stopped_rip`). ``gap`` says why events before it may be missing, if so;
    ``change`` what became of the bytes that were watched (``counter 4 → 5``). ``plain`` is `StopRecord.is_plain_step`,
    found out once; ``run`` counts the sessions with the stub, from 0."""

    record: StopRecord
    where: str = ""
    cause: str = ""
    stopped: str = ""
    gap: str = ""
    change: str = ""
    plain: bool = False
    run: int = 0


class Message(NamedTuple):
    """One clean line of the messages pane."""

    kind: Kind
    text: str


class Sheet(NamedTuple):
    """The answer to a command that is too long for its pane."""

    title: str
    lines: tuple[Message, ...]


class Palette(NamedTuple):
    """What is typed into the palette, and which of the rows found is selected."""

    query: str = ""
    at: int = 0


class Answer(NamedTuple):
    """One way to answer a question: the key, what the screen says, and what it means to who asked."""

    key: str
    text: str
    meaning: str


class Question(NamedTuple):
    """What is asked in place of the prompt; Escape takes it back."""

    text: str
    answers: tuple[Answer, ...]


class StopShown(NamedTuple):
    stop: Stop


class Gathered(NamedTuple):
    """The window of a stop, and the breakpoints as they are now."""

    window: Window


class Looked(NamedTuple):
    """The newest stop as it is now: another vCPU was chosen, or the user changed a register."""

    state: CpuState
    where: str
    window: Window


class Gap(NamedTuple):
    """Events may be missing before the stop that comes next, and why."""

    why: str


class BreakpointsChanged(NamedTuple):
    rows: tuple[BreakpointRow, ...]


class Printed(NamedTuple):
    """Text of a command, of dr6 itself, or an error."""

    text: str
    kind: Kind = "text"


class Submitted(NamedTuple):
    """The user gave a command line."""

    line: str


class Working(NamedTuple):
    """The command line that is being executed; empty when none is."""

    line: str


class Queued(NamedTuple):
    """So many command lines wait for what runs."""

    lines: int


class Ticked(NamedTuple):
    """The guest has run for another second."""


class SessionOpened(NamedTuple):
    """A session began; ``names`` are its symbols."""

    target: str
    backend: BackendInfo
    cpus: int
    names: NameLookup | None = None


class Keep(NamedTuple):
    """Keep ``most`` stops, and of ``code`` of them what panes show beyond their records."""

    most: int
    code: int = 500


class SelectStop(NamedTuple):
    """Show stop ``number``; None follows the newest."""

    number: int | None


class Walk(NamedTuple):
    """Go ``by`` stops towards the newest (negative: towards the oldest), or by as many ``events``."""

    by: int
    events: bool = False


class FilterStops(NamedTuple):
    """Show and walk through only those stops."""

    filter: StopFilter


class ValueChanged(NamedTuple):
    """What became of the bytes that stop ``number`` was about."""

    number: int
    text: str


class Focus(NamedTuple):
    """Give the keys to a pane, or to the prompt."""

    name: str


class Show(NamedTuple):
    """Bring a pane to the front of its place."""

    name: str


class Scroll(NamedTuple):
    """Move a pane's text ``by`` lines down; who sends it has made sure that there are as many."""

    name: str
    by: int


class PutCursor(NamedTuple):
    """Put the code pane's cursor on the instruction at ``address``; None takes it back to the current one."""

    address: int | None


class PutByte(NamedTuple):
    """Select a byte of the memory pane."""

    offset: int


class SelectBit(NamedTuple):
    """Say of a bit of DR6 or DR7 what it means (`debug_bits.BITS`); empty of none."""

    key: str


class OpenSheet(NamedTuple):
    """Lay an answer over the panes; None takes it away."""

    sheet: Sheet | None


class OpenPalette(NamedTuple):
    """Show the palette so; None takes it away."""

    palette: Palette | None


class Tour(NamedTuple):
    """Go to a step of the tour, from 1; 0 leaves it."""

    step: int


class Arrange(NamedTuple):
    """Arrange the panes so."""

    preferences: Preferences


class ShowCode(NamedTuple):
    """Show the code around an address that the user named; None shows the stop's again."""

    area: CodeArea | None


class Toggle(NamedTuple):
    what: Literal["help", "zoom", "handler", "unfolded"]


class Ask(NamedTuple):
    """Ask, or (with None) stop asking."""

    question: Question | None


Wish = (
    SelectStop
    | Walk
    | Focus
    | Show
    | Scroll
    | PutCursor
    | ShowCode
    | OpenSheet
    | OpenPalette
    | Tour
    | Arrange
    | FilterStops
    | PutByte
    | SelectBit
    | Toggle
    | Ask
)
"""What the user wishes to see."""

Event = (
    StopShown
    | Resumed
    | Output
    | Disconnected
    | Gathered
    | Looked
    | Gap
    | Keep
    | BreakpointsChanged
    | Printed
    | Submitted
    | Working
    | SessionOpened
    | Queued
    | Ticked
    | ValueChanged
    | Wish
)
