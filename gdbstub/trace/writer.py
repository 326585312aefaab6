"""A trace being written: header, records, end; as JSON lines or as text."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from gdbstub.debugger.record import StopRecord
from gdbstub.remote.capabilities import BackendInfo
from gdbstub.trace import rows
from gdbstub.trace.columns.batch import Columns
from gdbstub.trace.columns.definitions import Definitions
from gdbstub.trace.columns.row import rows_of
from gdbstub.trace.line_file import LineFile
from gdbstub.trace.rows import Row
from gdbstub.x86.registers import Mode


class TraceWriter(Protocol):
    """What every format offers. `header` comes first, `end` last; without `end` the trace counts as cut off.
    ``stops``, ``events`` and ``insns`` count the rows so far. An engine hands over many rows at once with `columns`,
    and says with `define` and `complete` what the instructions in them are (`gdbstub.trace.columns.batch`)."""

    @property
    def stops(self) -> int: ...
    @property
    def events(self) -> int: ...
    @property
    def insns(self) -> int: ...
    def header(
        self, target: str, backend: BackendInfo, started: datetime.datetime, tool: str, asked: Row | None = None
    ) -> None: ...
    def record(self, record: StopRecord) -> None: ...
    def define(self, address: int, code: bytes, mode: Mode) -> int: ...
    def complete(self, number: int, code: bytes, mode: Mode) -> None: ...
    def columns(self, batch: Columns) -> None: ...
    def gap(self, number: int, why: str) -> None: ...
    def end(self, reason: str, seconds: float, taken: int | None = None) -> None: ...
    def flush(self) -> None: ...
    def close(self) -> None: ...


class _LineWriter:
    """What the two formats of lines share; also an ``async``-free context manager that closes."""

    def __init__(self, file: LineFile) -> None:
        self.file = file
        self.stops = 0
        self.events = 0
        self.insns = 0
        self._definitions = Definitions()

    def define(self, address: int, code: bytes, mode: Mode) -> int:
        """The number of an instruction, for the column ``insn``; ``code`` begins with it, and is empty where it was
        not read."""
        return self._definitions.define(address, code, mode)

    def complete(self, number: int, code: bytes, mode: Mode) -> None:
        """The code of a definition that had none; lines that are written already stay without."""
        self._definitions.complete(number, code, mode)

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

    def header(
        self, target: str, backend: BackendInfo, started: datetime.datetime, tool: str, asked: Row | None = None
    ) -> None:
        self.file.write_line(rows.header_line(target, backend, started, tool, asked))

    def record(self, record: StopRecord) -> None:
        self.file.write_line(rows.line(record))
        self._count(record)

    def columns(self, batch: Columns) -> None:
        """One ``insn`` row for each of the batch; the lines have no memory accesses."""
        for row in rows_of(batch, self._definitions):
            self.file.write_line(json.dumps(row, separators=(",", ":")))
        self.insns += batch.count

    def gap(self, number: int, why: str) -> None:
        """Here events may be missing."""
        self.file.write_line(rows.gap_line(number, why))

    def end(self, reason: str, seconds: float, taken: int | None = None) -> None:
        """Write the end row and flush."""
        self.file.write_line(rows.end_line(reason, self.stops, self.events, seconds, taken, self.insns))
        self.file.flush()


class TextWriter(_LineWriter):
    """One line a record for people; ``describe`` makes it (it may return several lines). Header and end are
    comments that start with ``#``."""

    def __init__(self, file: LineFile, describe: Callable[[StopRecord], str]) -> None:
        super().__init__(file)
        self._describe = describe

    def __enter__(self) -> TextWriter:
        return self

    def header(
        self, target: str, backend: BackendInfo, started: datetime.datetime, tool: str, asked: Row | None = None
    ) -> None:
        version = f" {backend.version}" if backend.version else ""
        self.file.write_line(f"# {tool}: {target}, {backend.name}{version}")

    def record(self, record: StopRecord) -> None:
        self.file.write_line(self._describe(record))
        self._count(record)

    def columns(self, batch: Columns) -> None:
        """A line for each instruction: where it is, and its text."""
        for row in rows_of(batch, self._definitions):
            instruction = row["insn"] or {"address": "?", "text": "?"}
            self.file.write_line(f"{row['n']:>6}  {instruction['address']}  {instruction['text']}")
        self.insns += batch.count

    def gap(self, number: int, why: str) -> None:
        """Here events may be missing."""
        self.file.write_line(f"# gap: {why}")

    def end(self, reason: str, seconds: float, taken: int | None = None) -> None:
        """Write the end line and flush."""
        counted = "" if taken is None else f" of {taken} that the guest took"
        ran = f", {self.insns} instructions" if self.insns else ""
        kept = f"{self.stops} stops, {self.events} events{counted}{ran}"
        self.file.write_line(f"# ended: {reason}; {kept} in {seconds:.2f} s")
        self.file.flush()
