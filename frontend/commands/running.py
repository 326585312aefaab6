"""Making the guest go: ``continue``, steps by instructions and by lines, ``finish``, ``until``, ``advance``, …"""

from __future__ import annotations

from frontend.commands.line_steps import How, step_line
from frontend.commands.registers import merged
from frontend.commands.session import Session
from frontend.commands.stepping_over import here, step_over
from frontend.commands.stopping import ends_a_loop, resume, resume_and_report, run_to, watch_hits
from frontend.commands.table import Arguments, Command, CommandError, no_arguments
from frontend.commands.unwinding import caller
from gdbstub.debugger.record import StopRecord

NO_LINE = "No line of the source is known for {place}, so this goes by instructions."


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


async def step(session: Session, arguments: Arguments) -> None:
    await _by_lines(session, arguments, "step")


async def next_(session: Session, arguments: Arguments) -> None:
    await _by_lines(session, arguments, "next")


async def _by_lines(session: Session, arguments: Arguments, how: How) -> None:
    """To another line, or so many; by instructions where none is known, and where a replay would know none."""
    if not await _has_line(session):
        session.message(NO_LINE.format(place=session.place((await session.state()).pc)))
        await (stepi if how == "step" else nexti)(session, arguments)
        return
    count = await _count(session, arguments)
    await resume_and_report(session, lambda: _lines(session, count, how))


async def _has_line(session: Session) -> bool:
    if session.debug_info.refused or not session.source.known:
        return False
    return await session.source.at((await session.state()).pc) is not None


async def _lines(session: Session, count: int, how: How) -> StopRecord:
    watched = watch_hits(session)
    while True:
        span = await session.source.at((await session.state()).pc)
        record = await session.debugger.step() if span is None else await step_line(session, span, how)
        count -= 1
        if count <= 0 or span is None or ends_a_loop(session, record, watched):
            return record


async def _steps_over(session: Session, count: int) -> StopRecord:
    watched = watch_hits(session)
    while True:
        record = await step_over(session)
        count -= 1
        if count <= 0 or ends_a_loop(session, record, watched):
            return record


async def finish(session: Session, arguments: Arguments) -> None:
    no_arguments("finish", arguments)
    found = await caller(session)
    session.message(f"Run till {session.place(found.address)} ({found.source})")
    await resume_and_report(session, lambda: run_to(session, found.address, lowest_sp=found.lowest_sp))


async def until(session: Session, arguments: Arguments) -> None:
    if arguments.text:
        await advance(session, arguments)
        return
    if await _has_line(session):
        await resume_and_report(session, lambda: _lines(session, 1, "until"))
    else:
        await resume_and_report(session, lambda: _past_loop(session))


async def _past_loop(session: Session) -> StopRecord:
    """``nexti``, but a jump backwards runs on until the loop is left behind."""
    state, known = await here(session)
    record = await step_over(session)
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
        ("si",),
        "[N]",
        "Execute one instruction, or N.",
        stepi,
        "running",
        "It ends early where something else happens: a breakpoint, a caught vector, an interrupt of yours.",
        repeat="same",
    ),
    Command(
        "nexti",
        ("ni",),
        "[N]",
        "Execute one instruction; calls, interrupts and REP strings are stepped over.",
        nexti,
        "running",
        "A hidden breakpoint behind the instruction stops the guest when this frame comes back. Where the instruction "
        "faults, the handler runs till it comes back, unless set step-into-handlers is on.",
        repeat="same",
    ),
    Command(
        "step",
        ("s",),
        "[N]",
        "Go on to another line of the source, or N of them, into functions.",
        step,
        "running",
        "Functions without lines are stepped over; so are exceptions and interrupts, unless set step-into-handlers "
        "is on. Where no line is known it is stepi, and says so; so it is in a session that is recorded.",
        repeat="same",
    ),
    Command(
        "next",
        ("n",),
        "[N]",
        "Go on to another line of the source, or N of them, over functions.",
        next_,
        "running",
        "Where no line is known it is nexti, and says so.",
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
        "As next, but not back into a loop; or run to a location.",
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
