"""Names of addresses, from any number of files: by name, by address, and where their code lies."""

from __future__ import annotations

import bisect
import os.path
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from frontend.clean import clean
from frontend.symbols.code import CodeSegment, find_places
from frontend.symbols.elf_names import is_elf, read_elf_names
from frontend.symbols.symbol import MASK, NAMELESS, Kind, Symbol, SymbolError, rank
from frontend.symbols.symbol_file import SymbolFile
from frontend.symbols.text_names import is_map, read_map
from gdbstub.debugger.exception_frame import CODE_AFTER, CODE_BEFORE
from gdbstub.debugger.kernel_code import LidtPlaces
from gdbstub.explain.evidence import CodeBytes

__all__ = ["Kind", "Symbol", "SymbolError", "Symbols", "file_and_offset", "is_elf", "read_names"]


def read_names(path: str, placed: Mapping[str, int] | None = None) -> SymbolFile:
    """The names of a file of either form: ELF, or a list of Linux's. Raises `SymbolError`."""
    return read_map(path) if placed is None and is_map(path) else read_elf_names(path, placed)


def file_and_offset(text: str) -> tuple[str, int | None]:
    """``FILE[@OFFSET]``; the offset is None where none is said. A file of that whole name is one without."""
    path, at, offset = text.rpartition("@")
    if not at or os.path.exists(os.path.expanduser(text)):
        return text, None
    try:
        return path, int(offset, 0)
    except ValueError:
        raise SymbolError(f"{clean(offset)} in {clean(text)} is no offset; write it as @0x1000 or @-0x1000.") from None


class Table:
    """The names of one origin, at the addresses that it was linked for, and what is added to those."""

    __slots__ = ("addresses", "by_name", "file", "offset", "ordered")

    def __init__(self, file: SymbolFile, offset: int) -> None:
        self.file, self.offset = file, offset
        self.by_name = file.by_name
        self.ordered = sorted(
            (one for one in file.symbols if one.kind not in NAMELESS and one.limit > one.address), key=rank
        )
        self.addresses = [symbol.address for symbol in self.ordered]

    def find(self, name: str) -> Symbol | None:
        symbol = self.by_name.get(name)
        return None if symbol is None else symbol.moved(self.offset)

    def at(self, address: int) -> Symbol | None:
        address = (address - self.offset) & MASK
        index = bisect.bisect_right(self.addresses, address)
        for symbol in reversed(self.ordered[max(0, index - 16) : index]):
            if address < symbol.limit:
                return symbol.moved(self.offset)
        return None


class Symbols:
    """The symbols of any number of files, each with what is added to its addresses. All methods are plain look-ups but
    `add`, which reads."""

    def __init__(self) -> None:
        self._tables: dict[str, Table] = {}
        """In the order of their places."""
        self._places: dict[str, int] = {}
        self._next_place = 0
        self._learned: list[Symbol] = []
        self.modules: tuple[str, ...] = ()
        """Files of modules of a Linux kernel, which have no names before the guest's place for them is known."""
        self._names: list[str] | None = None
        self.on_use: Callable[[Symbol], None] | None = None
        """Hears of every symbol that is asked for and found, once: a recording keeps those."""
        self._used: set[Symbol] = set()

    def __len__(self) -> int:
        return len(self._all_names())

    @property
    def files(self) -> list[str]:
        return [path for path in self._tables if path]

    @property
    def code(self) -> list[CodeSegment]:
        """The executable segments of all files, where they are now."""
        return [part.moved(table.offset) for table in self._tables.values() for part in table.file.code]

    def add(self, path: str | Path, offset: int = 0) -> int:
        """Read a file and say how many names it gave; ``offset`` is added to its addresses (a slide).

        `SymbolError` where the file is not there or has no names. Names of files that were named later win.
        """
        return self.add_file(read_names(str(path)), offset)

    def add_file(self, file: SymbolFile, offset: int = 0) -> int:
        """As `add`, with what was read."""
        self.take(Table(file, offset))
        return len(file.symbols)

    def place(self) -> int:
        """Behind all files so far: for one that is named now and read later."""
        self._next_place += 1
        return self._next_place

    def take(self, table: Table, place: int | None = None) -> None:
        """As `add_file`, with what takes long done; with the ``place`` that it got when it was named."""
        path = table.file.path
        self._places[path] = self.place() if place is None else max(place, self._places.get(path, 0))
        self._tables[path] = table
        self._tables = dict(sorted(self._tables.items(), key=lambda one: self._places[one[0]]))
        self._names = None

    def move(self, path: str, offset: int) -> None:
        """Let ``offset`` be what is added to the addresses of a file."""
        self._tables[path].offset = offset

    def file(self, path: str) -> tuple[SymbolFile, int]:
        """What was read from it, and what is added to its addresses."""
        return self._tables[path].file, self._tables[path].offset

    def learn(self, symbols: Sequence[Symbol]) -> None:
        """Take symbols of another origin than a file: a recording."""
        self._learned += symbols
        if self._learned:
            self.add_file(SymbolFile("", tuple(self._learned)))

    def _tell(self, symbol: Symbol) -> Symbol:
        if self.on_use is not None and symbol not in self._used:
            self._used.add(symbol)
            self.on_use(symbol)
        return symbol

    def find(self, name: str) -> Symbol | None:
        for table in reversed(self._tables.values()):
            symbol = table.find(name)
            if symbol is not None:
                return self._tell(symbol)
        return None

    def lookup(self, name: str) -> int | None:
        """The address that ``name`` stands for."""
        symbol = self.find(name)
        return None if symbol is None else symbol.address

    def symbol_at(self, address: int) -> Symbol | None:
        """The best name for ``address``: the nearest below that covers it; functions before labels."""
        symbol = self._best(address)
        return None if symbol is None else self._tell(symbol)

    def _best(self, address: int) -> Symbol | None:
        tables = reversed(self._tables.values())  # of equals, the one of the later file
        return max((symbol for table in tables if (symbol := table.at(address)) is not None), key=rank, default=None)

    def functions(self) -> list[Symbol]:
        """All of them, by name."""
        found = (one.moved(t.offset) for t in self._tables.values() for one in t.file.symbols if one.kind == "function")
        return sorted(set(found), key=lambda symbol: (symbol.name, symbol.address))

    def _all_names(self) -> list[str]:
        if self._names is None:
            self._names = sorted({name for table in self._tables.values() for name in table.by_name})
        return self._names

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
        names = self._all_names()
        start = bisect.bisect_left(names, prefix)
        found: list[str] = []
        for name in names[start : start + limit]:
            if not name.startswith(prefix):
                break
            found.append(name)
        return found

    def code_around(self, address: int) -> CodeBytes | None:
        """Bytes of the files around a linear address, as `FrameReader.code_around` has the guest's."""
        for segment in self.code:
            at = address - segment.address
            if 0 <= at < segment.size:
                first = max(at - CODE_BEFORE, 0)
                return CodeBytes(segment.address + first, segment.read(first, at + CODE_AFTER - first))
        return None

    def lidt_places(self) -> LidtPlaces:
        """Where the code of all files may have an LIDT, and where it has one for sure."""
        return find_places(self.code, self._best)
