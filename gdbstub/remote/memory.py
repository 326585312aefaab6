"""The guest's memory, as a stub reads and writes it: at linear addresses, by the page tables of the selected vCPU."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

from gdbstub.errors import Refused
from gdbstub.protocol import messages
from gdbstub.protocol.fields import decode_hex
from gdbstub.remote.connection import accepted
from gdbstub.remote.link_stream import Token
from gdbstub.remote.memory_cache import LINE, PAGE
from gdbstub.remote.registers import RemoteRegisters

MEMORY_CHUNK = 1024
"""Bytes in one ``m`` packet, where the stub's packets have room for them, and up to `FEW` pages are read."""
WRITE_OVERHEAD = 40
"""Characters of an ``M`` packet that are no data, and some to spare."""
FEW, WINDOW = 4, 16
"""Pages up to which each is asked for alone; and of more, how many go into one write: some 130 KB of answers."""


class RemoteMemory(RemoteRegisters):
    """Pages and lines that were read are kept as registers are."""

    @property
    def _chunk(self) -> int:
        """Bytes that one answer to ``m`` may have: a power of two, of two digits each. QEMU's buffer has room for its
        frame beside a PacketSize."""
        if self.dialect.memory_chunk is not None:
            return self.dialect.memory_chunk
        fits = (self.features.packet_size + 1) // 2
        return min(PAGE, 1 << fits.bit_length() - 1)

    def ask_memory(self, address: int, length: int) -> Token:
        return self.ask(messages.read_memory(address, length))

    async def memory(self, token: Token) -> bytes:
        return decode_hex(await self.data(token, "memory"))

    async def read_memory(self, address: int, length: int) -> bytes:
        """``length`` bytes at a linear address; whole pages are kept until the guest runs.

        Raises `Refused` naming the first page that can't be read.
        """
        first, last = address & -PAGE, (address + max(length, 1) - 1) & -PAGE
        pages = range(first, last + PAGE, PAGE)
        wanted = [page for page in pages if page not in self._cache.pages]
        if length <= min(64, self._chunk) and len(wanted) == 1 and len(pages) == 1:
            return await self._read_piece(address, length)
        if len(wanted) <= FEW:
            for page in wanted:
                await self._read_pages([page], min(MEMORY_CHUNK, self._chunk))
        else:
            for at in range(0, len(wanted), WINDOW):
                await self._read_pages(wanted[at : at + WINDOW], self._chunk)
        data = b"".join(self._cache.pages[page] for page in pages)
        return data[address - first : address - first + length]

    async def read_uncached(self, address: int, length: int, *, physical: bool = False) -> bytes:
        """As `read_memory`, with nothing kept. ``physical``: by a switch of QEMU's stub, which is put back in the same
        write, whoever is cancelled meanwhile; raises `Unsupported` where the stub has none."""
        step = min(MEMORY_CHUNK, self._chunk)
        asked = [
            messages.read_memory(at, min(step, address + length - at)) for at in range(address, address + length, step)
        ]
        if physical:
            asked = [messages.physical_memory(True), *asked, messages.physical_memory(False)]
        if self.pipelined:
            tokens = [self.ask(payload) for payload in asked]
            replies = [await self._reply(token, "memory") for token in tokens]
        else:
            replies = [await self._reply(self.ask(payload), "memory") for payload in asked]
        if physical:
            accepted(replies[0], "Qqemu.PhyMemMode")
            replies = replies[1:-1]
        try:
            return b"".join(decode_hex(accepted(reply, "memory").payload) for reply in replies)
        except Refused as refusal:
            raise _unreadable(address, length, refusal) from None

    def kept_memory(self, address: int, length: int) -> bytes | None:
        """Memory that was read since the guest ran last."""
        return self._cache.memory(address, length)

    def kept_digits(self, address: int, length: int) -> bytes | None:
        """As `kept_memory`, as hex digits, of lines that were kept."""
        return self._cache.digits(address, length)

    def keep_lines(self, lines: Iterable[tuple[int, bytes]]) -> None:
        """Take the answers for lines, by address, that were read at once; what is no line was refused."""
        for address, digits in lines:
            if len(digits) == 2 * LINE:
                self._cache.lines[address] = digits

    def ask_again(self) -> dict[int, Token]:
        """Ask for the pieces that were read where the last run ended; `lines` takes the answers."""
        return {address: self.ask_memory(address, length) for address, length in self._cache.again}

    def ask_lines(self, addresses: Iterable[int]) -> dict[int, Token]:
        """Ask for the lines in which ``addresses`` lie, but for those that are kept."""
        lines = [line for line in {address & -LINE for address in addresses} if self.kept_memory(line, LINE) is None]
        return {line: self.ask_memory(line, LINE) for line in lines}

    async def lines(self, tokens: dict[int, Token], *, used: bool = True) -> None:
        """Take the answers, for `kept_memory`. A line that can't be read is left out. ``used``: as `MemoryCache.keep`
        has it."""
        for line, token in tokens.items():
            with suppress(Refused):
                self._cache.keep(line, await self.memory(token), used=used)

    async def read_lines(self, addresses: Iterable[int]) -> None:
        """Read those that are not kept yet, asked for in one write."""
        await self.lines(self.ask_lines(addresses))

    async def write_memory(self, address: int, data: bytes) -> None:
        """Raises `Refused` naming the address; what was written before it stays written."""
        self.forget()
        room = self.dialect.memory_chunk or min(MEMORY_CHUNK, max((self.features.packet_size - WRITE_OVERHEAD) // 2, 1))
        for at in range(0, len(data), room):
            chunk = data[at : at + room]
            try:
                await self.request(messages.write_memory(address + at, chunk), "a write")
            except Refused as refusal:
                text = f"The guest's memory at {address + at:#x} can't be written (stub: error {refusal.code})."
                raise Refused(refusal.command, refusal.code, text) from None

    async def _read_piece(self, address: int, length: int) -> bytes:
        try:
            piece = await self.memory(self.ask_memory(address, length))
        except Refused as refusal:
            raise _unreadable(address, length, refusal) from None
        self._cache.keep(address, piece, used=True)
        return piece

    async def _read_pages(self, pages: Sequence[int], chunk: int) -> None:
        """Read whole pages into the cache, all asked for in one write where the stub can take that."""
        parts = range(0, PAGE, chunk)
        if not self.pipelined:
            for page in pages:
                self._cache.pages[page] = b"".join([await self._read_piece(page + part, chunk) for part in parts])
            return
        tokens = [[self.ask_memory(page + part, chunk) for part in parts] for page in pages]
        replies = [[await self._reply(token, "memory") for token in asked] for asked in tokens]
        for page, parts_of in zip(pages, replies, strict=True):
            try:
                self._cache.pages[page] = b"".join(decode_hex(accepted(reply, "memory").payload) for reply in parts_of)
            except Refused as refusal:
                raise _unreadable(page, PAGE, refusal) from None


def _unreadable(address: int, length: int, refusal: Refused) -> Refused:
    last = address + length - 1
    where = f"{address:#x}" if length <= 1 else f"{address:#x}-{last:#x}"
    return Refused(
        refusal.command,
        refusal.code,
        f"The guest's memory at {where} can't be read now (not mapped in the current page tables?).",
    )
