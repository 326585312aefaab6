"""From an address to its line, and the other addresses of that: only the unit that has it is decoded, and kept."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from frontend.clean import clean
from frontend.symbols.dwarf_file import BAD, Bytes, DwarfFile
from frontend.symbols.line_program import Row, Unit, read_rows, read_unit
from frontend.symbols.line_units import UnitIndex, UnitPlace

KEPT = 64
"""Units."""
SMALL = 4 << 20
"""Bytes of ``.debug_line`` that are decoded whole, where nothing says which unit has an address."""


class LineSpan(NamedTuple):
    """A stretch of the code of one line: addresses from ``first`` on, before ``last``. ``file`` is its path as the
    compiler has it, which counts from ``directory``; ``line`` is 0 for code of no line. ``statement``: may a step end
    at ``first``?"""

    first: int
    last: int
    file: str
    directory: str
    line: int
    statement: bool

    def moved(self, offset: int) -> LineSpan:
        """The same, ``offset`` higher."""
        return self._replace(first=self.first + offset, last=self.last + offset) if offset else self

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class _Rows(NamedTuple):
    """Of one unit, by address."""

    addresses: list[int]
    rows: list[Row]
    unit: Unit
    directory: str


class LineMap:
    """Of one file. All addresses are as linked. Not for two threads at once."""

    def __init__(self, path: str) -> None:
        """Raises `SymbolError` where the file cannot be read."""
        self._dwarf = DwarfFile(path)
        self._index = UnitIndex(self._dwarf)
        self._units: dict[int, _Rows | None] = {}

    def at(self, address: int) -> LineSpan | None:
        """The line of an address; None where nothing is known of it."""
        place = self._index.find(address)
        if place is not None:
            rows = self._rows(place)
            return None if rows is None else _span(rows, address)
        size = self._dwarf.size(".debug_line")
        at = 0
        while size <= SMALL and at + 4 < size:
            rows = self._rows(UnitPlace(at, b""))
            found = None if rows is None else _span(rows, address)
            if found is not None:
                return found
            at += 4 + int.from_bytes(self._dwarf.whole(".debug_line")[at : at + 4], "little")
        return None

    def _rows(self, place: UnitPlace) -> _Rows | None:
        if place.lines not in self._units:
            while len(self._units) >= KEPT:
                del self._units[next(iter(self._units))]
            self._units[place.lines] = self._decode(place)
        return self._units[place.lines]

    def _decode(self, place: UnitPlace) -> _Rows | None:
        length = int.from_bytes(self._dwarf.read(".debug_line", place.lines, 4), "little")
        data = self._dwarf.read(".debug_line", place.lines, 4 + length)
        rows: list[Row] = []
        try:
            unit = read_unit(
                Bytes(data, 4), len(data), self._dwarf.whole(".debug_line_str"), self._dwarf.whole(".debug_str")
            )
            rows += _sequences(data, unit)
        except BAD:
            if not rows:
                return None
        directory = clean((unit.directory or place.directory).decode("utf-8", "backslashreplace"))
        return _Rows([one.address for one in rows], rows, unit, directory)


def _sequences(data: bytes, unit: Unit) -> list[Row]:
    """The rows by address, without those that only repeat a line, as gdb has them. A sequence at 0 is of code that the
    linker left out."""
    found: list[list[Row]] = []
    sequence: list[Row] = []
    for row in read_rows(data, unit):
        if not row.repeated:
            sequence.append(row)
        if not row.line and not row.file:
            if sequence[0].address:
                found.append(sequence)
            sequence = []
    found.sort(key=lambda rows: rows[0].address)
    return [row for rows in found for row in rows]


def _span(rows: _Rows, address: int) -> LineSpan | None:
    """Of several rows at one address the last counts, but for one that begins a statement: so gdb reads them, too."""
    at = bisect_right(rows.addresses, address) - 1
    if at < 0:
        return None
    end = bisect_right(rows.addresses, rows.addresses[at])
    last = rows.addresses[end] if end < len(rows.addresses) else rows.addresses[at]
    best = at
    while (
        best
        and rows.addresses[best - 1] == rows.addresses[at]
        and not rows.rows[best].statement
        and rows.rows[best - 1].line
    ):
        best -= 1
    first, number, line, statement, _ = rows.rows[best if rows.rows[best].statement else at]
    index = number - rows.unit.first_file
    if last <= first or not 0 <= index < len(rows.unit.files) or (not line and not number):
        return None
    file = clean(rows.unit.files[index].decode("utf-8", "backslashreplace"))
    return LineSpan(first, last, file, rows.directory, line, statement)
