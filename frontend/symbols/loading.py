"""Reading files with names without holding anybody up: large ones in a thread of their own, once in a while from the
cache."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import trio

from frontend.symbols import cache
from frontend.symbols.elf_names import is_elf, read_elf_names, text_address, without_names
from frontend.symbols.names import Symbols, Table, file_and_offset, read_names
from frontend.symbols.symbol import SymbolError
from frontend.symbols.symbol_file import SymbolFile

LARGE = 16 << 20
"""Bytes from which on a file is read in the background; smaller ones take less than a picture."""


def load_file(path: str) -> SymbolFile:
    """As `read_names`; a large ELF file with a build ID is read once, and then its names are in the cache."""
    if not _is_large(path) or not is_elf(os.path.expanduser(path)):
        return read_names(path)
    headers = without_names(path)
    kept = cache.load(headers.build_id) if headers.build_id else None
    if kept is not None:
        return replace(headers, symbols=kept)
    file = read_elf_names(path)
    if file.build_id:
        cache.store(file.build_id, list(file.symbols))
    return file


def _is_large(path: str) -> bool:
    try:
        return os.path.getsize(os.path.expanduser(path)) >= LARGE
    except OSError:
        return False


class Loading:
    """The files that a session was given. ``say`` hears what failed; ``loaded`` is called for each that is there."""

    def __init__(self, symbols: Symbols, words: Sequence[str]) -> None:
        """``words`` are ``FILE[@OFFSET]``. Small files are read at once; raises `SymbolError`. Modules wait for a guest
        that has them."""
        self._symbols = symbols
        self._rest: list[tuple[str, int, int]] = []
        self._done = trio.Event()
        self.on_loaded: Callable[[str], None] = lambda path: None
        self.say: Callable[[str], None] = lambda text: None
        for word in words:
            path, offset = file_and_offset(word)
            if is_elf(os.path.expanduser(path)) and text_address(path) is None:
                symbols.modules += (path,)
            elif _is_large(path):
                self._rest.append((path, offset or 0, symbols.place()))
            else:
                symbols.add(path, offset or 0)
        if not self._rest:
            self._done.set()

    def start(self) -> None:
        """Begin with the large ones."""
        if self._rest:
            trio.lowlevel.spawn_system_task(self._load)

    async def _load(self) -> None:
        try:
            for path, offset, place in self._rest:
                try:
                    work = partial(_table, path, offset)
                    self._symbols.take(await trio.to_thread.run_sync(work, abandon_on_cancel=True), place)
                    self.on_loaded(path)
                except SymbolError as error:
                    self.say(str(error))
        finally:
            self._done.set()

    async def wait(self) -> None:
        """Until all is there."""
        await self._done.wait()


def _table(path: str, offset: int) -> Table:
    return Table(load_file(path), offset)
