"""One instruction as one step: calls, interrupts and REP strings with all that they do, and handlers that it faults
into."""

from __future__ import annotations

from frontend.commands.examine import NO_MODE
from frontend.commands.landings import MOST_RETURNS, landed, leave
from frontend.commands.session import Session
from frontend.commands.stopping import ends_a_loop, run_to, watch_hits
from frontend.commands.table import CommandError
from gdbstub.debugger.record import StopRecord
from gdbstub.errors import Refused
from gdbstub.x86.cpu_state import CpuState
from gdbstub.x86.decode import LINEAR_MASKS as LINEAR
from gdbstub.x86.decode import LONGEST, MODES, shape
from gdbstub.x86.instructions import Shape

STEPPED_OVER = frozenset(("rep", "int-n", "int3", "into", "icebp", "syscall"))
PAGE = 4096
CALLS = frozenset(("call", "lcall"))


async def here(session: Session) -> tuple[CpuState, Shape | None]:
    """The CPU, and the instruction that it would execute next; None where that cannot be read."""
    state = await session.state()
    newest = session.debugger.records[-1] if session.debugger.records else None
    code = newest.code if newest is not None and newest.state.pc == state.pc else b""
    try:
        if not code:
            code = await session.read_memory(state.pc, min(LONGEST, PAGE - state.pc % PAGE))
        known = _read(session, state, code)
        if known is None and len(code) < LONGEST:  # the instruction may go on in the next page
            known = _read(session, state, await session.read_memory(state.pc, LONGEST))
    except Refused:
        return state, None
    return state, known


def _read(session: Session, state: CpuState, code: bytes) -> Shape | None:
    """The first instruction of ``code``; where the mode is not known, one of its readings, if none is stepped over.
    `CommandError` where they differ and one is."""
    if state.code_mode is not None:
        return shape(code[:LONGEST], state.mode)
    readings = [shape(code[:LONGEST], mode) for mode in MODES]
    if len(set(readings)) > 1 and any(map(is_stepped_over, readings)):
        raise CommandError(NO_MODE.format(place=session.place(state.pc)))
    return readings[0]


def is_stepped_over(known: Shape | None) -> bool:
    return known is not None and (known.mnemonic in CALLS or not known.traits.isdisjoint(STEPPED_OVER))


async def step_over(session: Session) -> StopRecord:
    """One instruction; calls, interrupts and REP strings as one, by a hidden breakpoint behind them."""
    state, known = await here(session)
    if known is None or not is_stepped_over(known):
        return await _step_back_out(session, state, known)
    behind = (state.pc + len(known.bytes)) & LINEAR[state.mode]
    lowest = None if "rep" in known.traits else state.registers["rsp"]
    return await run_to(session, behind, lowest_sp=lowest)


async def _step_back_out(session: Session, state: CpuState, known: Shape | None) -> StopRecord:
    """A step; where it ends in a handler, that runs till it comes back, and the instruction is stepped again."""
    watched = watch_hits(session)
    for _ in range(MOST_RETURNS):
        record = await session.debugger.step()
        if known is None or "branch" in known.traits or session.source.into_handlers:
            return record
        now = await session.state()
        if ends_a_loop(session, record, watched) or now.pc == state.pc + len(known.bytes) or now.pc == state.pc:
            return record
        landing = await landed(session, now)
        if landing is None:
            return record
        record = await leave(session, landing, state.pc, state.pc + len(known.bytes))
        if ends_a_loop(session, record, watched) or (await session.state()).pc != state.pc:
            return record
    return record
