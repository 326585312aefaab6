"""Memory of a stopped guest for a symbol engine: pages that were read are kept until it goes on, and only what is
memory is read, since a device may take a read for an order."""

from __future__ import annotations

from bisect import bisect_right
from typing import Protocol

import trio

from gdbstub.errors import Refused

PAGE = 4096
MOST_PAGES = 8192
"""Some 32 MB, for one stop."""


class Reads(Protocol):
    """What is needed of a `Debugger`."""

    @property
    def generation(self) -> int: ...

    async def read_aside(self, address: int, length: int, *, physical: bool = False) -> bytes: ...


class GuestMemory:
    """``read_linear`` and ``read_physical`` are for a worker thread of trio's; the others for its loop."""

    def __init__(self, debugger: Reads, ranges: tuple[tuple[int, int], ...] = ()) -> None:
        """``ranges``: the first and last address of each piece of physical memory."""
        self._debugger = debugger
        self._starts = [first for first, _ in ranges]
        self._ends = [last for _, last in ranges]
        self._pages: dict[tuple[bool, int], bytes | None] = {}
        self._generation = debugger.generation
        self.packets = 0
        """How many pages were asked for."""

    def renew(self) -> None:
        """Forget what was read, if the guest went on or was written to since."""
        if self._debugger.generation != self._generation or len(self._pages) > MOST_PAGES:
            self._generation = self._debugger.generation
            self._pages.clear()

    def read_linear(self, address: int, length: int) -> bytes | None:
        """``length`` bytes as the selected vCPU sees them; None where not all can be read."""
        return self._read(address, length, physical=False)

    def read_physical(self, address: int, length: int) -> bytes | None:
        """The same at a physical address."""
        return self._read(address, length, physical=True)

    def _read(self, address: int, length: int, *, physical: bool) -> bytes | None:
        parts = []
        at, end = address, address + length
        while at < end:
            page = self._page(at & -PAGE, physical)
            if page is None:
                return None
            parts.append(page[at % PAGE : at % PAGE + end - at])
            at = (at & -PAGE) + PAGE
        return b"".join(parts)

    def _page(self, page: int, physical: bool) -> bytes | None:
        key = physical, page
        if key not in self._pages:
            if physical and not self._is_memory(page):
                return None
            self.packets += 1
            self._pages[key] = trio.from_thread.run(self._fetch, page, physical)
        return self._pages[key]

    async def _fetch(self, page: int, physical: bool) -> bytes | None:
        try:
            return await self._debugger.read_aside(page, PAGE, physical=physical)
        except Refused:
            return None

    def _is_memory(self, page: int) -> bool:
        at = bisect_right(self._starts, page) - 1
        return at >= 0 and page + PAGE - 1 <= self._ends[at]
