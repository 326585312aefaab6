"""From a line of the source to its addresses: the headers of ``.debug_line`` are gone through, and only the units that
name the file are decoded. DWARF 5 section 6.2; versions 2 to 5.

The file is the user's, and nobody has to trust it: what does not fit is passed over, in time that its size bounds.
"""

from __future__ import annotations

import os.path
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from frontend.clean import clean
from frontend.symbols.elf import Section, read_elf
from frontend.symbols.symbol import SymbolError
from transports import open_regular

MOST_BYTES = 512 << 20
_STRING, _STRP, _UDATA, _LINE_STRP = 0x08, 0x0E, 0x0F, 0x1F
_FIXED = {0x0B: 1, 0x05: 2, 0x06: 4, 0x07: 8, 0x1E: 16}
_PATH, _DIRECTORY = 1, 2


class LinePlace(NamedTuple):
    """Where code of a line begins. ``line`` is the one that has code, at or behind the one that was asked for."""

    address: int
    file: str
    line: int


class _Bytes:
    """Reading along; IndexError, struct.error or ValueError where they end."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def take(self, form: str) -> int:
        (value,) = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return int(value)

    def uleb(self) -> int:
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
            if shift > 70:
                raise ValueError("a number that does not end")

    def sleb(self) -> int:
        begin = self.at
        value = self.uleb()
        bits = 7 * (self.at - begin)
        return value - (1 << bits) if value >> (bits - 1) & 1 else value

    def string(self) -> bytes:
        end = self.data.index(b"\0", self.at)
        value = self.data[self.at : end]
        self.at = end + 1
        return value


class _Unit(NamedTuple):
    """One unit: its files by number, and how its program is read."""

    files: tuple[bytes, ...]
    first_file: int
    program: int
    end: int
    smallest: int
    line_base: int
    line_range: int
    lengths: tuple[int, ...]


def find_lines(path: str, file: str, line: int) -> list[LinePlace]:
    """The addresses, as linked, of the code of ``file``:``line``, or of the next line that has code, lowest first.
    Raises `SymbolError` where the file cannot be read."""
    lines, strings, more = _sections(path)
    wanted = file.encode()
    found: list[LinePlace] = []
    for unit in _units(lines, strings, more):
        numbers = [at for at, name in enumerate(unit.files) if _is_file(name, wanted)]
        if numbers:
            found += _places(lines, unit, {at + unit.first_file for at in numbers}, line)
    best = min((one.line for one in found), default=0)
    return sorted({one for one in found if one.line == best})


def _is_file(name: bytes, wanted: bytes) -> bool:
    return name == wanted or name.endswith(b"/" + wanted)


def _sections(path: str) -> tuple[bytes, bytes, bytes]:
    try:
        with open_regular(os.path.expanduser(path)) as file:
            by_name: dict[str, Section] = {one.name: one for one in read_elf(file).all_sections}

            def content(name: str) -> bytes:
                section = by_name.get(name)
                if section is None:
                    return b""
                file.seek(section.offset)
                return file.read(min(section.size, MOST_BYTES))

            return content(".debug_line"), content(".debug_line_str"), content(".debug_str")
    except OSError as error:
        raise SymbolError(f"Cannot read lines from {clean(path)}: {error.strerror}.") from error
    except ValueError as error:
        raise SymbolError(f"{clean(path)} is not a whole ELF file: {clean(str(error))}.") from error


def _units(data: bytes, strings: bytes, more: bytes) -> Iterator[_Unit]:
    at = 0
    while at + 4 < len(data):
        length = int.from_bytes(data[at : at + 4], "little")
        if length >= 0xFFFF_FFF0:
            return  # the 64-bit format: nobody's kernel has it
        end = at + 4 + length
        with suppress(IndexError, ValueError, struct.error, KeyError):  # of a version or a form that is not known
            yield _unit(_Bytes(data, at + 4), end, strings, more)
        at = end


def _unit(head: _Bytes, end: int, strings: bytes, more: bytes) -> _Unit:
    version = head.take("H")
    if not 2 <= version <= 5:
        raise ValueError("another version")
    if version == 5:
        head.at += 2
    program = head.take("I")
    program += head.at
    smallest = head.take("B")
    head.at += version >= 4
    head.at += 1
    line_base, line_range, opcodes = head.take("b"), head.take("B"), head.take("B")
    lengths = tuple(head.take("B") for _ in range(opcodes - 1))
    if version == 5:
        folders = [name for name, _ in _entries(head, strings, more)]
        named = _entries(head, strings, more)
    else:
        folders, named = _old_entries(head)
    files = tuple(_joined(folders, name, folder) for name, folder in named)
    return _Unit(files, version < 5, program, end, smallest, line_base, line_range, lengths)


def _joined(folders: list[bytes], name: bytes, folder: int) -> bytes:
    """The first folder is that of the compilation, to which the others are relative."""
    if name.startswith(b"/") or not 0 < folder < len(folders):
        return name
    return folders[folder].rstrip(b"/") + b"/" + name


def _entries(head: _Bytes, strings: bytes, more: bytes) -> list[tuple[bytes, int]]:
    """Of version 5: (path, folder)."""
    forms = [(head.uleb(), head.uleb()) for _ in range(head.take("B"))]
    found = []
    for _ in range(head.uleb()):
        path, folder = b"", 0
        for what, form in forms:
            if form in (_LINE_STRP, _STRP):
                place = head.take("I")
                value: bytes | int = (
                    _Bytes(strings if form == _LINE_STRP else more, place).string() if what == _PATH else 0
                )
            elif form == _STRING:
                value = head.string()
            elif form == _UDATA:
                value = head.uleb()
            else:
                size = _FIXED[form]
                value = int.from_bytes(head.data[head.at : head.at + size], "little")
                head.at += size
            if what == _PATH and isinstance(value, bytes):
                path = value
            elif what == _DIRECTORY and isinstance(value, int):
                folder = value
        found.append((path, folder))
    return found


def _old_entries(head: _Bytes) -> tuple[list[bytes], list[tuple[bytes, int]]]:
    folders, files = [b""], []
    while folder := head.string():
        folders.append(folder)
    while name := head.string():
        files.append((name, head.uleb()))
        head.uleb(), head.uleb()
    return folders, files


def _places(data: bytes, unit: _Unit, numbers: set[int], wanted: int) -> list[LinePlace]:
    """The beginnings of the code of the nearest line from ``wanted`` on."""
    best: list[LinePlace] = []
    previous: tuple[int, int] | None = None
    try:
        for address, number, line, statement in _rows(data, unit):
            here = number, line
            if statement and number in numbers and line >= wanted and here != previous and address:
                if best and line < best[0].line:
                    best = []
                if not best or line == best[0].line:
                    name = unit.files[number - unit.first_file].decode("utf-8", "backslashreplace")
                    best.append(LinePlace(address, clean(name), line))
            previous = here
    except (IndexError, ValueError, struct.error):
        return best
    return best


def _rows(data: bytes, unit: _Unit) -> Iterator[tuple[int, int, int, bool]]:
    """(address, file, line, is_stmt) of each row: DWARF 5 section 6.2.5."""
    code = _Bytes(data, unit.program)
    address, number, line, statement = 0, 1, 1, True
    base = len(unit.lengths) + 1
    while code.at < unit.end:
        opcode = code.take("B")
        if opcode >= base:
            address += (opcode - base) // unit.line_range * unit.smallest
            line += unit.line_base + (opcode - base) % unit.line_range
            yield address, number, line, statement
        elif opcode == 0:
            length = code.uleb()
            end = code.at + length
            match code.take("B"):
                case 1:
                    address, number, line, statement = 0, 1, 1, True
                case 2:
                    address = int.from_bytes(data[code.at : end], "little")
            code.at = end
        elif opcode == 1:
            yield address, number, line, statement
        elif opcode == 2:
            address += code.uleb() * unit.smallest
        elif opcode == 3:
            line += code.sleb()
        elif opcode == 4:
            number = code.uleb()
        elif opcode == 6:
            statement = not statement
        elif opcode == 8:
            address += (255 - base) // unit.line_range * unit.smallest
        elif opcode == 9:
            address += code.take("H")
        else:
            for _ in range(unit.lengths[opcode - 1]):
                code.uleb()
