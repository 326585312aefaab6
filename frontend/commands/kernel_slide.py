"""KASLR of a Linux guest: the kernel's slide is found, said, and applied to its symbols and breakpoints."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from frontend.commands.handlers import kernel_table, read_handlers
from frontend.symbols import kaslr
from gdbstub.debugger.breakpoints import Breakpoint
from gdbstub.debugger.interrupt_table import InterruptTable
from gdbstub.errors import GdbError
from gdbstub.x86.breakpoints import BreakpointKind

if TYPE_CHECKING:
    from frontend.symbols import Symbols
    from gdbstub.debugger.debugger import Debugger

Kaslr = int | Literal["auto", "off"]
LATER = (
    "The kernel is not up yet, and may come to run elsewhere than it is linked to: breakpoint {number} moves with it "
    "{when}."
)
AT_ONCE = "before its first C function runs"
AT_A_STOP = "at the first stop at which its IDT is seen (this stub has too few hardware breakpoints to wait for it)"


class KernelSlide:
    """Of one session. ``how`` is what ``--kaslr`` says."""

    def __init__(self, debugger: Debugger, symbols: Symbols, how: Kaslr = "auto") -> None:
        self.how = how
        self.found: int | None = None
        """The slide that is applied, where one was found or given."""
        self._debugger = debugger
        self._symbols = symbols
        self._seen: InterruptTable | None = None
        self._waiting: list[int] = []
        """Hidden breakpoints at each place where the kernel may come to run."""

    @property
    def kernel(self) -> str | None:
        """The file with a Linux kernel's symbols to which no offset was given, the last of them."""
        for path in reversed(self._symbols.files):
            file, offset = self._symbols.file(path)
            if offset in (0, self.found) and kaslr.is_kernel(file.lookup):
                return path
        return None

    async def look(self) -> str | None:
        """Find the slide where it is not known yet and the guest's IDT is a new one; a sentence where it was found."""
        if self.how == "off" or self.found is not None or self._debugger.ended or self._debugger.running:
            return None
        path = self.kernel
        if path is None:
            return None
        if isinstance(self.how, int):
            await self._apply(path, self.how)
            return f"The kernel's symbols are {self.how:#x} higher than linked, as --kaslr says."
        state = await self._debugger.state()
        table = kernel_table(state)
        if table is None or table == self._seen:
            return None
        self._seen = table
        found = kaslr.find_slide(await read_handlers(self._debugger, table), self._symbols.file(path)[0].lookup)
        if found is None:
            return None
        await self._apply(path, found.slide)
        if not found.slide:
            return None
        return (
            f"KASLR: the kernel runs {found.slide:#x} higher than linked; {found.agree} of {found.asked} handlers in "
            "its IDT say so."
        )

    async def _apply(self, path: str, slide: int) -> None:
        file, before = self._symbols.file(path)
        self.found = slide
        self._symbols.move(path, slide)
        first, last = file.lookup(kaslr.FIRST), file.lookup(kaslr.LAST)
        for number in self._waiting:
            with suppress(GdbError):
                await self._debugger.delete_breakpoint(number)
        self._waiting.clear()
        if slide == before or first is None or last is None:
            return
        for row in list(self._debugger.breakpoints.values()):
            if _was_named(row) and row.address is not None and first <= row.address - before < last:
                await self._debugger.move_breakpoint(row.number, row.address - before + slide)

    async def expect(self, row: Breakpoint) -> str | None:
        """A breakpoint was set: where it is the kernel's and the slide is not known, wait for that; a sentence says
        so."""
        path = self.kernel
        if self.how != "auto" or self.found is not None or path is None or not _was_named(row) or row.address is None:
            return None
        lookup = self._symbols.file(path)[0].lookup
        first, last, entry = lookup(kaslr.FIRST), lookup(kaslr.LAST), lookup(kaslr.ENTRY)
        if first is None or last is None or entry is None or not first <= row.address < last:
            return None
        if self._debugger.capabilities.hardware_slots is not None:
            return LATER.format(number=row.number, when=AT_A_STOP)
        if not self._waiting:
            for slide in kaslr.possible_slides():
                await self._wait_at(path, entry + slide, slide)
        return LATER.format(number=row.number, when=AT_ONCE)

    async def _wait_at(self, path: str, address: int, slide: int) -> None:
        row = await self._debugger.add_breakpoint(BreakpointKind.EXECUTE, address, means="hw", hidden=True)
        self._waiting.append(row.number)

        async def is_here() -> bool:
            """Never a stop of the user's, unless there is a breakpoint as well."""
            await self._apply(path, slide)
            self._debugger.say(f"KASLR: the kernel runs {slide:#x} higher than linked.")
            return any(one.address == address for one in self._debugger.breakpoints.values())

        row.predicate = is_here


def _was_named(row: Breakpoint) -> bool:
    """By a symbol or a source line; an address in numbers stays what it is."""
    return row.kind is not BreakpointKind.CATCH and not row.text.lstrip("(").startswith(("*", "$", *"0123456789"))
