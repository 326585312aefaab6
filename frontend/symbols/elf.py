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
RELOCATABLE = 1
"""e_type of an object file: its sections have no addresses yet."""
_SYMBOL_TABLE, _LOADED, _NOTE, _EXECUTABLE, _COMPRESSED, _MANY = 2, 1, 4, 1, 0x800, 0xFFFF
_ALLOCATED, _INSTRUCTIONS = 2, 4
LONGEST_NOTES = 1 << 16
_BUILD_ID, _SECTION_OF_NOTES = 3, 7
_ORDERS = {1: "<", 2: ">"}


class BadElf(ValueError):
    """What is wrong with the file, for the end of a sentence."""


class Segment(NamedTuple):
    """A loaded segment; ``stored`` bytes of it are in the file, at ``offset``."""

    address: int
    physical: int
    size: int
    offset: int
    stored: int
    executable: bool


class Section(NamedTuple):
    """A section; ``number`` is what st_shndx of its symbols says, ``loaded``: does it take memory (SHF_ALLOC)?
    ``offset`` is that of its bytes in the file."""

    number: int
    name: str
    address: int
    size: int
    offset: int
    executable: bool
    loaded: bool


class RawSymbol(NamedTuple):
    """One entry of a symbol table: ``info`` is st_info, ``section`` st_shndx."""

    name: bytes
    info: int
    section: int
    value: int
    size: int


class Elf(NamedTuple):
    """``kind`` is e_type; ``build_id`` that of the GNU note, b"" without one; ``dwarf``: has it a .debug_info?
    Going through ``symbols``, the entries of all symbol tables, may raise `BadElf`."""

    kind: int
    segments: list[Segment]
    all_sections: list[Section]
    build_id: bytes
    dwarf: bool
    symbols: Iterator[RawSymbol]

    @property
    def sections(self) -> list[Section]:
        """Those that take memory."""
        return [one for one in self.all_sections if one.loaded]


class _Header(NamedTuple):
    """Of a section."""

    name: int
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int


def read_elf(file: BinaryIO) -> Elf:
    """What the headers of a file say. Raises `BadElf`, now or while the symbols come."""
    elf = _Reader(file)
    sections = elf.sections()
    dwarf = any(one.name in (".debug_info", ".zdebug_info") for one in sections)
    return Elf(elf.kind, elf.segments(), sections, elf.build_id(), dwarf, elf.symbols())


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
        self.kind, self._programs, self._sections = fields[0], fields[4], fields[5]
        self._program_size, programs, self._section_size, sections, self._titles = fields[8:13]
        self._program_count, self._section_count = programs, sections
        if self._sections and (not sections or programs == _MANY):  # the numbers are in section 0, then
            first = self._section(0)
            self._section_count = sections or first.size
            self._program_count = first.info if programs == _MANY else programs
        if max(self._program_count, self._section_count) > MOST_HEADERS:
            raise BadElf(f"it has more than {MOST_HEADERS} headers")

    def _read(self, offset: int, size: int, *, counted: bool = True) -> bytes:
        """What the file has of these bytes."""
        size = self._count(offset, size) if counted else self._within(offset, size)
        if not size:
            return b""
        self._file.seek(offset)
        return self._file.read(size)

    def _within(self, offset: int, size: int) -> int:
        return min(size, self._length - offset) if offset < self._length else 0

    def _count(self, offset: int, size: int) -> int:
        """How many of these bytes the file has. Parts of an honest file do not overlap, so all that is read of it is no
        more than it is."""
        size = self._within(offset, size)
        self._left -= size
        if self._left < 0:
            raise BadElf("its parts overlap")
        return size

    def _unpack(self, form: str, offset: int) -> tuple[int, ...]:
        layout = struct.Struct(self._order + form)
        data = self._read(offset, layout.size, counted=False)
        if len(data) < layout.size:
            raise BadElf("it ends within its headers")
        return layout.unpack(data)

    def _section(self, number: int) -> _Header:
        at = self._sections + number * self._section_size
        return _Header(*self._unpack("IIQQQQIIQQ" if self._wide else "IIIIIIIIII", at)[:8])

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
                stored = self._count(offset, stored) if executable else 0
                found.append(Segment(address, physical, size, offset, stored, executable))
        return found

    def sections(self) -> list[Section]:
        """All of them, in their order."""
        headers = [self._section(number) for number in range(self._section_count if self._sections else 0)]
        titles = b""
        if self._titles < len(headers):
            at = headers[self._titles]
            titles = self._read(at.offset, min(at.size, LONGEST_NOTES), counted=False)
        return [
            Section(
                number,
                _title(titles, one.name),
                one.address,
                one.size,
                one.offset,
                bool(one.flags & _INSTRUCTIONS),
                bool(one.flags & _ALLOCATED),
            )
            for number, one in enumerate(headers)
        ]

    def build_id(self) -> bytes:
        """Of the first note that is one: a name of 4 bytes, "GNU", and the number as its description."""
        for number in range(self._program_count if self._programs else 0):
            at = self._programs + number * self._program_size
            kind, *rest = self._unpack("IIQQQQQQ" if self._wide else "IIIIIIII", at)
            offset, stored = (rest[1], rest[4]) if self._wide else (rest[0], rest[3])
            if kind == _NOTE and (found := self._gnu_note(offset, stored)):
                return found
        for number in range(self._section_count if self._sections and self.kind == RELOCATABLE else 0):
            section = self._section(number)
            if section.type == _SECTION_OF_NOTES and (found := self._gnu_note(section.offset, section.size)):
                return found
        return b""

    def _gnu_note(self, offset: int, size: int) -> bytes:
        return gnu_build_id(self._read(offset, min(size, LONGEST_NOTES), counted=False), self._order)

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


def gnu_build_id(notes: bytes, order: str) -> bytes:
    """The build ID among ``notes``, b"" where there is none; ``order`` is a byte order of struct's."""
    head = struct.Struct(order + "III")
    at = 0
    while at + head.size <= len(notes):
        name_size, size, kind = head.unpack_from(notes, at)
        name = at + head.size
        described = name + (name_size + 3 & ~3)
        if kind == _BUILD_ID and notes[name : name + name_size] == b"GNU\0":
            return notes[described : described + min(size, 64)]
        at = described + (size + 3 & ~3)
    return b""


def _title(titles: bytes, at: int) -> str:
    end = titles.find(b"\0", at, at + LONGEST_NAME)
    return titles[at : max(end, at)].decode("latin-1")
