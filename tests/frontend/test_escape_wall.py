"""No text of the guest or its stub reaches the terminal as anything but text."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from functools import partial

from prompt_toolkit.data_structures import Size
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output

from frontend.tui.breakpoint_rows import BreakpointRow
from frontend.tui.controls import Screen
from frontend.tui.events import Gathered, Printed, SessionOpened, Stop, StopShown
from frontend.tui.listing import CodeLine
from frontend.tui.panes import PANES
from frontend.tui.telescope import StackWord
from frontend.tui.window import Window
from gdbstub.debugger.events import Disconnected, Output
from gdbstub.explain.explanation import Cause, ExitDr6, Explanation
from gdbstub.remote.capabilities import BackendInfo
from gdbstub.x86.breakpoints import BreakpointKind, Owner
from tests.frontend.drawing import draw, make_app
from tests.frontend.stories import ATTACHED, START

EVIL = "\x1b]52;c;ZXZpbA==\x07\x1b[2J\x9b31m\r\n\x00\u202e\x1bP+q\x1b\\evil"
OWNER: Owner = "guest"


def hostile() -> Screen:
    """A screen on which every text that comes from outside is evil."""
    screen = Screen()
    cause = Cause("icebp", OWNER, "trap", "certain", (EVIL,), (EVIL,))
    found = Explanation(EVIL, (cause,), None, ExitDr6(None, "unknown"), None, (EVIL,), (EVIL,), (EVIL,))
    registers = {**ATTACHED.state.registers, EVIL: 1}
    record = replace(ATTACHED, explanation=found, notes=(EVIL,), state=replace(ATTACHED.state, registers=registers))
    row = BreakpointRow(1, BreakpointKind.EXECUTE, START, text=EVIL, condition=EVIL, armed_as=EVIL)
    lines = (CodeLine(START, b"\x90", EVIL, EVIL, EVIL),)
    screen.dispatch(SessionOpened(EVIL, BackendInfo(EVIL, EVIL, None, "generic"), 1))
    screen.dispatch(StopShown(Stop(record, EVIL)))
    screen.dispatch(Gathered(Window(0, lines, (StackWord(0, 0, 0, EVIL),), 8, (row,))))
    for event in (Printed(EVIL), Output(EVIL, "guest"), Output(EVIL, "dr6"), Disconnected(EVIL)):
        screen.dispatch(event)
    return screen


class Wire(io.StringIO):
    """A terminal's wire that keeps what is written."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return -1


def test_fragments_of_all_panes_are_printable() -> None:
    view = hostile().view
    for pane in PANES.values():
        for width in (25, 60, 120):
            for line in pane.render(view, width, 40).lines:
                assert all(part.text.isprintable() for part in line), pane.name


def test_what_is_written_to_the_terminal_is_our_own_sequences_only() -> None:
    wire = Wire()
    for columns, rows in ((80, 24), (200, 60)):
        app = make_app(hostile(), columns, rows)
        size = partial(Size, rows, columns)
        app.renderer.output = app.output = Vt100_Output(
            wire, size, term="xterm", default_color_depth=ColorDepth.DEPTH_4_BIT
        )
        draw(app)
        app.renderer.output.flush()
    written = wire.getvalue()
    own = r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b\]2;\x07|[\r\n]"
    rest = re.sub(own, "", written)

    assert "evil" in rest
    assert all(character.isprintable() for character in rest)
    assert "\x1b]52" not in written
    assert "\x1b[2J\x9b" not in written
