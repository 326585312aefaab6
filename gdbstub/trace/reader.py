"""A JSON-lines trace, read back row by row; a file that was cut off is read as far as it goes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from gdbstub.trace.errors import TraceError
from gdbstub.trace.rows import SCHEMA, Row

LONGEST_LINE = 4 * 1024 * 1024
KINDS = frozenset({"header", "stop", "event", "gap", "end"})


class TraceReader:
    """``with TraceReader(path) as trace: for row in trace: …`` yields ``stop`` and ``event`` rows.

    ``header`` is there from the start; ``end`` is None until the end row was read, and stays None for a
    file that was cut off: then ``cut_off`` is one sentence to show. A broken line that is not the last, or
    a file that is no trace, raises `TraceError`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self.end: Row | None = None
        self.cut_off: str | None = None
        self.rows = 0
        try:
            self._file: BinaryIO = open(self.path, "rb")  # noqa: SIM115 - closed by __exit__
        except OSError as error:
            raise TraceError(f"Cannot read {self.path}: {error.strerror}.") from error
        self._number = 0
        try:
            self.header = self._header()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> TraceReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Row]:
        while (row := self._next()) is not None:
            if row["kind"] == "end":
                self.end = row
                if self._file.readline(1):
                    raise TraceError(f"{self.path} goes on after its end row; are these two traces in one file?")
                return
            if row["kind"] == "header":
                raise TraceError(f"{self.path}, line {self._number}: a second header; are these two traces?")
            self.rows += 1
            yield row
        rows = "row" if self.rows == 1 else "rows"
        self.cut_off = f"{self.path} was cut off: it has no end row; its {self.rows} whole {rows} were read."

    def _header(self) -> Row:
        row = self._next()
        if row is None:
            raise TraceError(f"{self.path} has no header; it is empty or was cut off before its first row.")
        if row["kind"] != "header":
            raise TraceError(f"{self.path} is not a trace of dr6: its first line is no header.")
        schema = row.get("schema")
        if schema != SCHEMA:
            raise TraceError(
                f"{self.path} has schema {schema!r}, and this dr6 reads {SCHEMA}; use the dr6 that wrote it."
            )
        return row

    def _next(self) -> Row | None:
        """The next row; None at the end of the file, and for a last line that was cut in the middle."""
        try:
            line = self._file.readline(LONGEST_LINE)
        except OSError as error:
            raise TraceError(f"Cannot read {self.path}: {error.strerror}.") from error
        self._number += 1
        if not line.endswith(b"\n") and len(line) < LONGEST_LINE:
            # the last line: complete only if it is an object by itself (an editor may have taken the newline)
            return self._parse(line, missing=None) if line else None
        return self._parse(line, missing=self._broken())

    def _parse(self, line: bytes, missing: TraceError | None) -> Row | None:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            if missing is None:
                return None
            raise missing from error
        if not isinstance(row, dict) or row.get("kind") not in KINDS:
            raise self._broken()
        return row

    def _broken(self) -> TraceError:
        return TraceError(f"{self.path}, line {self._number}, is not a row of a trace.")
