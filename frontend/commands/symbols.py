"""Names of addresses, from ELF files: functions and objects by name and by address, and where code lies.

pyelftools reads the headers (imported at first use); the symbol tables are unpacked directly, since a kernel
has some hundred thousand entries. Names come from a file that we do not trust: they are kept `clean`.
"""

from __future__ import annotations

import bisect
import os.path
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from frontend.clean import clean
from gdbstub.errors import GdbError
from gdbstub.x86.decode import LONGEST, decode, shape
from gdbstub.x86.lidt import find_lidt
from gdbstub.x86.registers import Mode

MASK = (1 << 64) - 1
FARTHEST = 0x1_0000
"""A symbol without a size names addresses up to this far behind it, within its segment."""
CODE_MODES: tuple[Mode, ...] = (32, 64)

Kind = Literal["function", "object", "label"]


class SymbolError(GdbError):
    """A file has no symbols that we can read."""


class Symbol(NamedTuple):
    """One name. ``size`` is 0 where the file has none; ``limit`` is the first address it cannot name."""

    address: int
    name: str
    size: int
    kind: Kind
    limit: int

    @property
    def note(self) -> str:
        """As a recording keeps it."""
        return f"{self.address:#x} {self.size:#x} {self.limit:#x} {self.kind} {self.name}"

    @classmethod
    def of_note(cls, text: str) -> Symbol:
        """ValueError where ``text`` is none."""
        address, size, limit, kind, name = text.split(" ", 4)
        if kind not in _KIND_NAMES:
            raise ValueError(f"{kind!r} is no kind of symbol")
        return cls(int(address, 16) & MASK, clean(name), int(size, 16), _KIND_NAMES[kind], int(limit, 16))


class CodeSegment(NamedTuple):
    """An executable segment: linear and physical address, and its bytes in the file."""

    address: int
    physical: int
    data: bytes


def is_elf(path: str | Path) -> bool:
    """Is there an ELF file that can be read?"""
    try:
        with open(path, "rb") as file:
            return file.read(4) == b"\x7fELF"
    except OSError:
        return False


