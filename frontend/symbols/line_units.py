"""Which unit of ``.debug_line`` has an address: ``.debug_aranges``, and the first entry of that unit in
``.debug_info``. DWARF 5 sections 6.1.2, 7.5 and 7.21.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from frontend.symbols.dwarf_file import BAD, Bytes, DwarfFile

LONGEST_HEAD = 4096
"""Bytes of a unit's first entry that are looked at."""
LONGEST_DECLARATIONS = 1 << 18
_NAME, _LINES, _DIRECTORY = 0x03, 0x10, 0x1B
_FIXED = {
    0x05: 2, 0x06: 4, 0x07: 8, 0x0B: 1, 0x0C: 1, 0x11: 1, 0x12: 2, 0x13: 4, 0x14: 8, 0x19: 0, 0x1E: 16, 0x20: 8,
    0x25: 1, 0x26: 2, 0x27: 3, 0x28: 4, 0x29: 1, 0x2A: 2, 0x2B: 3, 0x2C: 4,
}  # fmt: skip
"""Forms of so many bytes; 0x10, 0x17 and strings in other sections have 4 in the 32-bit format."""
_OFFSETS = frozenset((0x0E, 0x10, 0x17, 0x1F))
_ADDRESS, _STRING, _IMPLICIT, _INDIRECT = 0x01, 0x08, 0x21, 0x16
_ULEB = frozenset((0x0F, 0x15, 0x1A, 0x1B, 0x22, 0x23))
_SLEB, _BLOCKS = 0x0D, {0x0A: "B", 0x03: "H", 0x04: "I"}
_ULEB_BLOCKS = frozenset((0x09, 0x18))


class UnitPlace(NamedTuple):
    """Where the lines of a unit begin, and in which directory it was compiled, b"" where that is not said here."""

    lines: int
    directory: bytes


class UnitIndex:
    """The address ranges of one file's units."""

    def __init__(self, dwarf: DwarfFile) -> None:
        self._dwarf = dwarf
        self._ranges = sorted(_ranges(dwarf.whole(".debug_aranges")))
        self._starts = [one[0] for one in self._ranges]
        self._units: dict[int, UnitPlace | None] = {}

    def find(self, address: int) -> UnitPlace | None:
        """The unit that has the code there; None where none says so."""
        for start, size, unit in reversed(self._ranges[: bisect_right(self._starts, address)][-4:]):
            if start <= address < start + size:
                if unit not in self._units:
                    self._units[unit] = _unit_place(self._dwarf, unit)
                return self._units[unit]
        return None


def _ranges(data: bytes) -> list[tuple[int, int, int]]:
    """(address, size, offset of the unit in .debug_info)."""
    found: list[tuple[int, int, int]] = []
    at = 0
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "little")
        if length >= 0xFFFF_FFF0:
            break
        end = min(at + 4 + length, len(data))
        unit, width = int.from_bytes(data[at + 6 : at + 10], "little"), data[at + 10]
        if width in (4, 8):
            first = at + 12 + -12 % (2 * width)  # tuples are aligned from the set's beginning on
            for place in range(first, end - 2 * width + 1, 2 * width):
                address = int.from_bytes(data[place : place + width], "little")
                size = int.from_bytes(data[place + width : place + 2 * width], "little")
                if address and size:
                    found.append((address, size, unit))
        at += 4 + length
    return found


def _unit_place(dwarf: DwarfFile, offset: int) -> UnitPlace | None:
    try:
        return _read_unit_place(dwarf, Bytes(dwarf.read(".debug_info", offset, LONGEST_HEAD)))
    except BAD:
        return None


def _read_unit_place(dwarf: DwarfFile, head: Bytes) -> UnitPlace | None:
    head.take("I")
    version = head.take("H")
    if version >= 5:
        kind, width, declarations = head.take("B"), head.take("B"), head.take("I")
        head.at += {2: 12, 6: 12, 4: 8, 5: 8}.get(kind, 0)  # types: a signature and an offset; split units: an ID
    else:
        declarations, width = head.take("I"), head.take("B")
    code = head.uleb()
    lines, directory = None, b""
    for attribute, form in _declared(Bytes(dwarf.read(".debug_abbrev", declarations, LONGEST_DECLARATIONS)), code):
        value = _value(dwarf, head, form, width, wanted=attribute in (_LINES, _DIRECTORY))
        if attribute == _LINES and isinstance(value, int):
            lines = value
        elif attribute == _DIRECTORY and isinstance(value, bytes):
            directory = value
    return None if lines is None else UnitPlace(lines, directory)


def _declared(table: Bytes, code: int) -> list[tuple[int, int]]:
    """The attributes of an abbreviation, with their forms."""
    while (number := table.uleb()) != 0:
        table.uleb()
        table.take("B")
        found = []
        while True:
            attribute, form = table.uleb(), table.uleb()
            if form == _IMPLICIT:
                table.sleb()
            if not attribute and not form:
                break
            found.append((attribute, form))
        if number == code:
            return found
    return []


def _value(dwarf: DwarfFile, head: Bytes, form: int, width: int, *, wanted: bool) -> int | bytes | None:
    """The value of an attribute, which is read over in any case."""
    if form == _INDIRECT:
        form = head.uleb()
    if form in _OFFSETS:
        place = head.take("I")
        if form in (0x0E, 0x1F) and wanted:
            return Bytes(dwarf.whole(".debug_str" if form == 0x0E else ".debug_line_str"), place).string()
        return place
    if form == _STRING:
        return head.string()
    if form in _ULEB:
        return head.uleb()
    if form == _SLEB:
        return head.sleb()
    if form == _IMPLICIT:
        return None
    size = width if form == _ADDRESS else _FIXED.get(form)
    if size is None:
        size = head.uleb() if form in _ULEB_BLOCKS else head.take(_BLOCKS[form])
    value = int.from_bytes(head.data[head.at : head.at + size], "little")
    head.at += size
    return value
