"""What happens around a resume: who was hit, what is shown, and hidden breakpoints that stop where we want."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import trio

from frontend.commands.displaying import show_displays
from frontend.commands.linux import current_task
from frontend.commands.session import Session
from frontend.commands.source_place import line_here
from gdbstub.debugger.breakpoints import Breakpoint
from gdbstub.debugger.record import StopRecord
from gdbstub.x86.breakpoints import BreakpointKind

ENDS_A_LOOP = frozenset(("interrupt-request", "shutdown", "internal-error"))
CLEAN_UP_SECONDS = 5
SAME_FRAME = 0x1000
"""Bytes that a return may take off the stack besides its address: arguments, by RET imm16."""


class Watched(NamedTuple):
    """The user's breakpoints before a resume, with the hits and the ignore count that each had."""

    breakpoints: tuple[tuple[Breakpoint, int, int], ...]

    def hit(self) -> list[Breakpoint]:
        """Those that stopped the guest since; a hit that an ignore count swallowed is none."""
        return [row for row, hits, ignore in self.breakpoints if row.hits - hits > max(0, ignore - row.ignore)]


def watch_hits(session: Session) -> Watched:
    rows = session.debugger.breakpoints.values()
    return Watched(tuple((row, row.hits, row.ignore) for row in rows))


async def resume_and_report(session: Session, action: Callable[[], Awaitable[StopRecord]]) -> None:
    """Run ``action`` (a step, a resume, or some of them), then show the stop, the displays, and queue the
    commands of the breakpoints that were hit."""
    watched = watch_hits(session)
    record = await action()
    if not record.ended:
        await session.look_for_slide()
    hit = watched.hit()
    if not any(row.silent for row in hit):
        place = None if record.ended else await line_here(session, record.state.pc)
        session.report(record, "" if place is None else str(place))
        if place is not None and session.show_stop is None and (text := session.source.line_text(place)) is not None:
            session.out(f"{place.line}\t{text}")
        if not record.ended and session.show_stop is None and (task := await current_task(session)) is not None:
            session.out(f"  task: {task.comm}[{task.pid}] on CPU {record.cpu}")
        if not record.ended:
            await show_displays(session)
    if not session.interrupted:
        session.pending.clear()  # a resume ends the commands of the breakpoint before it, as in gdb
        session.pending.extend(line for row in hit for line in row.commands if line != "silent")
    session.next_address = None


def ends_a_loop(session: Session, record: StopRecord, watched: Watched) -> bool:
    """Whether ``nexti N`` must not go on: something else than the step happened."""
    causes = {cause.cause for cause in record.explanation.causes}
    return (
        session.interrupted
        or record.ended
        or record.event is not None
        or bool(causes & ENDS_A_LOOP)
        or bool(watched.hit())
    )


async def resume(session: Session) -> StopRecord:
    """Continue; a Ctrl-C that came before, while the command still got ready, stops the guest at once."""
    return await session.debugger.resume(interrupted=session.interrupted)


@asynccontextmanager
async def hidden_breakpoint(session: Session, address: int, *, lowest_sp: int | None) -> AsyncIterator[None]:
    """A breakpoint of ours at ``address`` while the block runs; taken out again even when the user
    interrupts.

    It counts only while RSP is ``lowest_sp`` or a little above: the same address is also passed by deeper calls, and on
    other stacks.
    """
    debugger = session.debugger
    breakpoint = await debugger.add_breakpoint(BreakpointKind.EXECUTE, address, hidden=True, text=f"*{address:#x}")

    async def is_our_frame() -> bool:
        state = await debugger.state()
        return 0 <= state.registers["rsp"] - (lowest_sp or 0) < SAME_FRAME

    if lowest_sp is not None:
        breakpoint.predicate = is_our_frame
    try:
        yield
    finally:
        with trio.move_on_after(CLEAN_UP_SECONDS, shield=True):
            if not debugger.ended and not debugger.running:
                await debugger.delete_breakpoint(breakpoint.number)


async def run_to(session: Session, address: int, *, lowest_sp: int | None = None) -> StopRecord:
    """Resume until ``address`` is reached, or anything else stops the guest."""
    async with hidden_breakpoint(session, address, lowest_sp=lowest_sp):
        return await resume(session)
