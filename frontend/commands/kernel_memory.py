"""The guest's memory for who reads a lot of it in a worker thread: that of its kernel, also where a program's page
tables are in force, and physical memory where the stub has it."""

from __future__ import annotations

from collections.abc import Callable

import trio

from frontend.commands.page_walk import walk
from frontend.symbols.guest_memory import GuestMemory
from gdbstub.debugger.debugger import Debugger
from gdbstub.errors import GdbError, Refused, Unsupported

USER_TABLE = 1 << 12
"""Of CR3 under page-table isolation: the tables of the kernel lie one page below those of its programs."""
PAGE = 4096


class KernelMemory:
    """Of one guest. ``physical``: can physical memory be read? Known once `pages` was asked for."""

    def __init__(self, debugger: Debugger) -> None:
        self._debugger = debugger
        self._pages: GuestMemory | None = None
        self.physical = False

    async def pages(self) -> GuestMemory:
        """What was read at this stop; the same each time."""
        if self._pages is None:
            from gdbstub.server.physical_memory import LAYOUT, memory_ranges  # with it the server, which few need

            ranges: tuple[tuple[int, int], ...] = ()
            if self._debugger.capabilities.monitor:
                try:
                    ranges = memory_ranges(await self._debugger.monitor(LAYOUT))
                    if ranges:
                        await self._debugger.read_aside(ranges[0][0], 8, physical=True)
                        self.physical = True
                except (Refused, Unsupported):
                    ranges = ()
            self._pages = GuestMemory(self._debugger, ranges)
        return self._pages

    async def reader(self) -> Callable[[int, int], bytes | None]:
        """For a worker thread of trio's: the bytes at a linear address, all in one page; None where there are none."""
        pages = await self.pages()
        pages.renew()

        def read(address: int, length: int) -> bytes | None:
            found = pages.read_linear(address, length)
            if found is None and self.physical:
                found = trio.from_thread.run(self._walked, address, length)
            return found

        return read

    async def read(self, address: int, length: int) -> bytes | None:
        """As `reader` gives it, in trio's loop."""
        try:
            return await self._debugger.read_aside(address, length)
        except Refused:
            return await self._walked(address, length) if self.physical else None

    async def _walked(self, address: int, length: int) -> bytes | None:
        registers = (await self._debugger.state()).registers

        async def entry(where: int, size: int) -> int:
            return int.from_bytes(await self._debugger.read_aside(where, size, physical=True), "little")

        try:
            tables = (registers["cr0"], registers["cr3"] & ~USER_TABLE, registers["cr4"], registers.get("efer", 0))
            found = await walk(address, *tables, entry)
            if found.physical is None or address % PAGE + length > PAGE:
                return None
            return await self._debugger.read_aside(found.physical, length, physical=True)
        except (KeyError, GdbError):
            return None
