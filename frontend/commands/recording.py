"""Stops kept as a trace while a session goes on: ``record FILE``."""

from __future__ import annotations

import datetime
import os.path
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from frontend.clean import visible
from frontend.commands.stop_text import one_line
from frontend.symbols.names import Symbols
from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.events import DebuggerEvent
from gdbstub.debugger.record import StopRecord

if TYPE_CHECKING:
    from gdbstub.trace import TraceWriter


def start_writer(path: str, debugger: Debugger, symbols: Symbols, tool: str) -> TraceWriter:
    """A trace file by its suffix. The header is written."""
    from gdbstub.trace import format_of, open_writer  # formats of files that a session may never write

    name = os.path.expanduser(path)
    writer = open_writer(format_of(name), name, lambda record: visible(one_line(record, symbols)))
    writer.header(debugger.target, debugger.backend, datetime.datetime.now(datetime.UTC), tool)
    return writer


class Recording:
    """Every stop from now on, until `stop`. A write that fails ends it with one message."""

    def __init__(
        self, path: str, debugger: Debugger, symbols: Symbols, tool: str, complain: Callable[[str], None]
    ) -> None:
        self.path = path
        self._complain = complain
        self._writer: TraceWriter | None = start_writer(path, debugger, symbols, tool)
        self._started = time.monotonic()
        debugger.listen(self._notice)

    @property
    def rows(self) -> int:
        """How many rows were written; 0 once it has stopped."""
        return 0 if self._writer is None else self._writer.stops + self._writer.events

    def stop(self) -> int:
        """Write the end row and close; how many rows there are. Stopping twice is harmless."""
        rows = self.rows
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                writer.end("stop", time.monotonic() - self._started)
            finally:
                writer.close()
        return rows

    def _notice(self, notice: DebuggerEvent) -> None:
        if self._writer is None or not isinstance(notice, StopRecord):
            return
        from gdbstub.trace import TraceError

        try:
            self._writer.record(notice)
        except TraceError as error:
            self._writer = None
            self._complain(str(error))
