"""The callers of where a CPU stands: by debug information, else by frame pointers, else by what looks like one."""

from __future__ import annotations

from frontend.commands.frames import (
    DEEPEST,
    CallFrame,
    Return,
    backtrace,
    interrupted,
    is_behind_a_call,
    return_address,
    stack_base,
    word,
)
from frontend.commands.session import Session
from frontend.symbols.engine import NoDebugInfo, SourceLine, Trace, TraceFrame
from gdbstub.errors import BadExpression
from gdbstub.x86.cpu_state import CpuState
from gdbstub.x86.registers import Mode

SCANNED = 256
"""Words of the stack that are looked through."""
BY_POINTERS = "By saved frame pointers; a function that keeps none is missing here."
BY_SCAN = "By a scan of the stack: each of these stands behind a call, and may be left over from one that is long over."
BY_FRAME = "from the exception frame"
POINTERS: dict[Mode, str] = {16: "BP", 32: "EBP", 64: "RBP"}
UNKNOWN_CODE = "Nothing is known of the code behind the last frame, so the trace ends there."
MOST_GUESSED = 32


async def unwind(session: Session, most: int = DEEPEST) -> Trace:
    """The frames of the selected CPU; kept until the guest goes on."""
    state = await session.state()
    key = session.debugger.generation, state.cpu, most
    if session.unwound is None or session.unwound[0] != key:
        session.unwound = key, await _unwind(session, state, most)
        session.frame = 0
    return session.unwound[1]


async def caller(session: Session) -> Return:
    """Where the function of the frame that is looked at returns to. Raises `GdbError` where nothing is plausible."""
    record = session.record
    at_handler = record.event is not None and record.event.frame is not None
    if session.frame or not at_handler:
        trace = await unwind(session)
        at = session.frame
        while at < len(trace.frames) and trace.frames[at].inline:
            at += 1
        if at + 1 < len(trace.frames) and not trace.frames[at + 1].how and not trace.frames[0].how:
            found = trace.frames[at + 1]
            if found.sp:
                return Return(found.pc, "by debug information", found.sp)
    return await return_address(session)


async def _unwind(session: Session, state: CpuState, most: int) -> Trace:
    why = ""
    before = interrupted(session, state)
    if state.mode == 64:
        await session.debug_info.prepare()
    if state.mode == 64 and not session.debug_info.why_not():
        try:
            found = await _by_debug_info(session, state)
            if any(before is None or one.pc == before.pc for one in found.frames[1:]):
                return found
        except (NoDebugInfo, BadExpression) as error:
            why = str(error)
    found = await _guess(session, state if before is None else before, most)
    if before is not None:
        first, *rest = found.frames
        handler = _frame(session, state, CallFrame(state.pc, "", state.registers["rsp"]))
        found = Trace((handler, first._replace(how=BY_FRAME), *rest), found.note)
    return Trace(await _with_lines(session, found.frames[:most]), f"{why} {found.note}".strip())


async def _with_lines(session: Session, frames: tuple[TraceFrame, ...]) -> tuple[TraceFrame, ...]:
    """What files say of lines, where no types are known; a frame that waits for a call stands in the line of that."""
    if not session.source.known:
        return frames
    found = []
    for number, frame in enumerate(frames):
        waits = number and frame.how != BY_FRAME
        place = await session.source.place(frame.pc - 1 if waits else frame.pc)
        source = None if place is None else SourceLine(place.file, place.line, 0, frame.name)
        found.append(frame._replace(source=source, arguments=None))
    return tuple(found)


async def _guess(session: Session, state: CpuState, most: int) -> Trace:
    guessed = [_frame(session, state, one) for one in await backtrace(session, state, most)]
    if len(guessed) > 1:
        return Trace(tuple(guessed), BY_POINTERS)
    guessed += [_frame(session, state, one) for one in await _scan(session, state)]
    return Trace(tuple(guessed), BY_SCAN if len(guessed) > 1 else _no_caller(state, f" of {session.place(state.pc)}"))


def _no_caller(state: CpuState, of: str) -> str:
    pointer = POINTERS[state.mode]
    known = f"{pointer} is no frame pointer there" if "rbp" in state.registers else f"{pointer} is not known there"
    return f"No caller{of}: {known}, and nothing on the stack stands behind a call."


async def _by_debug_info(session: Session, state: CpuState) -> Trace:
    from frontend.symbols.drgn_traces import trace

    found = await session.debug_info.ask(lambda program: trace(program, state.registers))
    for number, frame in enumerate(found.frames):
        if number and not frame.name and not frame.interrupted and not await is_behind_a_call(session, frame.pc, state):
            return Trace(found.frames[:number], UNKNOWN_CODE)
    return found


def _frame(session: Session, state: CpuState, one: CallFrame) -> TraceFrame:
    name, offset = session.symbols.nearest(one.pc) or ("", 0)
    registers = state.registers if not one.guess else {"rip": one.pc}
    return TraceFrame(one.pc, one.sp, name, offset, None, False, not one.guess, dict(registers), (), one.guess)


async def _scan(session: Session, state: CpuState) -> list[CallFrame]:
    """Words on the stack that a call can have pushed."""
    width = state.mode // 8
    found: list[CallFrame] = []
    for number in range(SCANNED):
        at = state.registers["rsp"] + number * width
        value = await word(session, state, stack_base(state) + at)
        if value is None or len(found) == MOST_GUESSED:
            break
        if await is_behind_a_call(session, state.pc - state.rip + value, state):
            found.append(CallFrame(state.pc - state.rip + value, "scan", at + width))
    return found
