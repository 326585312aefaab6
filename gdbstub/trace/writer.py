"""A trace being written: header, records, end; as JSON lines or as text."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from gdbstub.debugger.record import StopRecord
from gdbstub.remote.capabilities import BackendInfo
from gdbstub.trace import rows
from gdbstub.trace.line_file import LineFile


class TraceWriter(Protocol):
    """What every format offers. `header` comes first, `end` last; without `end` the trace counts as cut off.
    ``stops`` and ``events`` count the rows so far."""

    stops: int
    events: int

    def header(self, target: str, backend: BackendInfo, started: datetime.datetime, tool: str) -> None: ...
    def record(self, record: StopRecord) -> None: ...
    def gap(self, number: int, why: str) -> None: ...
    def end(self, reason: str, seconds: float, taken: int | None = None) -> None: ...
    def close(self) -> None: ...


class _LineWriter:
    """What the two formats of lines share; also an ``async``-free context manager that closes."""

    def __init__(self, file: LineFile) -> None:
        self.file = file
        self.stops = 0
        self.events = 0

    def flush(self) -> None:
        self.file.flush()

    def close(self) -> None:
        self.file.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _count(self, record: StopRecord) -> None:
        if record.event is None:
            self.stops += 1
        else:
            self.events += 1


class JsonlWriter(_LineWriter):
    """JSON lines, as in docs/formats.md."""

    def __enter__(self) -> JsonlWriter:
        return self

    def header(self, target: str, backend: BackendInfo, started: datetime.datetime, tool: str) -> None:
        self.file.write_line(rows.header_line(target, backend, started, tool))

    def record(self, record: StopRecord) -> None:
        self.file.write_line(rows.line(record))
        self._count(record)

    def gap(self, number: int, why: str) -> None:
        """Here events may be missing."""
        self.file.write_line(rows.gap_line(number, why))

    def end(self, reason: str, seconds: float, taken: int | None = None) -> None:
        """Write the end row and flush."""
        self.file.write_line(rows.end_line(reason, self.stops, self.events, seconds, taken))
        self.file.flush()


class TextWriter(_LineWriter):
    """One line a record for people; ``describe`` makes it (it may return several lines). Header and end are
    comments that start with ``#``."""

    def __init__(self, file: LineFile, describe: Callable[[StopRecord], str]) -> None:
        super().__init__(file)
        self._describe = describe

    def __enter__(self) -> TextWriter:
        return self

    def header(self, target: str, backend: BackendInfo, started: datetime.datetime, tool: str) -> None:
        version = f" {backend.version}" if backend.version else ""
        self.file.write_line(f"# {tool}: {target}, {backend.name}{version}")

    def record(self, record: StopRecord) -> None:
        self.file.write_line(self._describe(record))
        self._count(record)

    def gap(self, number: int, why: str) -> None:
        """Here events may be missing."""
        self.file.write_line(f"# gap: {why}")

    def end(self, reason: str, seconds: float, taken: int | None = None) -> None:
        """Write the end line and flush."""
        counted = "" if taken is None else f" of {taken} that the guest took"
        self.file.write_line(f"# ended: {reason}; {self.stops} stops, {self.events} events{counted} in {seconds:.2f} s")
        self.file.flush()
