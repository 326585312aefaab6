"""``continue``, ``stepi``, ``nexti``, ``finish``, ``until``, ``advance``, ``jump``, ``interrupt``."""

from __future__ import annotations

from frontend.commands.examine import NO_MODE
from frontend.commands.registers import merged
from frontend.commands.session import Session
from frontend.commands.stopping import ends_a_loop, resume, resume_and_report, run_to, watch_hits
from frontend.commands.table import Arguments, Command, CommandError, no_arguments
from frontend.commands.unwinding import caller
from gdbstub.debugger.record import StopRecord
from gdbstub.errors import Refused
from gdbstub.x86.cpu_state import CpuState
from gdbstub.x86.decode import LINEAR_MASKS as LINEAR
from gdbstub.x86.decode import LONGEST, MODES, shape
from gdbstub.x86.instructions import Shape

STEPPED_OVER = frozenset(("rep", "int-n", "int3", "into", "icebp", "syscall"))
PAGE = 4096
CALLS = frozenset(("call", "lcall"))


async def continue_(session: Session, arguments: Arguments) -> None:
    if arguments.text:
        await _ignore_here(session, await _count(session, arguments))
    await resume_and_report(session, lambda: resume(session))


async def _ignore_here(session: Session, count: int) -> None:
    """``continue N``: pass the breakpoint that we stand at N-1 more times."""
    pc = (await session.state()).pc
    here = [row for row in session.debugger.breakpoints.values() if row.address == pc and not row.hidden]
    if not here:
        raise CommandError("continue N needs to stand at a breakpoint; the guest stands at none.")
    for row in here:
        row.ignore = count - 1
    session.message(f"Breakpoint {here[0].number} is passed {count - 1} times before it stops again.")


async def _count(session: Session, arguments: Arguments) -> int:
    if not arguments.text:
        return 1
    count = (await session.evaluate(arguments.text)).number
    if count < 1:
        raise CommandError(f"A count of {count} makes no sense; it has to be at least 1.")
    return count


async def stepi(session: Session, arguments: Arguments) -> None:
    count = await _count(session, arguments)
    await resume_and_report(session, lambda: session.debugger.run_steps(count, interrupted=session.interrupted))


async def nexti(session: Session, arguments: Arguments) -> None:
    count = await _count(session, arguments)
    await resume_and_report(session, lambda: _steps_over(session, count))


async def _steps_over(session: Session, count: int) -> StopRecord:
    watched = watch_hits(session)
    while True:
        record = await _step_over(session)
        count -= 1
        if count <= 0 or ends_a_loop(session, record, watched):
            return record


async def _here(session: Session) -> tuple[CpuState, Shape | None]:
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
    if len(set(readings)) > 1 and any(map(_is_stepped_over, readings)):
        raise CommandError(NO_MODE.format(place=session.place(state.pc)))
    return readings[0]


def _is_stepped_over(known: Shape | None) -> bool:
    return known is not None and (known.mnemonic in CALLS or not known.traits.isdisjoint(STEPPED_OVER))


async def _step_over(session: Session) -> StopRecord:
    """One instruction; calls, interrupts and REP strings as one, by a hidden breakpoint behind them."""
    state, known = await _here(session)
    if known is None or not _is_stepped_over(known):
        return await session.debugger.step()
    behind = (state.pc + len(known.bytes)) & LINEAR[state.mode]
    lowest = None if "rep" in known.traits else state.registers["rsp"]
    return await run_to(session, behind, lowest_sp=lowest)


async def finish(session: Session, arguments: Arguments) -> None:
    no_arguments("finish", arguments)
    found = await caller(session)
    session.message(f"Run till {session.place(found.address)} ({found.source})")
    await resume_and_report(session, lambda: run_to(session, found.address, lowest_sp=found.lowest_sp))


async def until(session: Session, arguments: Arguments) -> None:
    if arguments.text:
        await advance(session, arguments)
        return
    await resume_and_report(session, lambda: _past_loop(session))


async def _past_loop(session: Session) -> StopRecord:
    """``nexti``, but a jump backwards runs on until the loop is left behind."""
    state, known = await _here(session)
    record = await _step_over(session)
    backwards = record.state.pc <= state.pc and known is not None and "branch" in known.traits
    if not backwards or known is None or record.event is not None or record.ended or session.interrupted:
        return record
    return await run_to(session, state.pc + len(known.bytes), lowest_sp=state.registers["rsp"])


async def advance(session: Session, arguments: Arguments) -> None:
    address = await session.location(arguments.text)
    await resume_and_report(session, lambda: run_to(session, address))


async def jump(session: Session, arguments: Arguments) -> None:
    address = await session.location(arguments.text)
    target = merged(await session.state(), "pc", address)
    if target is None:
        raise CommandError("This target does not show RIP, so it cannot be changed.")
    session.message(f"Continuing at {session.place(address)}.")
    await session.debugger.set_register(*target)
    await resume_and_report(session, lambda: resume(session))


async def interrupt(session: Session, arguments: Arguments) -> None:
    no_arguments("interrupt", arguments)
    if not session.debugger.running:
        session.message("The guest is stopped already.")
        return
    await session.interrupt()


COMMANDS = (
    Command(
        "continue",
        ("c", "fg"),
        "[N]",
        "Let the guest run until it stops.",
        continue_,
        "running",
        "With N, the breakpoint that the guest stands at is passed N-1 times.",
        repeat="bare",
    ),
    Command(
        "stepi",
        ("si", "s", "step"),
        "[N]",
        "Execute one instruction, or N.",
        stepi,
        "running",
        "It ends early where something else happens: a breakpoint, a caught vector, an interrupt of yours. "
        "step goes by instructions, too, not by source lines.",
        repeat="same",
    ),
    Command(
        "nexti",
        ("ni", "n", "next"),
        "[N]",
        "Execute one instruction; calls, interrupts and REP strings are stepped over.",
        nexti,
        "running",
        "A hidden breakpoint behind the instruction stops the guest when this frame comes back.",
        repeat="same",
    ),
    Command(
        "finish",
        ("fin",),
        "",
        "Run until the current function or handler returns.",
        finish,
        "running",
        "The return address comes from the exception frame, from debug information, or else from the top of the stack "
        "or the frame pointer; which of them is said, because without debug information none is certain.",
    ),
    Command(
        "until",
        ("u",),
        "[LOCATION]",
        "As nexti, but not back into a loop; or run to a location.",
        until,
        "running",
        repeat="same",
        completes="location",
    ),
    Command("advance", ("adv",), "LOCATION", "Run to a location.", advance, "running", completes="location"),
    Command(
        "jump",
        ("j",),
        "LOCATION",
        "Set the program counter and continue.",
        jump,
        "running",
        completes="location",
    ),
    Command("interrupt", (), "", "Stop the running guest.", interrupt, "running", needs="guest"),
)
