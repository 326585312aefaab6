"""What was read of a stopped guest, until it runs or something is written: registers by vCPU, memory by address."""

from __future__ import annotations

from binascii import unhexlify

PAGE = 4096
LINE, MOST_PIECES = 64, 64
"""Bytes that gdb reads at a time for its caches of code and stack; and how many small reads are kept."""


class MemoryCache:
    """Addresses are linear. A page is kept whole, a line (64 bytes) as hex digits, another piece as it was asked
    for."""

    def __init__(self) -> None:
        self.generation = 0
        """How often all was forgotten: what others keep of the guest holds as long as this does."""
        self.pages: dict[int, bytes] = {}
        self.registers: dict[int, bytes] = {}
        """The answers to ``g`` by vCPU, hex digits."""
        self.lines: dict[int, bytes] = {}
        self._pieces: dict[int, bytes] = {}

    def forget(self) -> None:
        """Nothing that was read holds any more."""
        self.generation += 1
        self.pages.clear()
        self.lines.clear()
        self._pieces.clear()
        self.registers.clear()

    def keep(self, address: int, piece: bytes) -> None:
        if len(self._pieces) < MOST_PIECES:
            self._pieces[address] = piece

    def digits(self, address: int, length: int) -> bytes | None:
        """``length`` bytes as hex digits, where all of them were read as lines."""
        line = address & -LINE
        digits = self.lines.get(line)
        start, end = 2 * (address - line), 2 * (address - line + length)
        if digits is None or end <= 2 * LINE:
            return None if digits is None else digits[start:end]
        behind = self.lines.get(line + LINE)
        return None if behind is None or end > 4 * LINE else (digits + behind)[start:end]

    def memory(self, address: int, length: int) -> bytes | None:
        """``length`` bytes, where all of them were read."""
        if (digits := self.digits(address, length)) is not None:
            return unhexlify(digits)
        for at, piece in self._pieces.items():
            if at <= address and address + length <= at + len(piece):
                return piece[address - at : address - at + length]
        first = address & -PAGE
        pages = [self.pages.get(page) for page in range(first, address + max(length, 1), PAGE)]
        if None in pages:
            return None
        return b"".join(page for page in pages if page)[address - first : address - first + length]
