"""Names of addresses, from ELF files: functions and objects by name and by address, and where code lies.

Names come from a file that we do not trust: they are kept `clean`.
"""

from __future__ import annotations

import bisect
import os.path
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from frontend.clean import clean
from frontend.commands.elf import RawSymbol, Segment, read_elf
from gdbstub.debugger.exception_frame import CODE_AFTER, CODE_BEFORE
from gdbstub.errors import GdbError
from gdbstub.explain.evidence import CodeBytes
from gdbstub.x86.decode import LONGEST, decode, shape
from gdbstub.x86.lidt import find_lidt
from gdbstub.x86.registers import Mode
from transports import open_regular

MASK = (1 << 64) - 1
FARTHEST = 0x1_0000
"""A symbol without a size names addresses up to this far behind it, within its segment."""
MOST_WALKED = 1 << 20
"""Bytes of code that are read, some microseconds an instruction, to prove that an LIDT is one."""
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
        with open_regular(path) as file:
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

    def code_around(self, address: int) -> CodeBytes | None:
        """Bytes of the files around a linear address, as `FrameReader.code_around` has the guest's."""
        for segment in self.code:
            at = address - segment.address
            if 0 <= at < len(segment.data):
                first = max(at - CODE_BEFORE, 0)
                return CodeBytes(segment.address + first, segment.data[first : at + CODE_AFTER])
        return None

    def lidt_candidates(self) -> tuple[int, ...]:
        """Where an LIDT may stand in the executable segments of all files, by linear and by physical address."""
        places = {(start, segment.data) for segment in self.code for start in (segment.address, segment.physical)}
        return tuple(sorted({address for start, data in places for address in find_lidt(data, start)}))

    def lidt_instructions(self) -> tuple[int, ...]:
        """Those of the candidates at which an LIDT begins for sure: the code read from the symbol in front of it comes
        by there, as 32-bit and as 64-bit code."""
        found = set()
        left = MOST_WALKED
        for segment in self.code:
            by_symbol: dict[Symbol, list[int]] = {}
            for address in find_lidt(segment.data, segment.address):
                symbol = self.symbol_at(address)
                if symbol is not None and 0 <= address - max(symbol.address, segment.address) < FARTHEST:
                    by_symbol.setdefault(symbol, []).append(address)
            for symbol, addresses in by_symbol.items():
                left -= addresses[-1] - symbol.address
                if symbol.address >= segment.address and left > 0:
                    sure = set.intersection(*(_starts(segment, symbol.address, addresses, mode) for mode in CODE_MODES))
                    found |= sure | {address - segment.address + segment.physical for address in sure}
        return tuple(sorted(found))


def _starts(segment: CodeSegment, start: int, addresses: Sequence[int], mode: Mode) -> set[int]:
    """Those of ``addresses`` at which an LIDT begins when the code from ``start`` on is read."""
    begins, at, wanted = set(), start, set(addresses)
    while at <= addresses[-1]:
        code = segment.data[at - segment.address : at - segment.address + LONGEST]
        if at in wanted:
            found = decode(code, at, mode)
            if found is not None and found.mnemonic == "lidt":
                begins.add(at)
        known = shape(code, mode)
        if known is None:
            break
        at += len(known.bytes)
    return begins


def _rank(symbol: Symbol) -> tuple[int, int, int]:
    """By address; of several at one address a function, then one with a size, comes last and wins."""
    return symbol.address, _RANKS[symbol.kind], symbol.size


def _read(path: str, offset: int) -> tuple[list[Symbol], list[CodeSegment]]:
    try:
        with open_regular(os.path.expanduser(path)) as file:
            segments, entries = read_elf(file)
            symbols = _limited(list(_symbols(entries, offset, segments)))
    except OSError as error:
        raise SymbolError(f"Cannot read symbols from {clean(path)}: {error.strerror}.") from error
    except ValueError as error:  # a name with a NUL in it, too
        raise SymbolError(f"{clean(path)} is not a whole ELF file: {clean(str(error))}.") from error
    executable = (one for one in segments if one.executable)
    return symbols, [CodeSegment((one.address + offset) & MASK, one.physical, one.code) for one in executable]


def _symbols(entries: Iterable[RawSymbol], offset: int, segments: Sequence[Segment]) -> Iterator[Symbol]:
    """Functions, objects and untyped labels that lie in a section. ELF specification, symbol table."""
    ends = _Ends(segments, offset)
    for entry in entries:
        kind = _KINDS.get(entry.info & 15)
        if kind is None or entry.section in (0, _ABSOLUTE):
            continue
        text = entry.name.decode("utf-8", "backslashreplace")
        if not text or text[0] == "$":
            continue
        address = (entry.value + offset) & MASK
        limit = address + entry.size if entry.size else min(ends.behind(address), address + FARTHEST)
        yield Symbol(address, clean(text), entry.size, kind, limit)


class _Ends:
    """Where the segment of an address ends."""

    def __init__(self, segments: Sequence[Segment], offset: int) -> None:
        self._ranges = sorted((one.address + offset, one.address + one.size + offset) for one in segments)
        self._starts = [start for start, _ in self._ranges]

    def behind(self, address: int) -> int:
        """The end of the last segment that begins in front of ``address``; right behind it where that is over."""
        at = bisect.bisect_right(self._starts, address)
        return max(self._ranges[at - 1][1], address + 1) if at else address + 1


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
