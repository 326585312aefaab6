"""What a command line works on: the debugger, the symbols, where text goes, and what is remembered between
lines.

A `Session` is also the environment of expressions. It starts no task; one command runs at a time, and only
`interrupt` may be called while one does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from frontend.commands.collecting import Collecting
from frontend.commands.debug_info import RECORDED, DebugInfo, as_value
from frontend.commands.expressions import Node, evaluate, parse
from frontend.commands.kernel_slide import KernelSlide
from frontend.commands.memory_format import Layout
from frontend.commands.nodes import is_place
from frontend.commands.recording import Recording
from frontend.commands.registers import is_real_mode, register_value
from frontend.commands.remembered import MOST_WRITES, Display, MemoryWrite, OwnCommand, PaneSubjects, RegisterWrite
from frontend.commands.shared import Shared, Work, at_once, no_wait
from frontend.commands.source_lines import places_of
from frontend.commands.source_view import SourceView
from frontend.commands.stop_filter import StopFilter
from frontend.commands.stop_text import describe
from frontend.commands.values import Value, pointer
from frontend.symbols.engine import Trace
from frontend.symbols.names import Symbols
from gdbstub.debugger.breakpoints import Breakpoint
from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.record import StopRecord
from gdbstub.errors import BadExpression, GdbError
from gdbstub.sessions.guest_lock import Reach
from gdbstub.x86.cpu_state import CpuState
from gdbstub.x86.registers import MASK_64, SEGMENTS

PIECEWISE = frozenset(("find",))
"""Commands that may take minutes: they have the guest for a part at a time."""


async def _yes(_: str) -> bool:
    return True


@dataclass
class Session:
    """``out`` takes results, ``say`` messages (progress, notes); both get lines that are already clean,
    without a newline. ``confirm`` asks before what cannot be taken back; by default nobody is asked.
    ``show_stop`` prints a record; a screen that shows it elsewhere replaces it.
    """

    debugger: Debugger
    symbols: Symbols
    out: Callable[[str], None]
    say: Callable[[str], None] | None = None
    confirm: Callable[[str], Awaitable[bool]] = _yes
    show_stop: Callable[[StopRecord], None] | None = None
    show_code: Callable[[int | None], Awaitable[None]] | None = None
    """Brings the code at an address to a pane, or (None) that of the stop back; where there is a screen."""
    offer: Callable[[str], list[str]] = lambda text: []
    """The whole lines that ``text`` could become."""
    set_theme: Callable[[str], None] | None = None  # gives a screen other colours (`THEMES`)
    arrange: Callable[[str], None] | None = None
    """Arranges the panes as the layout of that number has them; where there is a screen."""
    filter_stops: Callable[[StopFilter], None] | None = None
    """Has a list of stops show only some of them; where there is one on a screen."""
    code_kept: int = 500  # of how many stops a screen keeps the code and the stack around them
    tool: str = "dr6"
    """Program and version, as a trace's header names them."""
    ask: bool = True
    """``set confirm off`` clears it."""
    note: Callable[[str, str], None] = lambda kind, text: None
    """Where a recording is made, it gets what was asked for: ("command", "stepi"), ("interrupt", "")."""
    live: bool = True
    """Is there a stub that may go away by itself? A recording doesn't."""
    look_around: bool = True
    """May panes read more of a stop than its record has? Not where a replay has no answers."""
    reads_overwritten: bool = False
    """Does ``set`` read the memory that it writes over, for ``undo``? On a screen; elsewhere it does what it is told
    and no more, since a device may act on a read of its registers."""
    may_use_files: bool = True
    """May commands read and write files of this machine? What a stranger's recording asks for must not."""
    recording: str | None = None
    """The file that keeps the conversation with the stub (``--record``), if any."""

    displays: dict[int, Display] = field(default_factory=dict)
    panes: PaneSubjects = field(default_factory=PaneSubjects)
    written: deque[MemoryWrite | RegisterWrite] = field(default_factory=lambda: deque(maxlen=MOST_WRITES))
    """What ``undo`` takes back, the last one last."""
    history: list[Value] = field(default_factory=list)
    variables: dict[str, Value] = field(default_factory=dict)
    layout: Layout = field(default_factory=Layout)
    next_address: int | None = None
    """Where ``x`` without an address goes on."""
    last_line: str = ""
    """What an empty line repeats."""
    collecting: Collecting | None = None
    definitions: dict[str, OwnCommand] = field(default_factory=dict)
    blocks: list[deque[str]] = field(default_factory=list)
    """Lines that a typed line expanded to, still to be run: those of the innermost script last."""
    pending: deque[str] = field(default_factory=deque)
    """Lines of ``commands`` of the breakpoint that was hit, to be run after those."""
    interrupted: bool = False
    shared: Shared | None = None
    reach: Reach = at_once
    """Around each part of a command that takes long (`PIECEWISE`), where the guest is shared."""
    names_ready: Work[None] = no_wait
    """Waits for the files with symbols that are still being read."""
    on_names: Callable[[], None] = lambda: None
    """Called when names are there that were not: what is shown may have one now."""
    recorder: Recording | None = None
    """Where ``record FILE`` puts the stops."""
    nesting: int = 0
    """How many scripts are being run inside each other."""

    unwound: tuple[tuple[int, int, int], Trace] | None = None
    """The last trace, and of which stop, CPU and length it is."""
    frame: int = 0
    """Which frame of it is looked at."""
    debug_info: DebugInfo = field(init=False)
    source: SourceView = field(init=False)
    slide: KernelSlide = field(init=False)
    """How much higher than linked a Linux kernel runs."""

    def __post_init__(self) -> None:
        self.slide = KernelSlide(self.debugger, self.symbols)
        self.source = SourceView(self.symbols)
        self.debug_info = DebugInfo(self.debugger, self.symbols, self.slide)
        self.debug_info.guest.on_found = lambda: self.on_names()

    def without_debug_info(self) -> None:
        """For a session that is recorded, or a recording: a replay has to ask the stub for the same again, and has none
        of the files."""
        self.debug_info.refused = RECORDED
        self.slide.how = "off" if self.slide.how == "auto" else self.slide.how

    async def look_for_slide(self) -> None:
        """Where the guest's table of handlers is a new one, and the kernel may run elsewhere than it was linked to."""
        if self.live and (said := await self.slide.look()) is not None:
            self.message(said)
        if self.live and self.show_stop is not None and (said := await self.debug_info.hint()) is not None:
            self.message(said)

    async def expect_slide(self, row: Breakpoint) -> None:
        """A breakpoint was set: where the kernel is not up yet, it has to move with it."""
        if self.live and (said := await self.slide.expect(row)) is not None:
            self.message(said)

    def message(self, text: str) -> None:
        """A message beside the results: to ``say``, or among the results where there is none."""
        (self.say or self.out)(text)

    async def sure(self, question: str) -> bool:
        """Whether to go on with what cannot be taken back."""
        return not self.ask or await self.confirm(question)

    async def interrupt(self) -> None:
        """Stop what runs: a resume in the guest, and any command that steps or resumes again and again."""
        self.interrupted = True
        for lines in (*self.blocks, self.pending):
            lines.clear()
        self.note("interrupt", "")
        await self.debugger.interrupt()

    def close(self) -> None:
        """Close what commands left open. The debugger is not ours to close."""
        recorder, self.recorder = self.recorder, None
        if recorder is not None:
            recorder.stop()

    @property
    def record(self) -> StopRecord:
        """The newest stop. `GdbError` where there is none."""
        if not self.debugger.records:
            raise GdbError("There is no stop yet.")
        return self.debugger.records[-1]

    def report(self, record: StopRecord, line: str = "") -> None:
        """Print a stop; ``line`` is where in the source it is, where that is known."""
        if self.show_stop is not None:
            self.show_stop(record)
            return
        for text in describe(record, self.symbols, line):
            self.out(text)

    async def state(self) -> CpuState:
        return await self.debugger.state()

    # The environment of expressions

    async def variable(self, name: str) -> Value | None:
        if not name or name.isdigit() or name[0] == "$":
            return self._remembered(name)
        found = self.variables.get(name)
        if found is not None:
            return found
        state = await self.debugger.state()
        if self.frame and self.unwound is not None and self.unwound[0][:2] == (self.debugger.generation, state.cpu):
            known = self.unwound[1].frames[self.frame].registers
            state = replace(state, registers={**state.registers, **known})
        return register_value(state, name)

    def symbol(self, name: str) -> int | None:
        return self.symbols.lookup(name)

    async def read_memory(self, address: int, length: int) -> bytes:
        return await self.debugger.read_memory(address, length)

    def _remembered(self, name: str) -> Value:
        """``$``, ``$$``, ``$N`` and ``$$N``; zero where there is no such value yet, as in gdb for an empty one."""
        back = int(name[1:] or "1") if name and not name.isdigit() else 0
        index = int(name) - 1 if name.isdigit() else len(self.history) - 1 - back
        if not self.history and not name.isdigit():
            return Value(0)
        if not 0 <= index < len(self.history):
            raise BadExpression(f"The history has no value ${name}; it has {len(self.history)}.")
        return self.history[index]

    # Addresses

    async def evaluate(self, text: str) -> Value:
        return await self.evaluate_node(parse(text))

    async def evaluate_node(self, node: Node) -> Value:
        """By the guest's types where they are known and asked for; else names are addresses."""
        found = await self.debug_info.value(node, self)
        return await evaluate(node, self) if found is None else as_value(found)

    async def frame_scope(self) -> tuple[dict[str, int], int]:
        """The CPU's registers, and which frame of their trace is looked at: local variables are its own."""
        return (await self.state()).registers, self.frame

    async def location(self, text: str) -> int:
        """The linear address of ``*ADDR``, ``ADDR``, ``SYMBOL+OFF``, ``$reg`` or ``SEGMENT:OFFSET``."""
        text = text.strip()
        if not text:
            raise BadExpression("A location is missing: an address, a symbol, or segment:offset.")
        segment, colon, offset = text.partition(":")
        if colon and (places := await places_of(self.symbols, text)) is not None:
            return places[0].address
        if colon:
            return await self._far(segment.strip().removeprefix("*"), (await self.evaluate(offset)).address)
        node = parse(text.removeprefix("*"))
        if text.startswith("*") or not is_place(node):
            return (await self.evaluate_node(node)).address
        await self.debug_info.prepare_for(node, self.symbol)
        return (await evaluate(node, self)).address

    async def _far(self, segment: str, offset: int) -> int:
        """``seg:off``: selector times 16 in real mode; else the base of a segment register that holds it."""
        state = await self.state()
        named = segment.lower().removeprefix("$")
        base = state.segment_base(named) if named in SEGMENTS else None
        if base is None:
            selector = (await self.evaluate(f"${named}" if named in SEGMENTS else segment)).address
            if is_real_mode(state):
                base = (selector & 0xFFFF) << 4
            else:
                holds = (name for name in SEGMENTS if state.registers.get(name) == selector)
                base = next((b for name in holds if (b := state.segment_base(name)) is not None), None)
        if base is None:
            raise BadExpression(
                f"The base of segment {segment} is not known: no segment register holds it; give a linear address."
            )
        return (base + offset) & (MASK_64 if state.mode == 64 else 0xFFFF_FFFF)

    def remember(self, address: int, content: int, size_type: Value) -> None:
        """``$_`` and ``$__``: the last address that was looked at, and what was there."""
        self.variables["_"] = pointer(address)
        self.variables["__"] = size_type._replace(number=size_type.type.wrap(content))

    def place(self, address: int) -> str:
        """``0x1000 <symbol+4>``."""
        return f"{address:#x}{self.symbols.text(address)}"
