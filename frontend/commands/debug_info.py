"""The symbol engine of a session: which files it has, where the guest has them, and whether it can be asked at all."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, TypeVar

from frontend.commands.guest_names import GuestNames
from frontend.commands.kernel_memory import KernelMemory
from frontend.commands.kernel_slide import KernelSlide
from frontend.commands.nodes import CURRENT, Call, Name, Node, TypeName, Variable, needs_types
from frontend.commands.nodes import walk as walk_nodes
from frontend.commands.values import CType, Value, pointer
from frontend.symbols import Symbols
from frontend.symbols.btf import BadBtf
from frontend.symbols.engine import NoDebugInfo, TypedValue
from gdbstub.debugger.debugger import Debugger
from gdbstub.errors import BadExpression

if TYPE_CHECKING:
    from frontend.symbols.drgn_engine import DrgnEngine
    from frontend.symbols.drgn_library import Program
    from frontend.symbols.drgn_program import Facts, KernelFile, KernelOfGuest

T = TypeVar("T")
MOST_VMCOREINFO = 4096
CR4_LA57 = 1 << 12
NO_FILES = (
    "That needs debug information (DWARF), and no file has any: load one with --symbols FILE, for a kernel vmlinux."
)
RECORDED = (
    "A recording has no debug information in it, so this session goes by names alone; for a kernel that runs elsewhere "
    "than linked, --kaslr OFFSET says where."
)


class Variables(Protocol):
    """What a session knows and the guest's files do not."""

    async def variable(self, name: str) -> Value | None: ...
    def symbol(self, name: str) -> int | None: ...
    async def frame_scope(self) -> tuple[dict[str, int], int]: ...


def symbols_in(node: Node, lookup: Callable[[str], int | None]) -> dict[str, int]:
    """The addresses of what it names."""
    names = {
        one.name if isinstance(one, Name) else one.text for one in walk_nodes(node) if isinstance(one, Name | TypeName)
    }
    return {name: address for name in names if (address := lookup(name)) is not None}


def as_value(found: TypedValue) -> Value:
    """The number that it is; what has none stands for its address, as in gdb's ``x``."""
    if found.number is None:
        return pointer(found.address or 0)
    if found.type.rstrip().endswith("*"):
        return pointer(found.number)
    size = found.size if found.size in (1, 2, 4, 8) else 8
    return Value(found.number, CType(size, found.number < 0 or not found.type.startswith(("unsigned", "u"))))


