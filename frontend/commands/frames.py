"""Stack frames without debug information: the frame pointer chain, and where the current function returns to."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from frontend.commands.session import Session
from gdbstub.errors import GdbError, Refused
from gdbstub.explain.evidence import Known
from gdbstub.x86.cpu_state import CpuState, Registers, Segment
from gdbstub.x86.decode import LONGEST, shape
from gdbstub.x86.registers import Mode

DEEPEST = 64
LONGEST_CALL = 7
CR4_LA57 = 1 << 12


class Return(NamedTuple):
    """Where a function returns to, how that was found out, and the RSP that it leaves behind at least."""

    address: int
    source: str
    lowest_sp: int | None


class CallFrame(NamedTuple):
    """One frame of a backtrace; ``guess`` says how the address was found."""

    pc: int
    guess: str
    sp: int = 0
    """RSP behind the call, as far as it is known."""


async def word(session: Session, state: CpuState, address: int) -> int | None:
    """One stack slot in the CPU's mode, None where it cannot be read."""
    try:
        data = await session.read_memory(address, state.mode // 8)
    except Refused:
        return None
    return int.from_bytes(data, "little")


def stack_base(state: CpuState) -> int:
    return 0 if state.mode == 64 else state.segment_base("ss") or 0


def code_base(state: CpuState) -> int:
    return state.pc - state.rip


def is_canonical(address: int, state: CpuState) -> bool:
    """Can code be there? SDM vol. 1 3.3.7.1; the lowest page has none, under any system worth a trace."""
    if state.mode != 64:
        return 0x10 <= address < 1 << 32
    top = 57 if state.registers.get("cr4", 0) & CR4_LA57 else 48
    return address >= 0x1000 and address >> (top - 1) in (0, (1 << (65 - top)) - 1)


async def is_behind_a_call(session: Session, address: int, state: CpuState) -> bool:
    """Whether a CALL ends at ``address``: E8 rel32 (rel16), FF /2, or a far call; SDM 2A CALL."""
    if not is_canonical(address, state):
        return False
    try:
        code = await session.read_memory(address - LONGEST_CALL, LONGEST_CALL)
    except Refused:
        return False
    return ends_a_call(code, state.mode)


def ends_a_call(code: bytes, mode: Mode) -> bool:
    """Do the last bytes of ``code`` make a CALL?"""
    for length in range(2, min(LONGEST_CALL, len(code)) + 1):
        found = shape(code[-length:], mode)
        if found is not None and len(found.bytes) == length and found.mnemonic in ("call", "lcall"):
            return True
    return False


async def return_address(session: Session) -> Return:
    """From the exception frame when we stand at a caught handler; else from the top of the stack where the
    function has not built its frame yet, else by the frame pointer. `GdbError` where nothing is plausible."""
    state = await session.state()
    record = session.record
    if record.event is not None and record.event.frame is not None and record.state.pc == state.pc:
        frame = record.event.frame
        return Return(frame.rip, "from the exception frame; a handler may change it", frame.rsp)
    width = state.mode // 8
    rsp, rbp = state.registers["rsp"], state.registers["rbp"]
    base = stack_base(state)
    top, pointer = (rsp, "from the top of the stack"), (rbp + width, "by the frame pointer")
    order = [top, pointer] if await _has_no_frame_yet(session, state) else [pointer, top]
    for slot, source in order:
        value = await word(session, state, base + slot)
        if value is not None and await is_behind_a_call(session, code_base(state) + value, state):
            return Return(code_base(state) + value, source, slot + width)
    raise GdbError(
        "Neither the top of the stack nor the frame pointer gives a return address with a call before it; "
        "use advance ADDRESS."
    )


async def _has_no_frame_yet(session: Session, state: CpuState) -> bool:
    """At a function's first instruction, at its PUSH RBP, or at its RET the return address is on top."""
    nearest = session.symbols.nearest(state.pc)
    if nearest is not None and nearest[1] == 0:
        return True
    try:
        found = shape(await session.read_memory(state.pc, LONGEST), state.mode)
    except Refused:
        return False
    return found is not None and (found.mnemonic == "ret" or found.text in ("push rbp", "push ebp", "push bp"))


def interrupted(session: Session, state: CpuState) -> CpuState | None:
    """The CPU as the event found it at whose handler it stands, by the exception frame; None where it stands elsewhere,
    or nothing tells how the interrupted code is to be read. A task gate leaves no RBP of it: none is there then."""
    if not session.debugger.records:
        return None
    record = session.record
    frame = None if record.event is None else record.event.frame
    mode = record.evidence.frame_mode
    if frame is None or not isinstance(mode, Known) or (record.state.pc, record.cpu) != (state.pc, state.cpu):
        return None
    registers = Registers(state.registers | {"rip": frame.rip, "cs": frame.cs, "rflags": frame.rflags})
    if frame.size is None:
        registers = Registers({name: registers[name] for name in ("rip", "cs", "rflags")})
    registers["rsp"] = state.registers["rsp"] + (frame.size or 0) if frame.rsp is None else frame.rsp
    segments = dict(state.segments or {})
    for name, selector, base in (("cs", frame.cs, frame.cs_base), ("ss", frame.ss, frame.ss_base)):
        if selector is not None:
            registers[name] = selector
            segments[name] = Segment(selector, base or 0, 0, 0)
    return replace(state, registers=registers, mode=mode.value, cpl=None, segments=segments)


async def backtrace(session: Session, state: CpuState, most: int) -> list[CallFrame]:
    """Frame 0 is the CPU in ``state``; the others follow the saved frame pointers as long as they grow, and each return
    address stands behind a call."""
    width = state.mode // 8
    base, code = stack_base(state), code_base(state)
    frames = [CallFrame(state.pc, "", state.registers["rsp"])]
    pointer = state.registers.get("rbp", 0)
    if await _has_no_frame_yet(session, state):
        value = await word(session, state, base + state.registers["rsp"])
        if value is not None and await is_behind_a_call(session, code + value, state):
            frames.append(CallFrame(code + value, "top of the stack", state.registers["rsp"] + width))
    while len(frames) < min(most, DEEPEST):
        if pointer == 0 or pointer % (width if width < 8 else 8) != 0:
            break
        saved = await word(session, state, base + pointer)
        value = await word(session, state, base + pointer + width)
        if saved is None or value is None or not await is_behind_a_call(session, code + value, state):
            break
        frames.append(CallFrame(code + value, "frame pointer", pointer + 2 * width))
        if saved <= pointer:
            break
        pointer = saved
    return frames[:most]
