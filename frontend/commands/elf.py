"""ELF files that nobody has to trust: segments, code and symbol tables. Reading takes time and memory in proportion to
the file, whatever its headers say; what they name beyond its end is not there.

Format: System V ABI, chapters 4 and 5; the sizes of its 32- and 64-bit structures are those of elf.h.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

MOST_HEADERS = 1 << 16
"""Of either kind. A kernel has some fifty, an object file of one section a function some thousands."""
MOST_SYMBOLS = 1 << 22
LONGEST_NAME = 4096
_SYMBOL_TABLE, _LOADED, _EXECUTABLE, _COMPRESSED, _MANY = 2, 1, 1, 0x800, 0xFFFF
_ORDERS = {1: "<", 2: ">"}


class BadElf(ValueError):
    """What is wrong with the file, for the end of a sentence."""


class Segment(NamedTuple):
    """A loaded segment; ``code`` are its bytes in the file where they can be executed, else nothing."""

    address: int
    physical: int
    size: int
    code: bytes
    executable: bool


class RawSymbol(NamedTuple):
    """One entry of a symbol table: ``info`` is st_info, ``section`` st_shndx."""

    name: bytes
    info: int
    section: int
    value: int
    size: int


class _Section(NamedTuple):
    type: int
    flags: int
    offset: int
    size: int
    link: int
    info: int


def read_elf(file: BinaryIO) -> tuple[list[Segment], Iterator[RawSymbol]]:
    """The loaded segments, and the entries of all symbol tables. Raises `BadElf`, now or while the symbols come."""
    elf = _Reader(file)
    return elf.segments(), elf.symbols()


class _Reader:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._length = os.fstat(file.fileno()).st_size
        self._left = self._length
        ident = self._read(0, 16, counted=False)
        if ident[:4] != b"\x7fELF":
            raise BadElf("it does not begin as one")
        if len(ident) < 16 or ident[4] not in (1, 2) or ident[5] not in _ORDERS:
            raise BadElf("its class or its byte order is none")
        self._wide, self._order = ident[4] == 2, _ORDERS[ident[5]]
        fields = self._unpack("HHIQQQIHHHHHH" if self._wide else "HHIIIIIHHHHHH", 16)
        self._programs, self._sections = fields[4], fields[5]
        self._program_size, programs, self._section_size, sections = fields[8:12]
        self._program_count, self._section_count = programs, sections
        if self._sections and (not sections or programs == _MANY):  # the numbers are in section 0, then
            first = self._section(0)
            self._section_count = sections or first.size
            self._program_count = first.info if programs == _MANY else programs
        if max(self._program_count, self._section_count) > MOST_HEADERS:
            raise BadElf(f"it has more than {MOST_HEADERS} headers")

    def _read(self, offset: int, size: int, *, counted: bool = True) -> bytes:
        """What the file has of these bytes. Parts of an honest file do not overlap, so all that is read of it
        (``counted``) is no more than it is."""
        if offset >= self._length:
            return b""
        size = min(size, self._length - offset)
        if counted:
            self._left -= size
            if self._left < 0:
                raise BadElf("its parts overlap")
        self._file.seek(offset)
        return self._file.read(size)

    def _unpack(self, form: str, offset: int) -> tuple[int, ...]:
        layout = struct.Struct(self._order + form)
        data = self._read(offset, layout.size, counted=False)
        if len(data) < layout.size:
            raise BadElf("it ends within its headers")
        return layout.unpack(data)

    def _section(self, number: int) -> _Section:
        at = self._sections + number * self._section_size
        fields = self._unpack("IIQQQQIIQQ" if self._wide else "IIIIIIIIII", at)
        return _Section(fields[1], fields[2], *fields[4:8])

    def segments(self) -> list[Segment]:
        found = []
        for number in range(self._program_count if self._programs else 0):
            at = self._programs + number * self._program_size
            if self._wide:
                kind, flags, offset, address, physical, stored, size, _ = self._unpack("IIQQQQQQ", at)
            else:
                kind, offset, address, physical, stored, size, flags, _ = self._unpack("IIIIIIII", at)
            if kind == _LOADED:
                executable = bool(flags & _EXECUTABLE)
                code = self._read(offset, stored) if executable else b""
                found.append(Segment(address, physical, size, code, executable))
        return found

    def symbols(self) -> Iterator[RawSymbol]:
        count = 0
        entry = struct.Struct(self._order + ("IBBHQQ" if self._wide else "IIIBBH"))
        for number in range(self._section_count if self._sections else 0):
            section = self._section(number)
            if section.type != _SYMBOL_TABLE or section.flags & _COMPRESSED or section.link >= self._section_count:
                continue
            titles = self._section(section.link)
            table, names = self._read(section.offset, section.size), self._read(titles.offset, titles.size)
            count += len(table) // entry.size
            if count > MOST_SYMBOLS:
                raise BadElf(f"it has more than {MOST_SYMBOLS} symbols")
            yield from self._entries(table, names, entry)

    def _entries(self, table: bytes, names: bytes, entry: struct.Struct) -> Iterator[RawSymbol]:
        """Names may share their ends, as linkers do; those that share more than that are no names."""
        left = 4 * len(names) + LONGEST_NAME
        for fields in entry.iter_unpack(table[: len(table) // entry.size * entry.size]):
            if self._wide:
                name, info, _, section, value, size = fields
            else:
                name, value, size, info, _, section = fields
            end = names.find(b"\0", name, name + LONGEST_NAME)
            text = names[name : name + LONGEST_NAME if end < 0 else end]
            left -= len(text)
            if left < 0:
                raise BadElf("its names overlap")
            yield RawSymbol(text, info, section, value, size)