class DebugInfo:
    """Asks the engine, which is made when it is asked first."""

    def __init__(self, debugger: Debugger, symbols: Symbols, slide: KernelSlide) -> None:
        self._debugger = debugger
        self._symbols = symbols
        self._slide = slide
        self.memory = KernelMemory(debugger)
        self.guest = GuestNames(debugger, symbols, slide, self.memory)
        self._typed = True
        self._engine: DrgnEngine | None = None
        self._vmcoreinfo: tuple[str, int, bytes] | None = None
        self.history: dict[str, TypedValue] = {}
        """``$N`` whose type is one of the guest's."""
        self.refused = ""
        """Why there is none in this session, whatever files there are."""

    @property
    def files(self) -> list[str]:
        """The files with DWARF."""
        return [path for path in self._symbols.files if self._symbols.file(path)[0].dwarf]

    @property
    def kernel(self) -> str | None:
        """The file of the kernel, where there is debug information of it: one with DWARF, or what the guest says."""
        path = self._slide.kernel
        return path if path in self.files or (path is not None and path == self._own) else None

    @property
    def _own(self) -> str | None:
        """What stands for a file, where the kernel is known from the guest alone."""
        return None if self.guest.table is None else self.guest.table.file.path

    async def prepare(self) -> None:
        """Where there is no file of a kernel with debug information, the guest may say what it is."""
        if not self.refused and self._slide.kernel not in self.files:
            await self.guest.look()

    async def hint(self) -> str | None:
        """What is to be had of a guest that may be a Linux, where no file says it; said once."""
        return None if self.refused or self._slide.kernel is not None else await self.guest.hint()

    async def prepare_for(self, node: Node, lookup: Callable[[str], int | None]) -> None:
        """`prepare`, where the expression has a name that nobody knows yet."""
        if any(
            isinstance(one, TypeName | Call)
            or one == Variable(CURRENT)
            or (isinstance(one, Name) and lookup(one.name) is None)
            for one in walk_nodes(node)
        ):
            await self.prepare()

    def why_not(self) -> str:
        """Why it cannot be asked, in a sentence; "" where it can. `prepare` may change it."""
        if self.refused:
            return self.refused
        if not self.files and self.guest.table is None:
            return f"{NO_FILES} {self.guest.why_not}".strip()
        try:
            import_module("frontend.symbols.drgn_library")
        except NoDebugInfo as error:
            return str(error)
        return ""

    async def ask(self, question: Callable[[Program], T]) -> T:
        """``question`` of drgn's Program of this guest as it stands. Raises `NoDebugInfo` where there is none, and
        `BadExpression` where the guest has no answer."""
        await self.prepare()
        if why := self.why_not():
            raise NoDebugInfo(why)
        engine = await self._opened()
        try:
            return await engine.run(await self._facts(), question)
        except BadBtf as error:
            if not self._typed:
                raise
            self._typed = False
            self._debugger.say(str(error))
        return await engine.run(await self._facts(), question)

    async def value(self, node: Node, variables: Variables, form: str = "") -> TypedValue | None:
        """The value of an expression with types of the guest's; None for one without, and where no types are known of
        what it names. Raises `BadExpression`."""
        await self.prepare_for(node, variables.symbol)
        if not needs_types(node) or self.why_not():
            return None
        from frontend.commands.typed import Scope, evaluate

        known: dict[str, Value | TypedValue] = {}
        for one in walk_nodes(node):
            if isinstance(one, Variable):
                typed = self.history.get(one.name)
                value = await variables.variable(one.name) if typed is None else typed
                if value is None and one.name != CURRENT:
                    raise BadExpression(f"${one.name} is neither a register nor a variable that was set.")
                if value is not None:
                    known[one.name] = value
        registers, frame = await variables.frame_scope()
        symbols = symbols_in(node, variables.symbol)
        in_frame = registers if self.kernel in self.files else None
        scope = Scope(known, in_frame, frame, symbols, self._debugger.cpu)
        return await self.ask(lambda program: evaluate(program, node, scope, form))

    async def _opened(self) -> DrgnEngine:
        if self._engine is None:
            from frontend.symbols.drgn_engine import DrgnEngine

            self._engine = DrgnEngine(await self.memory.pages())
        return self._engine

    async def _facts(self) -> Facts:
        from frontend.symbols.drgn_program import Facts, ImageFile, KernelOfGuest

        path = self._slide.kernel
        kernel: KernelFile | KernelOfGuest | None = None
        if path is not None and path in self.files:
            kernel = await self._kernel(path)
        elif self.guest.table is not None and path == self._own:
            notes = await self._notes(self.guest.table.file.path, self.guest.table.offset)
            kernel = KernelOfGuest(self.guest.table, notes, self._typed)
        images = []
        for other in self.files:
            file, offset = self._symbols.file(other)
            if other != path and file.span[1]:
                images.append(ImageFile(other, file.span[0] + offset, file.span[1] + offset))
        return Facts(kernel, tuple(images), self.memory.physical)

    async def _kernel(self, path: str) -> KernelFile:
        from frontend.symbols.drgn_program import KernelFile

        file, slide = self._symbols.file(path)
        return KernelFile(path, file.build_id, await self._notes(path, slide), self._symbols.modules)

    async def _notes(self, path: str, slide: int) -> bytes:
        """The guest's vmcoreinfo, which stays as it is once it is there, or what stands for it."""
        from frontend.symbols.drgn_program import early_vmcoreinfo

        if self._vmcoreinfo is not None and self._vmcoreinfo[:2] == (path, slide):
            return self._vmcoreinfo[2]
        file = self._symbols.file(path)[0]
        state = await self._debugger.state()
        place = file.lookup("vmcoreinfo_data")
        up = state.mode == 64 and state.registers.get("cr0", 0) >> 31
        pointer = await self._word(place + slide) if place is not None and up else None
        if pointer and pointer >> 63:
            data = await self.memory.read(pointer, MOST_VMCOREINFO)
            if data is not None and data.startswith(b"OSRELEASE="):
                self._vmcoreinfo = path, slide, data.rstrip(b"\0")
                return self._vmcoreinfo[2]
        base = file.lookup("phys_base")
        physical = await self._word(base + slide) if base is not None and up else None
        tables = file.lookup("init_top_pgt") or 0
        five = bool(up and state.registers.get("cr4", 0) & CR4_LA57)
        return early_vmcoreinfo(file.build_id, slide, tables + slide, physical or 0, five)

    async def _word(self, address: int) -> int | None:
        data = await self.memory.read(address, 8)
        return None if data is None else int.from_bytes(data, "little")
