"""A trace read back row by row, whatever its format; what was cut off is read as far as it goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol

from gdbstub.trace.errors import TraceError
from gdbstub.trace.extra import columns_extra
from gdbstub.trace.line_source import LineSource
from gdbstub.trace.rows import SCHEMA, Row


class Source(Protocol):
    """Rows from somewhere, header first. ``number`` is the line that was read last, ``damaged`` are sentences about
    what could not be."""

    path: str
    number: int
    damaged: list[str]

    def __iter__(self) -> Iterator[Row]: ...
    def rows(self, first: int = 0) -> Iterator[Row]: ...
    def accesses(self, number: int) -> list[Row]: ...
    def next_accesses(self, number: int) -> list[Row]: ...
    def begin_at(self, number: int) -> None: ...
    def goes_on(self) -> bool: ...
    def close(self) -> None: ...


class TraceReader:
    """``with TraceReader(path) as trace: for row in trace: …`` yields ``stop``, ``event``, ``insn`` and ``gap`` rows
    of JSON lines, plain or compressed, or of a Parquet dataset (``run`` names one of several).

    ``header`` is there from the start; ``end`` is None until the end row was read, and stays None for a
    trace that was cut off: then ``cut_off`` is one sentence to show, as it is where a part of a dataset can't be
    read. A broken line that is not the last, or what is no trace, raises `TraceError`.
    """

    def __init__(self, path: str | Path, run: str | None = None) -> None:
        self.path = str(path)
        self.run = run
        self.end: Row | None = None
        self.cut_off: str | None = None
        self.rows = 0
        self._source = _open(Path(path), run)
        self._iterator = iter(self._source)
        try:
            self.header = self._header()
        except BaseException:
            self._source.close()
            raise

    def __enter__(self) -> TraceReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._source.close()

    def __iter__(self) -> Iterator[Row]:
        for row in self._iterator:
            if row["kind"] == "end":
                self.end = row
                if self._source.goes_on():
                    raise TraceError(f"{self.path} goes on after its end row; are these two traces in one file?")
                break
            if row["kind"] == "header":
                raise TraceError(f"{self.path}, line {self._source.number}: a second header; are these two traces?")
            self.rows += 1
            yield row
        self.cut_off = self._missing()

    def go_on_at(self, number: int, rows: int) -> None:
        """Iterate from row ``number`` on; ``rows`` in front of it were read in another way."""
        self._source.begin_at(number)
        self.rows += rows

    def pair(self, number: int) -> tuple[Row | None, Row]:
        """Row ``number`` of kind stop, event or insn, and the one of its vCPU right before it, where that is the row
        before; instead of iterating. Raises `TraceError` where there is no such row."""
        before: Row | None = None
        for row in self._source.rows(max(0, number - 1)):
            if row["kind"] in ("gap", "end"):
                continue
            if row["n"] == number:
                return (before if before and before["cpu"] == row["cpu"] else None), row
            before = row
        last = f"; its last one is {before['n']}" if before else ""
        raise TraceError(f"{self.path} has no row {number}{last}.")

    def accesses(self, number: int) -> list[Row]:
        """The memory that row ``number`` accessed (``n``, ``address``, ``size``, ``write``, ``value``); empty where
        no engine saw that."""
        return self._source.accesses(number)

    def accesses_of(self, row: Row) -> list[Row]:
        """Those of a row while its trace is iterated in order: memory is bounded."""
        return self._source.next_accesses(row["n"])

    def _missing(self) -> str | None:
        if self._source.damaged:
            return " ".join(self._source.damaged)
        if self.end is not None:
            return None
        rows = "row was" if self.rows == 1 else "rows were"
        return f"{self.path} was cut off: it has no end row; its {self.rows} whole {rows} read."

    def _header(self) -> Row:
        row = next(self._iterator, None)
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


def _open(path: Path, run: str | None) -> Source:
    if not path.is_dir():
        return LineSource(str(path))
    with columns_extra("A trace in columns"):
        from gdbstub.trace.columns.reader import ParquetRun
    return ParquetRun(path, run)
