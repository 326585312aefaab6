"""What a caught vector's handler finds at its first instruction: the exception frame, and the code around it."""

from __future__ import annotations

from contextlib import suppress

from gdbstub.debugger.interrupt_table import ReadMemory, TableReader, Way
from gdbstub.debugger.record import CaughtEvent
from gdbstub.errors import Refused
from gdbstub.explain.evidence import CodeBytes
from gdbstub.x86.cpu_state import CpuState
from gdbstub.x86.exceptions import Frame, largest_frame, parse_frame, vector
from gdbstub.x86.registers import RFLAGS_BITS, RFLAGS_ONE, TF, VM, Mode

DEBUG = 1
PAGE = 0x1000
STACK_BYTES = 6 * 8
"""SS, RSP, RFLAGS, CS, RIP and an error code, 8 bytes each: what is read where the page has so much."""
CODE_BEFORE, CODE_AFTER = 32, 15
"""Bytes around the saved RIP that evidence holds: enough to decode backwards two instructions, and one forward."""


class ExceptionFrames:
    """Reads at a handler's first instruction."""

    def __init__(self, read_memory: ReadMemory, tables: TableReader) -> None:
        self._read = read_memory
        self._tables = tables

    async def event(
        self, number: int, way: Way, state: CpuState
    ) -> tuple[CaughtEvent, Mode | None, tuple[CodeBytes, ...]]:
        """The frame on the guest's stack at the handler's first instruction, the mode of the interrupted code, and
        the code around the saved RIP."""
        frame = await self._frame(number, way, state)
        segment = None if frame is None else await self._interrupted(frame, state)
        if frame is None or segment is None:
            return CaughtEvent(number, state.pc, frame), None, ()
        base, mode = segment
        if mode != 64:
            frame = frame._replace(cs_base=base, ss_base=await self._stack_base(frame, state))
        windows = await self.code_around(base + frame.rip)
        if number == DEBUG and mode == 64 and not frame.cs & 3:
            windows += await self._behind_syscall(state)
        return CaughtEvent(number, state.pc, frame), mode, windows

    async def _behind_syscall(self, state: CpuState) -> tuple[CodeBytes, ...]:
        """The two bytes in front of RCX, if they may be a SYSCALL that ran with TF: R11 holds its RFLAGS. Anything else
        in R11 is no reason to read where RCX happens to point."""
        behind, saved = state.registers.get("rcx", 0), state.registers.get("r11", 0)
        if behind < 2 or not saved & TF or saved & ~RFLAGS_BITS or not saved & RFLAGS_ONE:
            return ()
        try:
            return (CodeBytes(behind - 2, await self._read(behind - 2, 2)),)
        except Refused:
            return ()

    async def _interrupted(self, frame: Frame, state: CpuState) -> tuple[int, Mode] | None:
        """Base and mode of the code that the event interrupted."""
        return (frame.cs << 4, 16) if frame.rflags & VM else await self._tables.code_segment(frame.cs, state)

    async def _stack_base(self, frame: Frame, state: CpuState) -> int | None:
        """The base of the SS that was pushed; None where none was."""
        if frame.ss is None:
            return None
        if frame.rflags & VM:
            return frame.ss << 4
        segment = await self._tables.code_segment(frame.ss, state)
        return None if segment is None else segment[0]

    async def _frame(self, number: int, way: Way, state: CpuState) -> Frame | None:
        gate = way.gate
        if way.task is not None:
            return await self._outgoing(number, state)
        width: Mode = state.mode
        if gate is not None and gate.type in (6, 7):
            width = 16
        elif gate is not None and gate.type is not None and state.mode != 64:
            width = 32
        has_error_code = vector(number).has_error_code and gate is not None and gate.type is not None
        data = await self._on_stack(_stack_pointer(state), largest_frame(width, has_error_code=has_error_code))
        return parse_frame(data, width, has_error_code=has_error_code)

    async def _outgoing(self, number: int, state: CpuState) -> Frame | None:
        """A task gate pushes no frame: what it interrupted is in the TSS of the task that was left, an error code alone
        on the new task's stack (SDM vol. 3A 6.12.1.3 and 7.3)."""
        here = None if state.tables is None else await self._tables.task_state(state.tables.tr.selector, state)
        left = None if here is None else await self._tables.task_state(here.previous, state)
        if left is None:
            return None
        code = None
        if vector(number).has_error_code:
            code = int.from_bytes(await self._on_stack(_stack_pointer(state), 4), "little")
        return Frame(left.eip, left.cs, left.eflags, left.esp, left.ss, code)

    async def _on_stack(self, address: int, size: int) -> bytes:
        """``size`` bytes, fewer before a page that can't be read: an IST stack ends where its page does, and what lies
        behind need not be mapped."""
        end = (address | PAGE - 1) + 1
        wanted = (STACK_BYTES,) if address + STACK_BYTES <= end else (min(size, end - address), address + size - end)
        data = b""
        with suppress(Refused):
            for length in wanted:
                if length > 0:
                    data += await self._read(address + len(data), length)
        return data

    async def code_around(self, address: int) -> tuple[CodeBytes, ...]:
        """Guest bytes before and after ``address``, as far as they can be read."""
        start = max(address - CODE_BEFORE, 0)
        for first in (start, address & ~0xFFF if address & 0xFFF < CODE_BEFORE else address):
            for length in (address - first + CODE_AFTER, (address | 0xFFF) + 1 - first):
                try:
                    return (CodeBytes(first, await self._read(first, length)),)
                except Refused:
                    continue
        return ()


def _stack_pointer(state: CpuState) -> int:
    """The linear address of the top of the stack."""
    stack = state.registers["rsp"]
    if state.mode == 64 or state.segments is None:
        return stack
    ss = state.segments["ss"]
    return ss.base + (stack & (0xFFFF_FFFF if ss.attributes & 1 << 22 else 0xFFFF))
