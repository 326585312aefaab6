"""The guest's console in a session without a screen: whole lines on standard error, safe for a terminal."""

from __future__ import annotations

import sys

from frontend.clean import console_line
from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.events import DebuggerEvent, Output

LONGEST = 4096


class Console:
    """Prints what the guest says, a line at a time; dr6's own messages too."""

    def __init__(self, debugger: Debugger) -> None:
        self._rest = ""
        debugger.listen(self._heard)

    def _heard(self, notice: DebuggerEvent) -> None:
        if not isinstance(notice, Output):
            return
        if notice.origin == "dr6":
            print(console_line(notice.text), file=sys.stderr)
            return
        *lines, self._rest = (self._rest + notice.text).split("\n")
        self._rest = self._rest[-LONGEST:]
        for line in lines:
            print(f"guest: {console_line(line.removesuffix(chr(13)))}", file=sys.stderr)
