"""A Linux guest of which there is no file: its names are read from its own memory, once it is asked for any."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import trio

from frontend.commands.handlers import kernel_table, read_handlers
from frontend.commands.kernel_memory import KernelMemory
from frontend.commands.kernel_slide import KernelSlide
from frontend.symbols import Symbols
from frontend.symbols.engine import NoDebugInfo
from frontend.symbols.guest_kernel import KALLSYMS, GuestKernel, read_guest_kernel
from frontend.symbols.kallsyms import KERNEL_SPACE
from frontend.symbols.kaslr import FEWEST
from frontend.symbols.names import Table
from frontend.symbols.symbol import MASK, SymbolError
from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.interrupt_table import InterruptTable

HINT = (
    "The handlers of this guest are where Linux has them: its names, types and traces are read from its own memory "
    "when one is asked for, or by lx-symbols."
)
MORE = "source lines and variables of functions need its vmlinux (--symbols FILE)."


class GuestNames:
    """Of one session. ``off``: this one has no guest to look into, or must not."""

    def __init__(self, debugger: Debugger, symbols: Symbols, slide: KernelSlide, memory: KernelMemory) -> None:
        self._debugger = debugger
        self._symbols = symbols
        self._slide = slide
        self._memory = memory
        self._tried: InterruptTable | None = None
        self.off = False
        self.kernel: GuestKernel | None = None
        self.table: Table | None = None
        self.on_found: Callable[[], None] = lambda: None
        self._looked_at: InterruptTable | None = None
        self._hinted = False
        self.why_not = ""
        """Why there are none, where they were looked for."""

    async def look(self) -> bool:
        """Read them where that was not tried since the guest has the handlers that it has; whether there are new
        ones."""
        if self.off or self.kernel is not None or self._debugger.ended or self._debugger.running:
            return False
        table = kernel_table(await self._debugger.state())
        if table is None or table == self._tried:
            return False
        self._tried = table
        handlers = await read_handlers(self._debugger, table)
        read = await self._memory.reader()
        try:
            found = await trio.to_thread.run_sync(read_guest_kernel, read, handlers)
        except SymbolError as error:
            self.why_not = str(error)
            return False
        self.kernel = found
        self.table = Table(found.file, found.slide)
        self._symbols.take(self.table)
        self._slide.found = found.slide
        self._debugger.say(self._what(found))
        self.on_found()
        return True

    async def hint(self) -> str | None:
        """Once, where the guest stands in what may be a Linux: how to get its names."""
        if self._hinted or self.off or self.kernel is not None or self._debugger.ended or self._debugger.running:
            return None
        table = kernel_table(await self._debugger.state())
        if table is None or table == self._looked_at:
            return None
        self._looked_at = table
        handlers = await read_handlers(self._debugger, table)
        if sum(KERNEL_SPACE <= one < MASK for one in handlers.values()) < FEWEST:
            return None
        self._hinted = True
        return HINT

    def _what(self, found: GuestKernel) -> str:
        """What is used, and what would be had with more."""
        version = found.banner.split(" (", 1)[0] or "Linux"
        has_types = "__start_BTF" in found.file.by_name
        said = f"{version} has {len(found.file.symbols)} names of its own ({KALLSYMS}), {found.slide:#x} above linked"
        try:
            import_module("frontend.symbols.drgn_library")
        except NoDebugInfo:
            return f"{said}; its types, tasks and traces need drgn (pip install 'dr6[linux]'), {MORE}"
        types = "types by its BTF, traces by its ORC" if has_types else "traces by its ORC; it has no types (BTF)"
        return f"{said}; {types}; {MORE}"
