"""A writer whose rows somebody looks at while they are written."""

from __future__ import annotations

import datetime
from collections.abc import Callable

from gdbstub.debugger.record import StopRecord
from gdbstub.remote.capabilities import BackendInfo
from gdbstub.trace.columns.batch import Columns
from gdbstub.trace.columns.definitions import Definitions
from gdbstub.trace.columns.row import rows_of
from gdbstub.trace.rows import Row, row
from gdbstub.trace.writer import TraceWriter
from gdbstub.x86.registers import Mode


class WatchedWriter:
    """What `TraceWriter` asks for: all goes to ``writer``, and each row to ``look``. Batches of an engine become rows
    for it one by one, which is slow."""

    def __init__(self, writer: TraceWriter, look: Callable[[Row], None]) -> None:
        self._writer = writer
        self._look = look
        self._definitions = Definitions()
        self._numbers: dict[int, int] = {}

    @property
    def stops(self) -> int:
        return self._writer.stops

    @property
    def events(self) -> int:
        return self._writer.events

    @property
    def insns(self) -> int:
        return self._writer.insns

    def header(
        self, target: str, backend: BackendInfo, started: datetime.datetime, tool: str, asked: Row | None = None
    ) -> None:
        self._writer.header(target, backend, started, tool, asked)

    def record(self, record: StopRecord) -> None:
        self._writer.record(record)
        self._look(row(record))

    def define(self, address: int, code: bytes, mode: Mode) -> int:
        self._definitions.define(address, code, mode)
        return self._writer.define(address, code, mode)

    def complete(self, number: int, code: bytes, mode: Mode) -> None:
        self._definitions.complete(number, code, mode)
        self._writer.complete(number, code, mode)

    def columns(self, batch: Columns) -> None:
        self._writer.columns(batch)
        for found in rows_of(batch, self._definitions):
            self._look(found)

    def gap(self, number: int, why: str) -> None:
        self._writer.gap(number, why)

    def end(self, reason: str, seconds: float, taken: int | None = None) -> None:
        self._writer.end(reason, seconds, taken)

    def flush(self) -> None:
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()
