"""What was read of a stopped guest, until it runs or something is written: registers by vCPU, memory by address."""

from __future__ import annotations

from binascii import unhexlify

PAGE = 4096
LINE, MOST_PIECES = 64, 64
"""Bytes that gdb reads at a time for its caches of code and stack; and how many small reads are kept."""


MOST_AGAIN = 8
"""Pieces that are asked for together with the registers; a debugger that stops in a loop reads three or four."""


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
        self._used: set[int] = set()
        """The pieces that somebody has asked for: not those alone that were read in case that somebody does."""
        self.again: tuple[tuple[int, int], ...] = ()
        """Pieces, address and length, that were read where the last run ended."""

    def remember(self) -> None:
        """The guest goes on from where a run ended: what was read there is likely to be read where the next one
        ends."""
        used = [(address, len(piece)) for address, piece in self._pieces.items() if address in self._used]
        self.again = tuple(used[:MOST_AGAIN])

    def forget(self) -> None:
        """Nothing that was read holds any more."""
        self.generation += 1
        self.forget_memory()
        self.registers.clear()

    def forget_memory(self) -> None:
        """No memory that was read holds any more."""
        self.pages.clear()
        self.lines.clear()
        self._pieces.clear()
        self._used.clear()

    def keep(self, address: int, piece: bytes, *, used: bool) -> None:
        """``used``: will it be wanted at the next stop, too? Otherwise it is once somebody asks for it."""
        if len(self._pieces) < MOST_PIECES:
            self._pieces[address] = piece
            if used:
                self._used.add(address)

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
                self._used.add(at)
                return piece[address - at : address - at + length]
        first = address & -PAGE
        pages = [self.pages.get(page) for page in range(first, address + max(length, 1), PAGE)]
        if None in pages:
            return None
        return b"".join(page for page in pages if page)[address - first : address - first + length]
