"""A trace in JSON lines, plain or compressed, row by row; a file that was cut off is read as far as it goes."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

from gdbstub.trace.errors import TraceError, reason
from gdbstub.trace.extra import columns_extra
from gdbstub.trace.rows import Row

LONGEST_LINE = 4 * 1024 * 1024
KINDS = frozenset({"header", "stop", "event", "insn", "gap", "end"})
ZSTD = b"\x28\xb5\x2f\xfd"
PARQUET = b"PAR1"


class LineSource:
    """The rows of one file, its header first. A broken line that is not the last raises `TraceError`."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self._file: io.BufferedReader = open(path, "rb")  # noqa: SIM115 - closed by `close`
            start = self._file.peek(4)[:4]
        except OSError as error:
            raise TraceError(f"Cannot read {path}: {reason(error)}.") from error
        self.number = 0
        self._begin = 0
        self.damaged: list[str] = []
        if start == ZSTD:
            self._file.close()
            with columns_extra("A compressed trace"):
                from gdbstub.trace.columns.arrow import Unpacked
            self._file = io.BufferedReader(Unpacked(path))
        elif start == PARQUET:
            self._file.close()
            raise TraceError(f"{path} is one Parquet file; a trace of dr6 in columns is the whole folder it is in.")

    def close(self) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Row]:
        while (row := self._next()) is not None:
            if row.get("n", self._begin) >= self._begin:
                yield row

    def begin_at(self, number: int) -> None:
        """Rows in front of that number are read and passed over."""
        self._begin = number

    def rows(self, first: int = 0) -> Iterator[Row]:
        """What is left, from number ``first`` on."""
        return (row for row in self if row.get("n", first) >= first)

    def accesses(self, number: int) -> list[Row]:
        """Lines have none."""
        return []

    def next_accesses(self, number: int) -> list[Row]:
        """Lines have none."""
        return []

    def goes_on(self) -> bool:
        """Is there anything behind the row that was read last?"""
        return bool(self._read(1))

    def _next(self) -> Row | None:
        """The next row; None at the end of the file, and for a last line that was cut in the middle."""
        line = self._read(LONGEST_LINE)
        self.number += 1
        if not line.endswith(b"\n") and len(line) < LONGEST_LINE:
            # the last line: complete only if it is an object by itself (an editor may have taken the newline)
            return self._parse(line, missing=None) if line else None
        return self._parse(line, missing=self._broken())

    def _read(self, most: int) -> bytes:
        try:
            return self._file.readline(most)
        except OSError as error:
            raise TraceError(f"Cannot read {self.path}: {reason(error)}.") from error

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
        return TraceError(f"{self.path}, line {self.number}, is not a row of a trace.")