class Symbols:
    """The symbols of any number of files. All methods are plain look-ups but `add`, which reads."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self.code: list[CodeSegment] = []
        self._by_name: dict[str, Symbol] = {}
        self._sorted: list[Symbol] = []
        self._addresses: list[int] = []
        self._names: list[str] | None = None
        self.on_use: Callable[[Symbol], None] | None = None
        """Hears of every symbol that is asked for and found, once: a recording keeps those."""
        self._used: set[Symbol] = set()

    def __len__(self) -> int:
        return len(self._by_name)

    def add(self, path: str | Path, offset: int = 0) -> int:
        """Read an ELF file and say how many names it gave; ``offset`` is added to its addresses (a slide).

        `SymbolError` where the file is not there or is no ELF file. Names of later files win.
        """
        symbols, code = _read(str(path), offset)
        self.files.append(str(path))
        self.code.extend(code)
        self.learn(symbols)
        return len(symbols)

    def learn(self, symbols: Sequence[Symbol]) -> None:
        """Take symbols of another origin than a file: a recording."""
        self._by_name.update((symbol.name, symbol) for symbol in symbols)
        self._sorted = sorted([*self._sorted, *symbols], key=_rank)
        self._addresses = [symbol.address for symbol in self._sorted]
        self._names = None

    def _tell(self, symbol: Symbol) -> Symbol:
        if self.on_use is not None and symbol not in self._used:
            self._used.add(symbol)
            self.on_use(symbol)
        return symbol

    def find(self, name: str) -> Symbol | None:
        symbol = self._by_name.get(name)
        return None if symbol is None else self._tell(symbol)

    def lookup(self, name: str) -> int | None:
        """The address that ``name`` stands for."""
        symbol = self.find(name)
        return None if symbol is None else symbol.address

    def symbol_at(self, address: int) -> Symbol | None:
        """The best name for ``address``: the nearest below that covers it; functions before labels."""
        index = bisect.bisect_right(self._addresses, address)
        for symbol in reversed(self._sorted[max(0, index - 16) : index]):
            if address < symbol.limit:
                return self._tell(symbol)
        return None

    def nearest(self, address: int) -> tuple[str, int] | None:
        """``(name, offset)`` for ``address``, or None where no symbol covers it."""
        symbol = self.symbol_at(address)
        return None if symbol is None else (symbol.name, address - symbol.address)

    def text(self, address: int) -> str:
        """`` <name+offset>`` as gdb writes it behind an address, or nothing."""
        found = self.nearest(address)
        if found is None:
            return ""
        name, offset = found
        return f" <{name}+{offset}>" if offset else f" <{name}>"

    def starting_with(self, prefix: str, limit: int = 100) -> list[str]:
        """Names for completion, in order."""
        if self._names is None:
            self._names = sorted(self._by_name)
        start = bisect.bisect_left(self._names, prefix)
        found: list[str] = []
        for name in self._names[start : start + limit]:
            if not name.startswith(prefix):
                break
            found.append(name)
        return found

    def lidt_candidates(self) -> tuple[int, ...]:
        """Where an LIDT may stand in the executable segments of all files, by linear and by physical address."""
        places = {(start, segment.data) for segment in self.code for start in (segment.address, segment.physical)}
        return tuple(sorted({address for start, data in places for address in find_lidt(data, start)}))

    def lidt_instructions(self) -> tuple[int, ...]:
        """Those of the candidates at which an LIDT begins for sure: the code read from the symbol in front of it comes
        by there, as 32-bit and as 64-bit code."""
        found = set()
        for segment in self.code:
            for address in find_lidt(segment.data, segment.address):
                symbol = self.symbol_at(address)
                if symbol is not None and _leads_to_lidt(segment, symbol.address, address):
                    found |= {address, address - segment.address + segment.physical}
        return tuple(sorted(found))


def _leads_to_lidt(segment: CodeSegment, start: int, address: int) -> bool:
    """Is there an LIDT at ``address`` when the code from ``start`` on is read, whatever its mode?"""
    if start < segment.address:
        return False
    for mode in CODE_MODES:
        at = start
        while at < address and (known := shape(segment.data[at - segment.address :][:LONGEST], mode)) is not None:
            at += len(known.bytes)
        last = decode(segment.data[address - segment.address :][:LONGEST], address, mode)
        if at != address or last is None or last.mnemonic != "lidt":
            return False
    return True


def _rank(symbol: Symbol) -> tuple[int, int, int]:
    """By address; of several at one address a function, then one with a size, comes last and wins."""
    return symbol.address, _RANKS[symbol.kind], symbol.size


def _read(path: str, offset: int) -> tuple[list[Symbol], list[CodeSegment]]:
    from elftools.common.exceptions import ELFError, ELFParseError  # a heavy import, and seldom needed

    try:
        with open(os.path.expanduser(path), "rb") as file:
            return _parse(file, offset)
    except OSError as error:
        raise SymbolError(f"Cannot read symbols from {path}: {error.strerror}.") from error
    except (ELFError, ELFParseError, struct.error, UnicodeError, ValueError, OverflowError) as error:
        raise SymbolError(f"{path} is not a whole ELF file: {clean(str(error))}.") from error


def _parse(file: BinaryIO, offset: int) -> tuple[list[Symbol], list[CodeSegment]]:
    from elftools.elf.elffile import ELFFile

    elf = ELFFile(file)
    loads = [segment for segment in elf.iter_segments() if segment["p_type"] == "PT_LOAD"]
    ranges = [(s["p_vaddr"] + offset, s["p_vaddr"] + s["p_memsz"] + offset) for s in loads]
    code = [CodeSegment((s["p_vaddr"] + offset) & MASK, s["p_paddr"], s.data()) for s in loads if s["p_flags"] & 1]
    entry = struct.Struct(("<" if elf.little_endian else ">") + ("IBBHQQ" if elf.elfclass == 64 else "IIIBBH"))
    found: list[Symbol] = []
    for section in elf.iter_sections("SHT_SYMTAB"):
        names = elf.get_section(section["sh_link"]).data()
        found.extend(_symbols(section.data(), names, entry, offset, ranges))
    return _limited(found), code


def _symbols(
    table: bytes, names: bytes, entry: struct.Struct, offset: int, ranges: Sequence[tuple[int, int]]
) -> Iterator[Symbol]:
    """Functions, objects and untyped labels that lie in a section. ELF specification, symbol table."""
    wide = entry.size == 24
    for fields in entry.iter_unpack(table[: len(table) // entry.size * entry.size]):
        if wide:
            name, info, _, section, value, size = fields
        else:
            name, value, size, info, _, section = fields
        kind = _KINDS.get(info & 15)
        if kind is None or section in (0, _ABSOLUTE):
            continue
        text = names[name : names.find(b"\0", name)].decode("utf-8", "backslashreplace")
        if not text or text[0] == "$":
            continue
        address = (value + offset) & MASK
        end = next((end for start, end in ranges if start <= address < end), address + 1)
        limit = address + size if size else min(end, address + FARTHEST)
        yield Symbol(address, clean(text), size, kind, limit)


_KINDS: dict[int, Literal["function", "object", "label"]] = {
    0: "label",
    1: "object",
    2: "function",
    10: "function",
}
_RANKS: dict[Kind, int] = {"label": 0, "object": 1, "function": 2}
_KIND_NAMES: dict[str, Kind] = {kind: kind for kind in _RANKS}
_ABSOLUTE = 0xFFF1


def _limited(symbols: list[Symbol]) -> list[Symbol]:
    """Sorted, and each symbol without a size ends where the next one begins."""
    symbols.sort(key=_rank)
    result: list[Symbol] = []
    here = following = MASK + 1
    for symbol in reversed(symbols):
        if symbol.address < here:
            here, following = symbol.address, here
        result.append(symbol if symbol.size else symbol._replace(limit=min(symbol.limit, following)))
    result.reverse()
    return result
