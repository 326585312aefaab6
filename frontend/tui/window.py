"""What panes show beyond a record: the code around a stop and its event, and the top of the stack, read once, there.

`gather_window` reads; the rest is plain data. Panes never do I/O: they show the window that was gathered, or,
for a stop that has none, the few bytes that its record holds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from frontend.commands.session import Session
from frontend.tui.breakpoint_rows import BreakpointRow, snapshot
from frontend.tui.event_code import origin
from frontend.tui.extras import NONE, Extras, read_extras
from frontend.tui.listing import CodeLine, Guest, NameLookup, read_code, read_some, where
from frontend.tui.telescope import StackWord
from frontend.tui.watched import WatchedBytes
from gdbstub.debugger.record import StopRecord
from gdbstub.x86.cpu_state import CpuState

STACK_BYTES = 128

_MASKS: dict[int, int] = {16: 0xFFFF, 32: 0xFFFF_FFFF, 64: 0xFFFF_FFFF_FFFF_FFFF}


class SourceArea(NamedTuple):
    """The file of the source line where the frame stands that is looked at; ``lines`` are all of it, None where its
    text is not on this machine. ``line`` counts from 1."""

    file: str
    line: int
    lines: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Window:
    """What stood around stop ``number``. ``lines`` holds the line of the record's pc where it could be read, ``event``
    that of the RIP that its event saved; ``word`` is the size of a stack word in bytes."""

    number: int
    lines: tuple[CodeLine, ...] = ()
    stack: tuple[StackWord, ...] = ()
    word: int = 8
    breakpoints: tuple[BreakpointRow, ...] = ()
    event: tuple[CodeLine, ...] = ()
    plain: bool = False
    """Is it that of a plain step? Those go before others where there are too many."""
    extras: Extras = NONE
    """What was read for the panes that were in sight."""
    source: SourceArea | None = None


def _ran_last(record: StopRecord, address: int) -> int | None:
    """The address of the instruction that caused the stop, where it ends at ``address``."""
    ran = record.explanation.instruction
    return ran.address if ran is not None and ran.address + len(ran.bytes) == address else None


async def _code(guest: Guest, symbols: NameLookup, record: StopRecord, state: CpuState) -> tuple[CodeLine, ...]:
    pc = state.pc
    known = record.code if pc == record.state.pc else b""
    return await read_code(guest, symbols, pc, state.code_mode, _ran_last(record, pc), known)


async def _event_code(guest: Guest, symbols: NameLookup, record: StopRecord) -> tuple[CodeLine, ...]:
    """The code that a caught event came from; nothing at any other stop."""
    place = origin(record)
    if place is None:
        return ()
    return await read_code(guest, symbols, place.saved, place.mode, _ran_last(record, place.saved))


def stack_address(state: CpuState) -> int | None:
    """The linear address of the top of the stack: SS base + (R/E)SP, or None where RSP is not known."""
    top = state.registers.get("rsp")
    if top is None:
        return None
    if state.mode == 64:
        return top
    return ((state.segment_base("ss") or 0) + (top & _MASKS[state.mode])) & _MASKS[32]


async def _stack(guest: Guest, symbols: NameLookup, state: CpuState) -> tuple[StackWord, ...]:
    top = stack_address(state)
    if top is None:
        return ()
    size = state.mode // 8
    data = await read_some(guest, top, STACK_BYTES)
    words = [
        (offset, int.from_bytes(data[offset : offset + size], "little"))
        for offset in range(0, len(data) - size + 1, size)
    ]
    return tuple(StackWord(top + offset, offset, value, where(symbols, value)) for offset, value in words)


class Surroundings(NamedTuple):
    """What panes show of a guest that stands still: the newest stop, the selected vCPU now, what stands around it, and
    what became of the bytes that the stop is about."""

    record: StopRecord
    state: CpuState
    window: Window
    change: str


def looker(session: Session) -> Callable[[], Awaitable[Surroundings | None]]:
    """What reads, at each stop, what panes show of it; None where there is nothing to be read. A replay of a screen's
    session asks the same at the same places."""
    debugger, symbols, watched = session.debugger, session.symbols, WatchedBytes()

    async def look() -> Surroundings | None:
        if debugger.running or debugger.ended or debugger.lost is not None or not debugger.records:
            return None
        record, rows, state = debugger.records[-1], snapshot(debugger.breakpoints), await debugger.state()
        window = await gather_window(debugger, symbols, record, rows, state)
        change = await watched.change(debugger, symbols, record, rows)
        if session.panes.seen:
            window = replace(window, extras=await read_extras(session, state, window.stack))
        return Surroundings(record, state, window, change)

    return look


async def gather_window(
    guest: Guest,
    symbols: NameLookup,
    record: StopRecord,
    breakpoints: tuple[BreakpointRow, ...] = (),
    state: CpuState | None = None,
) -> Window:
    """Read what stands around ``record``, which must be the stop that the guest stands at; around ``state``
    where that is given (another vCPU, or the same one changed).

    What cannot be read is left out. A guest that is gone leaves an empty window; errors of the link are
    raised.
    """
    if record.ended:
        return Window(record.number, breakpoints=breakpoints)
    other = state is not None and state.cpu != record.cpu
    state = record.state if state is None else state
    code = await _code(guest, symbols, record, state)
    stack = await _stack(guest, symbols, state)
    event = () if other else await _event_code(guest, symbols, record)
    return Window(record.number, code, stack, state.mode // 8, breakpoints, event, record.is_plain_step)
