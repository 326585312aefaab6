"""A trace as a Parquet dataset, complete on disk up to the last second whatever ends this process."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from gdbstub.debugger.record import StopRecord
from gdbstub.remote.capabilities import BackendInfo
from gdbstub.trace import rows
from gdbstub.trace.columns import folder
from gdbstub.trace.columns.batch import Columns
from gdbstub.trace.columns.definitions import Definitions
from gdbstub.trace.columns.parts import PartFiles
from gdbstub.trace.columns.schema import Table
from gdbstub.trace.columns.waiting import WaitingRows
from gdbstub.trace.errors import cannot_write
from gdbstub.trace.line_file import LineFile
from gdbstub.trace.rows import Row
from gdbstub.x86.registers import Mode

SECONDS = 0.5
"""Between two looks for rows that wait."""
ROWS_WAITING = 8 * 1024
"""More do not wait as they came: who hands them over makes columns of them."""


class ParquetWriter:
    """What `TraceWriter` asks for, into the folder ``path``; rows of an engine come through `columns`.

    A thread writes what came twice a second; what it fails with is raised by the next call. ``keep`` adds a run to a
    dataset that is there.
    """

    def __init__(self, path: str | Path, keep: bool = False) -> None:
        self._root = Path(path)
        self.name = str(path)
        self.stops = 0
        self.events = 0
        self.insns = 0
        folder.make(self._root, keep)
        self._definitions = Definitions()
        self._waiting = WaitingRows(self._definitions)
        self._parts: dict[tuple[Table, int | None], PartFiles] = {}
        self._run = ""
        self._lines: LineFile | None = None
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._keep_writing, name="trace writer", daemon=True)

    def __enter__(self) -> ParquetWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def header(
        self, target: str, backend: BackendInfo, started: datetime.datetime, tool: str, asked: Row | None = None
    ) -> None:
        self._run = folder.run_name(started)
        path = folder.lines_path(self._root, self._run)
        self._guarded(lambda: path.parent.mkdir())
        self._lines = LineFile(path)
        self._line(rows.header_line(target, backend, started, tool, asked))
        self._thread.start()

    def record(self, record: StopRecord) -> None:
        with self._lock:
            self._waiting.record(record)
            if record.event is None:
                self.stops += 1
            else:
                self.events += 1
        self._after()

    def define(self, address: int, code: bytes, mode: Mode) -> int:
        """The number of an instruction, for the column ``insn``; ``code`` begins with it, and is empty where it was
        not read (yet: `complete`)."""
        with self._lock:
            return self._definitions.define(address, code, mode)

    def complete(self, number: int, code: bytes, mode: Mode) -> None:
        """The code of a definition that had none."""
        with self._lock:
            self._definitions.complete(number, code, mode)

    def columns(self, batch: Columns) -> None:
        """Rows of kind ``insn``. Raises ValueError where the arrays do not fit."""
        with self._lock:
            self._waiting.columns(batch)
            self.insns += batch.count
        self._after()

    def gap(self, number: int, why: str) -> None:
        """Here events may be missing."""
        self._line(rows.gap_line(number, why))

    def flush(self) -> None:
        """Write what waits. Raises `TraceError`."""
        self._guarded(self._write)

    def end(self, reason: str, seconds: float, taken: int | None = None) -> None:
        """Write all, and the end row."""
        self.flush()
        self._line(rows.end_line(reason, self.stops, self.events, seconds, taken, self.insns))

    def close(self) -> None:
        """Write what waits and end the thread; again is harmless."""
        if self._closed.is_set():
            return
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()
        try:
            if self._failure is None and self._lines is not None:
                self.flush()
        finally:
            if self._lines is not None:
                self._lines.close()

    def _after(self) -> None:
        if self._failure is not None:
            raise cannot_write(self.name, self._failure)
        if self._waiting.count >= ROWS_WAITING:
            self._guarded(self._take)

    def _line(self, text: str) -> None:
        assert self._lines is not None, "the header comes first"
        self._lines.write_line(text)
        self._lines.flush()

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except OSError as error:
            self._failure = self._failure or error
            raise cannot_write(self.name, error) from error

    def _keep_writing(self) -> None:
        while not self._closed.wait(SECONDS):
            try:
                self._write()
            except OSError as error:
                self._failure = error
                return

    def _write(self) -> None:
        with self._lock:
            self._take()
            for parts in self._parts.values():
                parts.settle()

    def _take(self) -> None:
        with self._lock:
            for name, cpu, table in self._waiting.take():
                parts = self._parts.get((name, cpu))
                if parts is None:
                    target = folder.part_folder(self._root, name, self._run, cpu, by_cpu=name != "instructions")
                    temporary = folder.lines_path(self._root, self._run).with_name("part.tmp")
                    parts = self._parts[name, cpu] = PartFiles(target, temporary)
                parts.add(table)
