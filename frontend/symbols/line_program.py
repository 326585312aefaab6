"""The units of ``.debug_line``: which files one has, and the rows of its program. DWARF 5 section 6.2; versions 2 to 5.

What does not fit is passed over, in time that the size of the section bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from frontend.symbols.dwarf_file import BAD, Bytes

_STRING, _STRP, _UDATA, _LINE_STRP = 0x08, 0x0E, 0x0F, 0x1F
_FIXED = {0x0B: 1, 0x05: 2, 0x06: 4, 0x07: 8, 0x1E: 16}
_PATH, _DIRECTORY = 1, 2


class Unit(NamedTuple):
    """One unit: its files by number, and how its program is read."""

    directory: bytes
    """In which it was compiled; b"" before version 5, where only .debug_info has it."""
    files: tuple[bytes, ...]
    first_file: int
    program: int
    end: int
    smallest: int
    line_base: int
    line_range: int
    lengths: tuple[int, ...]


def read_units(data: bytes, strings: bytes, more: bytes) -> Iterator[Unit]:
    """All units of a `.debug_line`; those that are not understood are passed over."""
    at = 0
    while at + 4 < len(data):
        length = int.from_bytes(data[at : at + 4], "little")
        if length >= 0xFFFF_FFF0:
            return  # the 64-bit format: nobody's kernel has it
        end = at + 4 + length
        with suppress(*BAD):  # of a version or a form that is not known
            yield read_unit(Bytes(data, at + 4), end, strings, more)
        at = end


def read_unit(head: Bytes, end: int, strings: bytes, more: bytes) -> Unit:
    """The header of one unit, ``head`` standing behind its length; ``strings`` is .debug_line_str, ``more`` .debug_str.
    Raises `BAD`."""
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
    return Unit(
        folders[0] if folders else b"", files, version < 5, program, end, smallest, line_base, line_range, lengths
    )


def _joined(folders: list[bytes], name: bytes, folder: int) -> bytes:
    """The first folder is that of the compilation, to which the others are relative."""
    if name.startswith(b"/") or not 0 < folder < len(folders):
        return name
    return folders[folder].rstrip(b"/") + b"/" + name


def _entries(head: Bytes, strings: bytes, more: bytes) -> list[tuple[bytes, int]]:
    """Of version 5: (path, folder)."""
    forms = [(head.uleb(), head.uleb()) for _ in range(head.take("B"))]
    found = []
    for _ in range(head.uleb()):
        path, folder = b"", 0
        for what, form in forms:
            if form in (_LINE_STRP, _STRP):
                place = head.take("I")
                value: bytes | int = (
                    Bytes(strings if form == _LINE_STRP else more, place).string() if what == _PATH else 0
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


def _old_entries(head: Bytes) -> tuple[list[bytes], list[tuple[bytes, int]]]:
    folders, files = [b""], []
    while folder := head.string():
        folders.append(folder)
    while name := head.string():
        files.append((name, head.uleb()))
        head.uleb(), head.uleb()
    return folders, files


class Row(NamedTuple):
    """Code from ``address`` on is of this file and line; line 0 with file 0 ends a sequence. ``statement`` is is_stmt;
    ``repeated``: it is the line of the row in front, which the compiler has in several parts (discriminators)."""

    address: int
    file: int
    line: int
    statement: bool
    repeated: bool


def read_rows(data: bytes, unit: Unit) -> Iterator[Row]:
    """The rows of a unit: DWARF 5 section 6.2.5. Raises `BAD`."""
    code = Bytes(data, unit.program)
    address, number, line, statement = 0, 1, 1, True
    discriminator, parts, last = 0, False, (0, 0)
    base = len(unit.lengths) + 1
    while code.at < unit.end:
        opcode = code.take("B")
        moved, copied = 0, False
        if opcode >= base:
            address += (opcode - base) // unit.line_range * unit.smallest
            moved, copied = unit.line_base + (opcode - base) % unit.line_range, True
        elif opcode == 0:
            length = code.uleb()
            end = code.at + length
            match code.take("B"):
                case 1:
                    yield Row(address, 0, 0, False, False)
                    address, number, line, statement = 0, 1, 1, True
                    discriminator, parts, last = 0, False, (0, 0)
                case 2:
                    address = int.from_bytes(data[code.at : end], "little")
                case 4:
                    discriminator = code.uleb()
                    parts = parts or discriminator != 0
            code.at = end
        elif opcode == 1:
            copied = True
        elif opcode == 2:
            address += code.uleb() * unit.smallest
        elif opcode == 3:
            moved = code.sleb()
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
        if moved:
            line, parts = line + moved, discriminator != 0
        if copied:
            yield Row(address, number, line, statement, parts and last == (number, line))
            discriminator, last = 0, (number, line)
