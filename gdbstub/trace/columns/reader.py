"""A run of a dataset, row by row, in the order in which it was traced; memory is bounded by a batch for each vCPU."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from pathlib import Path

from gdbstub.trace.columns import folder
from gdbstub.trace.columns.arrow import Broken, read
from gdbstub.trace.columns.definitions import Definition
from gdbstub.trace.columns.row import access_of, row_of
from gdbstub.trace.columns.run_lines import only_run, read_lines
from gdbstub.trace.columns.schema import ACCESSES
from gdbstub.trace.errors import reason
from gdbstub.trace.rows import Row

BATCH = 1024


class ParquetRun:
    """``lines`` are header, gaps and end, as far as they are there. ``damaged`` are sentences about parts that can't
    be read: their rows are missing. Raises `TraceError` where there is no run to read."""

    number = 1
    """Of the line of the header; no other line counts here."""

    def __init__(self, root: Path | str, run: str | None = None) -> None:
        self.root = Path(root)
        self.path = str(root)
        self.run = run or only_run(self.root)
        self.damaged: list[str] = []
        self.lines = read_lines(self.root, self.run)
        self._begin = 0
        self._definitions: dict[int, Definition] | None = None
        self._access_stream: Iterator[Row] | None = None
        self._access: Row | None = None

    def close(self) -> None:
        """Nothing is open between two batches."""

    def goes_on(self) -> bool:
        """The end is the last row, whatever order its files were written in."""
        return False

    def __iter__(self) -> Iterator[Row]:
        yield from (row for row in self.lines if row.get("kind") == "header")
        yield from self.rows(self._begin)
        yield from (row for row in self.lines if row.get("kind") == "end")

    def begin_at(self, number: int) -> None:
        """Iterating goes on with that row: those in front of it are not read. Before the first of them is."""
        self._begin = number

    def rows(self, first: int = 0) -> Iterator[Row]:
        """``stop``, ``event``, ``insn`` and ``gap`` rows, from number ``first`` on."""
        gaps = [(_key(row), row) for row in self.lines if row.get("kind") == "gap" and _key(row) >= first]
        streams = [self._rows(cpu, parts, first) for cpu, parts in folder.cpus_of(self.root, "rows", self.run).items()]
        for _, row in heapq.merge(gaps, *streams, key=lambda item: item[0]):
            yield row

    @property
    def definitions(self) -> dict[int, Definition]:
        """What the numbers of instructions mean."""
        if self._definitions is None:
            self._definitions = {}
            for path in sorted(folder.part_folder(self.root, "instructions", self.run, by_cpu=False).glob("*.parquet")):
                for columns in self._batches(path):
                    found = zip(*(columns[name] for name in ("insn", "address", "bytes", "text")), strict=True)
                    for number, address, code, text in found:
                        if isinstance(number, int) and isinstance(address, int):
                            self._definitions[number] = Definition(
                                address, bytes.fromhex(str(code or "")), str(text or "")
                            )
        return self._definitions

    def accesses(self, number: int) -> list[Row]:
        """The memory that row ``number`` read and wrote, as far as an engine saw it."""
        return [access for access in self._accesses(number) if access["n"] == number]

    def next_accesses(self, number: int) -> list[Row]:
        """The same for a number that is not below the one of the last call."""
        if self._access_stream is None:
            self._access_stream = self._all_accesses()
            self._access = next(self._access_stream, None)
        found: list[Row] = []
        while self._access is not None and self._access["n"] <= number:
            found.append(self._access)
            self._access = next(self._access_stream, None)
        return [access for access in found if access["n"] == number]

    def _all_accesses(self) -> Iterator[Row]:
        parts = folder.cpus_of(self.root, "accesses", self.run).values()
        return heapq.merge(*map(self._accesses_in, parts), key=_key)

    def _accesses(self, number: int) -> Iterator[Row]:
        for parts in folder.cpus_of(self.root, "accesses", self.run).values():
            yield from self._accesses_in(parts, number, number)

    def _accesses_in(self, parts: Sequence[Path], first: int = 0, last: int = 2**64) -> Iterator[Row]:
        for path in parts:
            for columns in self._batches(path, first):
                for row in map(access_of, zip(*(columns[name] for name in ACCESSES), strict=True)):
                    if row["n"] > last:
                        return
                    yield row

    def _rows(self, cpu: int | None, parts: Sequence[Path], first: int) -> Iterator[tuple[int, Row]]:
        definitions = self.definitions
        for path in parts:
            for columns in self._batches(path, first):
                names = list(columns)
                numbers = columns["n"]
                for number, values in zip(numbers, zip(*columns.values(), strict=True), strict=True):
                    if isinstance(number, int) and number < first:
                        continue
                    one = dict(zip(names, values, strict=True))
                    insn = one.get("insn")
                    row = row_of(cpu, one, definitions.get(insn) if isinstance(insn, int) else None)
                    yield _key(row), row

    def _batches(self, path: Path, first: int = 0) -> Iterator[dict[str, list[object]]]:
        try:
            yield from read(path, BATCH, first)
        except Broken as error:
            self.damaged.append(unreadable(path, error))


def unreadable(path: Path, error: Exception) -> str:
    """A sentence about a part."""
    why = reason(error) if isinstance(error, OSError) and error.errno else "it is damaged"
    return f"{path} can't be read ({why}), so its rows are missing."


def _key(row: Row) -> int:
    number = row.get("from") if row.get("kind") == "gap" else row.get("n")
    return number if isinstance(number, int) else 0
