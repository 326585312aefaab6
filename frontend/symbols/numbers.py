"""Little-endian numbers of the guest's memory, in pieces that are small enough to ask for."""

from __future__ import annotations

from array import array
from collections.abc import Callable

from frontend.symbols.symbol import SymbolError

PAGE = 4096
MOST_BYTES = 64 << 20
"""That are looked at: some twenty times what a kernel has."""
_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}


class MemoryNumbers:
    """``read`` gives the bytes at an address, or None where not all of them are there. All methods raise `SymbolError`
    where they were asked for too much."""

    def __init__(self, read: Callable[[int, int], bytes | None]) -> None:
        self._read = read
        self._left = MOST_BYTES

    def bytes(self, at: int, length: int, *, short: bool = False) -> bytes:
        """``length`` bytes, fewer where memory ends and ``short`` allows that, else none."""
        self._left -= length
        if self._left < 0:
            raise SymbolError("The guest's memory looks like a table of symbols (kallsyms) in too many places.")
        parts: list[bytes] = []
        left = length
        while left > 0:
            size = min(left, PAGE - at % PAGE)
            data = self._read(at, size) if 0 <= at < 1 << 64 else None
            if data is None:
                break
            parts.append(data)
            at, left = at + size, left - size
        return b"".join(parts) if short or left <= 0 else b""

    def number(self, at: int, size: int) -> int | None:
        data = self.bytes(at, size)
        return int.from_bytes(data, "little") if len(data) == size else None

    def numbers(self, at: int, count: int, size: int) -> list[int]:
        """Unsigned; fewer than ``count`` where memory ends."""
        return self._array(at, count, size, _CODES[size])

    def signed(self, at: int, count: int, size: int) -> list[int]:
        return self._array(at, count, size, _CODES[size].lower())

    def signed_up_to(self, at: int, size: int) -> list[int]:
        """Those of the page that ``at`` lies in, up to and with the one there."""
        start = at & -PAGE
        return self.signed(start + (at - start) % size, (at - start) // size + 1, size)

    def _array(self, at: int, count: int, size: int, code: str) -> list[int]:
        data = self.bytes(at, count * size, short=True)
        numbers = array(code)
        numbers.frombytes(data[: len(data) // size * size])
        return numbers.tolist()
