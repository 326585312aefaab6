"""The names in an ELF file, each with the addresses that it may name.

Names come from a file that we do not trust: they are kept `clean`.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from frontend.clean import clean
from frontend.symbols.code import CodeSegment
from frontend.symbols.elf import RELOCATABLE, Elf, RawSymbol, read_elf
from frontend.symbols.symbol import FARTHEST, MASK, Kind, Symbol, SymbolError, limited
from frontend.symbols.symbol_file import SymbolFile
from transports import open_regular

PER_CPU = ".data..percpu"
"""Linux's template of each CPU's variables; the addresses of what is in it are offsets."""
_KINDS: dict[int, Kind] = {0: "label", 1: "object", 2: "function", 10: "function"}
_UNDEFINED, _ABSOLUTE = 0, 0xFFF1


def is_elf(path: str | Path) -> bool:
    """Is there an ELF file that can be read?"""
    try:
        with open_regular(path) as file:
            return file.read(4) == b"\x7fELF"
    except OSError:
        return False


def is_i386(path: str | Path) -> bool:
    """Is it an ELF file of 32-bit x86? (gABI: EI_CLASS 1, e_machine 3)"""
    try:
        with open_regular(path) as file:
            head = file.read(20)
    except OSError:
        return False
    return head[:6] == b"\x7fELF\x01\x01" and head[18:] == b"\x03\x00"


def read_elf_names(path: str, placed: Mapping[str, int] | None = None) -> SymbolFile:
    """The names of the ELF file ``path``; those of an object file (a module of Linux) in the sections that ``placed``
    has an address for. Raises `SymbolError`."""
    with _elf(path) as elf:
        if elf.kind == RELOCATABLE and not placed:
            raise SymbolError(
                f"{clean(path)} has no addresses of its own: it is an object file or a module. Where its sections "
                "are, add-symbol-file FILE ADDRESS -s SECTION ADDRESS says."
            )
        symbols = limited(list(_symbols(elf, placed or {})))
        return _file(path, elf, symbols)


@contextmanager
def _elf(path: str) -> Iterator[Elf]:
    """The file, open for the length of the block; what is wrong with it is a `SymbolError`."""
    try:
        with open_regular(os.path.expanduser(path)) as file:
            yield read_elf(file)
    except OSError as error:
        raise SymbolError(f"Cannot read symbols from {clean(path)}: {error.strerror}.") from error
    except ValueError as error:  # a name with a NUL in it, too
        raise SymbolError(f"{clean(path)} is not a whole ELF file: {clean(str(error))}.") from error


def without_names(path: str) -> SymbolFile:
    """What the headers of an ELF file say. Raises `SymbolError`."""
    with _elf(path) as elf:
        return _file(path, elf, [])


def text_address(path: str) -> int | None:
    """Where .text of an ELF file was linked to; None for an object file. Raises `SymbolError`."""
    with _elf(path) as elf:
        if elf.kind == RELOCATABLE:
            return None
        return next((one.address for one in elf.sections if one.name == ".text"), 0)


def _file(path: str, elf: Elf, symbols: list[Symbol]) -> SymbolFile:
    first = min((one.address for one in elf.segments), default=0)
    last = max((one.address + one.size for one in elf.segments), default=0)
    return SymbolFile(path, symbols, _code(path, elf), elf.build_id, elf.dwarf, (first, last))


def _code(path: str, elf: Elf) -> tuple[CodeSegment, ...]:
    parts = (one for one in elf.segments if one.executable)
    where = os.path.expanduser(path)
    return tuple(CodeSegment(one.address, one.physical, where, one.offset, one.stored) for one in parts)


class _Room:
    """The addresses of a section: where it is, and what its symbols' values are counted from."""

    __slots__ = ("end", "per_cpu", "shift", "start")

    def __init__(self, start: int, size: int, shift: int, per_cpu: bool) -> None:
        self.start, self.end, self.shift, self.per_cpu = start, start + size, shift, per_cpu


def _rooms(elf: Elf, placed: Mapping[str, int]) -> dict[int, _Room]:
    """By st_shndx. Of an object file a section that was placed; st_value is an offset in it then."""
    if elf.kind != RELOCATABLE:
        return {one.number: _Room(one.address, one.size, 0, one.name == PER_CPU) for one in elf.sections}
    return {
        one.number: _Room(placed[one.name], one.size, placed[one.name], False)
        for one in elf.sections
        if one.name in placed
    }


def _symbols(elf: Elf, placed: Mapping[str, int]) -> Iterator[Symbol]:
    """Functions, objects and untyped labels; ELF specification, symbol table."""
    rooms = _rooms(elf, placed)
    for entry in elf.symbols:
        kind = _KINDS.get(entry.info & 15)
        if kind is None or entry.section == _UNDEFINED or not entry.name or entry.name[:1] == b"$":
            continue
        name = _name(entry.name)
        if entry.section == _ABSOLUTE:
            yield Symbol(entry.value, name, entry.size, "absolute", entry.value)
            continue
        room = rooms.get(entry.section)
        if room is not None:
            yield _placed(entry, name, kind, room)


def _placed(entry: RawSymbol, name: str, kind: Kind, room: _Room) -> Symbol:
    """No symbol names what lies outside of its section; one that stands at the section's end names that place alone."""
    address = (entry.value + room.shift) & MASK
    if room.per_cpu:
        return Symbol(address, name, entry.size, "per-cpu", address)
    if not room.start <= address <= room.end:
        return Symbol(address, name, entry.size, kind, address)
    reach = max(room.end, address + 1)
    return Symbol(address, name, entry.size, kind, min(address + (entry.size or FARTHEST), reach))


def _name(raw: bytes) -> str:
    text = raw.decode("utf-8", "backslashreplace")
    return text if text.isascii() and text.isprintable() else clean(text)
