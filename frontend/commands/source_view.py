"""What a session knows of source lines: the line of an address, the text of its file, and what was listed last."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import trio

from frontend.symbols import Symbols
from frontend.symbols.line_map import LineMap, LineSpan
from frontend.symbols.line_table import find_file
from frontend.symbols.source_files import SourceFiles
from frontend.symbols.symbol import MASK, SymbolError
from frontend.symbols.symbol_file import SymbolFile

DEFAULT_SIZE = 10
"""Lines that ``list`` shows, gdb's default."""


class SourcePlace(NamedTuple):
    """A line of a file, whose path counts from ``directory``, that of its compilation."""

    file: str
    directory: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Listed(NamedTuple):
    """The lines that were listed last, and at which stop and frame that was."""

    place: SourcePlace
    last: int
    at: tuple[int, ...]


class SourceView:
    """Of one session. ``size`` is how many lines a listing has."""

    def __init__(self, symbols: Symbols) -> None:
        self.files = SourceFiles()
        self.size = DEFAULT_SIZE
        self.into_handlers = False
        """Do steps end in handlers of the guest's that they fault into?"""
        self.listed: Listed | None = None
        self._symbols = symbols
        self._maps: dict[str, tuple[SymbolFile, LineMap | None]] = {}
        self._one_at_a_time = trio.CapacityLimiter(1)

    @property
    def known(self) -> bool:
        """Has any file lines?"""
        return any(self._symbols.file(path)[0].dwarf for path in self._symbols.files)

    async def at(self, address: int) -> LineSpan | None:
        """The line of an address of the guest; None where no file says one."""
        for path in reversed(self._symbols.files):
            file, offset = self._symbols.file(path)
            linked = (address - offset) & MASK
            if file.dwarf and file.span[0] <= linked < file.span[1]:
                found = await trio.to_thread.run_sync(partial(self._find, file, linked), limiter=self._one_at_a_time)
                if found is not None and found.line:
                    return found.moved(offset)
        return None

    def _find(self, file: SymbolFile, address: int) -> LineSpan | None:
        try:
            kept = self._maps.get(file.path)
            if kept is None or kept[0] is not file:  # it was read anew
                kept = self._maps[file.path] = file, LineMap(file.path)
            return None if kept[1] is None else kept[1].at(address)
        except SymbolError:  # it was there when its names were read
            self._maps[file.path] = file, None
            return None

    async def place(self, address: int) -> SourcePlace | None:
        """As `at`, without the addresses."""
        found = await self.at(address)
        return None if found is None else SourcePlace(found.file, found.directory, found.line)

    async def file_named(self, name: str) -> SourcePlace | None:
        """The file whose path is, or ends with, ``name``; its line 1."""
        for path in self._symbols.files:
            if self._symbols.file(path)[0].dwarf:
                found = await trio.to_thread.run_sync(find_file, path, name)
                if found is not None:
                    return SourcePlace(*found, 1)
        return None

    def text(self, place: SourcePlace) -> tuple[str, ...] | None:
        """The lines of its file; None where that is not on this machine."""
        found = self.files.find(place.file, place.directory)
        return None if found is None else found.lines

    def line_text(self, place: SourcePlace) -> str | None:
        """That line, as gdb shows it at a stop; None where the file is not here, or is shorter."""
        lines = self.text(place)
        return lines[place.line - 1] if lines is not None and 0 < place.line <= len(lines) else None
