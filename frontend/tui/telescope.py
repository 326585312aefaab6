"""Where the words of a stack lead: to memory that holds another address, to a string, behind a call, to a frame."""

from __future__ import annotations

from typing import NamedTuple

from frontend.commands.frames import LONGEST_CALL, code_base, ends_a_call, is_canonical
from frontend.commands.memory_format import string
from frontend.tui.listing import Guest, NameLookup, read_some, where
from gdbstub.errors import Refused
from gdbstub.x86.cpu_state import CpuState

SEEN = 40
"""Bytes that are read where a word points to."""
SHORTEST_STRING = 4
DEEPEST = 3
"""Links of a chain behind the word itself."""


class StackWord(NamedTuple):
    """One word of the stack; ``offset`` is from the stack pointer, ``name`` what it points at, or empty."""

    address: int
    offset: int
    value: int
    name: str = ""


class ChainLink(NamedTuple):
    """An address that a word leads to, with its symbol, or (``text``) the string that is there."""

    value: int
    name: str = ""
    text: str = ""


class Chain(NamedTuple):
    """``mark`` is ``return`` for an address behind a call, ``frame`` for a saved frame pointer, else empty."""

    mark: str = ""
    links: tuple[ChainLink, ...] = ()


class Telescope:
    """Follows words of the stack of a vCPU that stands still. Each place is read once."""

    def __init__(self, guest: Guest, symbols: NameLookup, state: CpuState) -> None:
        self._guest = guest
        self._symbols = symbols
        self._state = state
        self._size = state.mode // 8
        self._read: dict[int, tuple[bytes, bytes]] = {}

    async def chains(self, words: tuple[StackWord, ...], base: int) -> tuple[Chain, ...]:
        """The chain of each word; ``base`` is that of the stack segment."""
        frames = self._saved_frames(words, base)
        return tuple([await self._chain(word, word.address in frames) for word in words])

    def _saved_frames(self, words: tuple[StackWord, ...], base: int) -> set[int]:
        """The addresses of the saved frame pointers, as far as their chain lies in the words."""
        values = {word.address: word.value for word in words}
        at, found = base + self._state.registers.get("rbp", 0), set[int]()
        while at in values and at not in found:
            found.add(at)
            at = base + values[at]
        return found

    async def _chain(self, word: StackWord, frame: bool) -> Chain:
        if frame:
            return Chain("frame")
        if self._size < 4 or not is_canonical(word.value, self._state):  # offsets of real mode lead anywhere
            return Chain("return" if self._size == 2 and await self._is_behind_a_call(word.value) else "")
        if await self._is_behind_a_call(word.value):
            return Chain("return")
        return Chain("", await self._links(word.value))

    async def _is_behind_a_call(self, value: int) -> bool:
        return value != 0 and ends_a_call((await self._around(code_base(self._state) + value))[0], self._state.mode)

    async def _links(self, value: int) -> tuple[ChainLink, ...]:
        links: list[ChainLink] = []
        while len(links) < DEEPEST:
            data = (await self._around(value))[1]
            text = _begun(data)
            if text:
                return (*links, ChainLink(value, text=text))
            if len(data) < self._size:
                break
            value = int.from_bytes(data[: self._size], "little")
            links.append(ChainLink(value, where(self._symbols, value)))
            if not is_canonical(value, self._state) or value in (link.value for link in links[:-1]):
                break
        return tuple(links)

    async def _around(self, address: int) -> tuple[bytes, bytes]:
        """The bytes before and from ``address`` on; in one request, where nothing forbids that."""
        if address not in self._read:
            before = min(address, LONGEST_CALL)
            try:
                data = await self._guest.read_memory(address - before, before + SEEN)
                self._read[address] = data[:before], data[before:]
            except Refused:
                self._read[address] = b"", await read_some(self._guest, address, SEEN)
        return self._read[address]


def _begun(data: bytes) -> str:
    """The string that ``data`` begins with, in quotes; empty where it is none."""
    text = data.partition(b"\0")[0]
    if len(text) < SHORTEST_STRING or not all(0x20 <= code < 0x7F or code in b"\t\n\r" for code in text):
        return ""
    return string(text) + ("..." if len(text) == len(data) else "")
