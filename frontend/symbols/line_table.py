"""From a line of the source to its addresses: the headers of ``.debug_line`` are gone through, and only the units that
name the file are decoded."""

from __future__ import annotations

from typing import NamedTuple

from frontend.clean import clean
from frontend.symbols.dwarf_file import BAD, DwarfFile
from frontend.symbols.line_program import Unit, read_rows, read_units


class LinePlace(NamedTuple):
    """Where code of a line begins. ``line`` is the one that has code, at or behind the one that was asked for."""

    address: int
    file: str
    line: int


def find_lines(path: str, file: str, line: int) -> list[LinePlace]:
    """The addresses, as linked, of the code of ``file``:``line``, or of the next line that has code, lowest first.
    Raises `SymbolError` where the file cannot be read."""
    dwarf = DwarfFile(path)
    lines = dwarf.whole(".debug_line")
    wanted = file.encode()
    found: list[LinePlace] = []
    for unit in read_units(lines, dwarf.whole(".debug_line_str"), dwarf.whole(".debug_str")):
        numbers = [at for at, name in enumerate(unit.files) if is_file(name, wanted)]
        if numbers:
            found += _places(lines, unit, {at + unit.first_file for at in numbers}, line)
    best = min((one.line for one in found), default=0)
    return sorted({one for one in found if one.line == best})


def find_file(path: str, file: str) -> tuple[str, str] | None:
    """The path that the first unit with ``file`` has for it, and in which directory it was compiled. Raises
    `SymbolError`."""
    dwarf = DwarfFile(path)
    wanted = file.encode()
    for unit in read_units(dwarf.whole(".debug_line"), dwarf.whole(".debug_line_str"), dwarf.whole(".debug_str")):
        for name in unit.files:
            if is_file(name, wanted):
                return _text(name), _text(unit.directory)
    return None


def is_file(name: bytes, wanted: bytes) -> bool:
    """Is ``wanted`` the path ``name``, or its end?"""
    return name == wanted or name.endswith(b"/" + wanted)


def _text(name: bytes) -> str:
    return clean(name.decode("utf-8", "backslashreplace"))


def _places(data: bytes, unit: Unit, numbers: set[int], wanted: int) -> list[LinePlace]:
    """The beginnings of the code of the nearest line from ``wanted`` on."""
    best: list[LinePlace] = []
    previous: tuple[int, int] | None = None
    try:
        for address, number, line, statement, _ in read_rows(data, unit):
            here = number, line
            if statement and number in numbers and line >= wanted and here != previous and address:
                if best and line < best[0].line:
                    best = []
                if not best or line == best[0].line:
                    best.append(LinePlace(address, _text(unit.files[number - unit.first_file]), line))
            previous = here
    except BAD:
        return best
    return best
