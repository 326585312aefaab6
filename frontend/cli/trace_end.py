"""How ``dr6 trace`` ended, in one line on standard error, where the rows themselves are in a file."""

from __future__ import annotations

from dataclasses import dataclass

from gdbstub.trace import TraceWriter
from gdbstub.trace.plan import Reason


@dataclass(slots=True)
class TraceEnd:
    """Of one run. ``began``: its output is open; ``reason`` is that of its end row, None where it has none."""

    began: bool = False
    reason: Reason | None = None

    def line(self, writer: TraceWriter) -> str | None:
        """What ``writer`` has written. None where a failure says it all: there is no end row, or no row."""
        counts = ((writer.stops, "stop"), (writer.events, "event"), (writer.insns, "instruction"))
        rows = [f"{count} {name if count == 1 else f'{name}s'}" for count, name in counts if count]
        if self.reason is None or (self.reason in ("lost", "error") and not rows):
            return None
        return f"{', '.join(rows) or '0 rows'}, ended: {self.reason}"
