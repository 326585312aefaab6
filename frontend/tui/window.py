"""What panes show beyond a record: the code around a stop and the top of its stack, read once, at the stop.

`gather_window` reads; the rest is plain data. Panes never do I/O: they show the window that was gathered, or,
for a stop that has none, the few bytes that its record holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from gdbstub.debugger.breakpoints import Breakpoint
from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.record import StopRecord
from gdbstub.errors import Refused
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.cpu_state import CpuState
from gdbstub.x86.decode import decode
from gdbstub.x86.instructions import Instruction
from gdbstub.x86.registers import Mode

CODE_BEFORE = 64
CODE_AFTER = 256
STACK_BYTES = 128
PAGE = 0x1000
LONGEST_INSTRUCTION = 15

_MASKS: dict[int, int] = {16: 0xFFFF, 32: 0xFFFF_FFFF, 64: 0xFFFF_FFFF_FFFF_FFFF}
_TARGET = re.compile(r"\b0x[0-9a-f]{4,16}$")


class NameLookup(Protocol):
    """Names for linear addresses."""

    def nearest(self, address: int) -> tuple[str, int] | None:
        """The symbol at or below ``address``, and how far below."""


class Guest(Protocol):
    """The part of a debugger that a window is read through."""

    async def read_memory(self, address: int, length: int) -> bytes: ...


class BreakpointRow(NamedTuple):
    """One breakpoint as it stood when it was looked at; the fields are those of `Breakpoint`."""

    number: int
    kind: BreakpointKind
    address: int | None
    length: int = 1
    means: str = "auto"
    temporary: bool = False
    enabled: bool = True
    hits: int = 0
    ignore: int = 0
    vector: int | None = None
    text: str = ""
    condition: str | None = None
    armed_as: str | None = None


class CodeLine(NamedTuple):
    """One instruction; ``label`` is the symbol that begins here, ``target`` the symbol that it goes to (each
    may be empty). ``text`` is empty where the bytes are no instruction."""

    address: int
    bytes: bytes
    text: str
    label: str = ""
    target: str = ""


class StackWord(NamedTuple):
    """One word of the stack; ``offset`` is from the stack pointer, ``name`` what it points at, or empty."""

    address: int
    offset: int
    value: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """What stood around stop ``number``. ``lines`` holds the line of the record's pc where it could be read;
    ``word`` is the size of a stack word in bytes."""

    number: int
    lines: tuple[CodeLine, ...] = ()
    stack: tuple[StackWord, ...] = ()
    word: int = 8
    breakpoints: tuple[BreakpointRow, ...] = ()


def snapshot(breakpoints: Mapping[int, Breakpoint]) -> tuple[BreakpointRow, ...]:
    """The breakpoints that are shown, in the order of their numbers, as frozen rows."""
    return tuple(
        BreakpointRow(
            *(b.number, b.kind, b.address, b.length, b.means, b.temporary, b.enabled, b.hits, b.ignore),
            *(b.vector, b.text, b.condition, b.armed_as),
        )
        for _, b in sorted(breakpoints.items())
        if not b.hidden
    )


def where(symbols: NameLookup, address: int) -> str:
    """``symbol+4``, as gdb writes it, or nothing where no symbol is near."""
    near = symbols.nearest(address)
    if near is None:
        return ""
    name, offset = near
    return f"{name}+{offset}" if offset else name


def disassemble(code: bytes, address: int, mode: Mode | None) -> tuple[Instruction, ...]:
    """``code`` from its first byte on; a byte that begins no instruction is a line of its own without text.
    What may be cut off at the end is left out; in a mode that is not known (None), all from where modes read it
    differently."""
    lines: list[Instruction] = []
    at = 0
    while at < len(code):
        found = decode(code[at : at + LONGEST_INSTRUCTION], address + at, mode)
        if found is None:
            if mode is None or len(code) - at < LONGEST_INSTRUCTION:
                break
            found = Instruction(address + at, code[at : at + 1], "", "")
        lines.append(found)
        at += len(found.bytes)
    return tuple(lines)


def before(code: bytes, address: int, mode: Mode | None, sure: int | None) -> tuple[Instruction, ...]:
    """The instructions of ``code`` that end exactly at its end.

    x86 code cannot be read backwards: any byte may begin an instruction. ``sure`` is an address where one is
    known to begin (a symbol, the instruction that ran last); without it the longest run that fits is taken,
    since decoding from a wrong start falls into step within a few instructions.
    """
    known = sure is not None and address <= sure < address + len(code)
    for start in range(len(code)) if sure is None or not known else (sure - address,):
        lines = disassemble(code[start:], address + start, mode)
        if lines and lines[-1].address + len(lines[-1].bytes) == address + len(code) and all(i.text for i in lines):
            return lines
    return ()


def named(instruction: Instruction, symbols: NameLookup | None) -> CodeLine:
    """The line of an instruction, with the symbols that are its label and its target."""
    if symbols is None:
        return CodeLine(instruction.address, instruction.bytes, instruction.text)
    near = symbols.nearest(instruction.address)
    goes_to = _TARGET.search(instruction.text)
    return CodeLine(
        instruction.address,
        instruction.bytes,
        instruction.text,
        near[0] if near is not None and near[1] == 0 else "",
        where(symbols, int(goes_to[0], 16)) if goes_to is not None else "",
    )


async def read_some(guest: Guest, address: int, length: int) -> bytes:
    """What can be read of ``length`` bytes from ``address`` on: all, those up to the page's end, or none."""
    for count in (length, min(length, PAGE - address % PAGE)):
        try:
            return await guest.read_memory(address, count)
        except Refused:
            continue
    return b""


async def read_before(guest: Guest, address: int, length: int) -> bytes:
    """What can be read of the ``length`` bytes below ``address``: all, those of its page, or none."""
    for count in (min(length, address), min(length, address, address % PAGE)):
        try:
            return await guest.read_memory(address - count, count) if count else b""
        except Refused:
            continue
    return b""


def _known_start(record: StopRecord, symbols: NameLookup, pc: int) -> int | None:
    """An address below ``pc`` where an instruction surely begins."""
    near = symbols.nearest(pc)
    if near is not None and 0 < near[1] <= CODE_BEFORE:
        return pc - near[1]
    ran = record.explanation.instruction
    if ran is not None and ran.address + len(ran.bytes) == pc:
        return ran.address
    return None


async def _code(guest: Guest, symbols: NameLookup, record: StopRecord, state: CpuState) -> tuple[CodeLine, ...]:
    pc, mode = state.pc, state.code_mode
    low = await read_before(guest, pc, CODE_BEFORE)
    high = await read_some(guest, pc, CODE_AFTER) or (record.code if pc == record.state.pc else b"")
    lines = before(low, pc - len(low), mode, _known_start(record, symbols, pc)) + disassemble(high, pc, mode)
    return tuple(named(line, symbols) for line in lines)


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


async def look(debugger: Debugger, symbols: NameLookup) -> tuple[StopRecord, CpuState, Window] | None:
    """What panes show of a guest that stands still: the newest stop, the selected vCPU now, and what stands around it.
    None where there is nothing to be read. A replay of a screen's session asks the same at the same places."""
    if debugger.running or debugger.ended or debugger.lost is not None or not debugger.records:
        return None
    record, rows, state = debugger.records[-1], snapshot(debugger.breakpoints), await debugger.state()
    return record, state, await gather_window(debugger, symbols, record, rows, state)


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
    state = record.state if state is None else state
    code = await _code(guest, symbols, record, state)
    stack = await _stack(guest, symbols, state)
    return Window(record.number, code, stack, state.mode // 8, breakpoints)
