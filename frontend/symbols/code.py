"""The code of a guest's image, in its file: read when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from frontend.symbols.symbol import Symbol
from gdbstub.debugger.kernel_code import LidtPlaces
from gdbstub.x86.decode import LONGEST, decode, shape
from gdbstub.x86.lidt import find_lidt
from gdbstub.x86.registers import Mode
from transports import open_regular

MOST_WALKED = 1 << 20
"""Bytes of code that are read, some microseconds an instruction, to prove that an LIDT is one."""
CODE_MODES: tuple[Mode, ...] = (32, 64)
FARTHEST_LIDT = 0x1_0000


class CodeSegment(NamedTuple):
    """An executable segment: linear and physical address, and where its bytes are in the file."""

    address: int
    physical: int
    path: str
    offset: int
    size: int

    @property
    def data(self) -> bytes:
        return self.read(0, self.size)

    def read(self, at: int, length: int) -> bytes:
        """What the file has there now; nothing where it is gone, or where no file reaches."""
        with suppress(OSError, ValueError), open_regular(self.path) as file:
            file.seek(self.offset + at)
            return file.read(max(0, min(length, self.size - at)))
        return b""

    def moved(self, offset: int) -> CodeSegment:
        return self._replace(address=(self.address + offset) & ((1 << 64) - 1))


def find_places(segments: Iterable[CodeSegment], symbol_at: Callable[[int], Symbol | None]) -> LidtPlaces:
    """An LIDT is sure where the code read from the symbol in front of it comes by there, as 32-bit and as 64-bit
    code."""
    candidates: set[int] = set()
    sure: set[int] = set()
    left = MOST_WALKED
    for segment in segments:
        data = segment.data
        away = segment.physical - segment.address
        linear = find_lidt(data, segment.address)
        candidates.update(linear)
        candidates.update(address + away for address in linear)
        by_symbol: dict[Symbol, list[int]] = {}
        for address in linear:
            symbol = symbol_at(address)
            if symbol is not None and 0 <= address - max(symbol.address, segment.address) < FARTHEST_LIDT:
                by_symbol.setdefault(symbol, []).append(address)
        for symbol, addresses in by_symbol.items():
            left -= addresses[-1] - symbol.address
            if symbol.address >= segment.address and left > 0:
                code = data[symbol.address - segment.address : addresses[-1] - segment.address + LONGEST]
                found = set.intersection(*(_starts(code, symbol.address, addresses, mode) for mode in CODE_MODES))
                sure |= found | {address + away for address in found}
    return LidtPlaces(tuple(sorted(candidates)), tuple(sorted(sure)))


def _starts(code: bytes, start: int, addresses: Sequence[int], mode: Mode) -> set[int]:
    """Those of ``addresses`` at which an LIDT begins when ``code``, which begins at ``start``, is read."""
    begins, at, wanted = set(), start, set(addresses)
    while at <= addresses[-1]:
        here = code[at - start : at - start + LONGEST]
        if at in wanted:
            found = decode(here, at, mode)
            if found is not None and found.mnemonic == "lidt":
                begins.add(at)
        known = shape(here, mode)
        if known is None:
            break
        at += len(known.bytes)
    return begins
