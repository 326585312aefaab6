"""Traces at random stops of a Linux guest: each frame against ORC, read by another unwinder, and each return address
for a call in front of it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import NamedTuple

import trio

from frontend.cli.connect import TargetOptions, open_session
from frontend.commands.frames import LONGEST_CALL, is_behind_a_call
from frontend.commands.session import Session
from frontend.commands.unwinding import UNKNOWN_CODE, unwind
from frontend.symbols import read_names
from frontend.symbols.engine import TraceFrame
from gdbstub.errors import Refused
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.decode import shape
from tests.labs.orc import Orc, Place

FUNCTIONS = (
    *("scheduler_tick", "asm_sysvec_apic_timer_interrupt", "schedule", "hrtimer_interrupt", "try_to_wake_up"),
    *("enqueue_task_fair", "pick_next_task_fair", "do_syscall_64", "ptrace_request", "ptrace_check_attach", "do_wait"),
    *("noist_exc_debug", "exc_debug", "hw_breakpoint_exceptions_notify", "send_signal_locked", "get_signal"),
    *("syscall_exit_to_user_mode", "update_process_times", "tick_sched_timer", "ktime_get", "native_write_msr"),
    *("_raw_spin_lock_irqsave", "__update_load_avg_se", "rcu_sched_clock_irq", "asm_exc_debug", "kick_process"),
)
MOST_STEPS = 120
SECONDS, MOST_SECONDS = 0.05, 2.0


BY_RETURN = ("secondary_startup_64", "secondary_startup_64_no_verify")
"""Gets to C by a far return (arch/x86/kernel/head_64.S): no call stands in front of what it left on the stack."""


class _Code:
    """The kernel's code as it was linked: that of its start is not in the guest any more once it is up."""

    def __init__(self, image: Path, slide: int) -> None:
        self._parts = [part.moved(slide) for part in read_names(str(image)).code]

    def has_call_before(self, address: int) -> bool:
        for part in self._parts:
            if LONGEST_CALL <= (at := address - part.address) <= part.size:
                code = part.read(at - LONGEST_CALL, LONGEST_CALL)
                found = (shape(code[-length:], 64) for length in range(2, LONGEST_CALL + 1))
                return any(one is not None and one.mnemonic == "call" for one in found)
        return False


class Stops(NamedTuple):
    """``frames`` of the stops were compared; ``cut`` traces ended early and said so, for as many ORC has no answer
    (``unknown``: between two stacks); ``wrong`` says each frame that is not what ORC says."""

    frames: int
    cut: int
    unknown: int
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.frames} frames, {self.cut} traces cut, {self.unknown} without an answer of ORC's"


async def look_at_stops(folder: Path, image: Path, symbols: tuple[Path, ...], count: int, seed: int) -> Stops:
    """``image`` is the kernel's file, for the comparison; ``symbols`` what dr6 is given."""
    dice = random.Random(seed)
    options = TargetOptions(f"unix:{folder / 'stub'}", symbols=tuple(map(str, symbols)))
    wrong: list[str] = []
    frames = cut = unknown = 0
    async with open_session(options) as session:
        await session.names_ready()
        await session.look_for_slide()
        await session.debug_info.prepare()
        slide = session.slide.found or 0
        orc, code = Orc(image, slide), _Code(image, slide)
        for number in range(count):
            how = await (_at_a_function if number % 2 else _at_a_moment)(session, dice)
            compared, said, note = await _compare(session, orc, code)
            cut += note == UNKNOWN_CODE
            unknown += not compared
            frames += compared
            wrong += [f"stop {number} ({how}): {one}" for one in said]
    return Stops(frames, cut, unknown, tuple(wrong))


async def _at_a_moment(session: Session, dice: random.Random) -> str:
    await _run(session, dice.random() * SECONDS)
    return "interrupted"


async def _run(session: Session, seconds: float) -> None:
    """Until it stops, or for so long."""
    async with trio.open_nursery() as nursery:

        async def end() -> None:
            await trio.sleep(seconds)
            await session.debugger.interrupt()

        nursery.start_soon(end)
        await session.debugger.resume()
        nursery.cancel_scope.cancel()


async def _at_a_function(session: Session, dice: random.Random) -> str:
    name, address = dice.choice([(one, at) for one in FUNCTIONS if (at := session.symbol(one)) is not None])
    await session.debugger.add_breakpoint(BreakpointKind.EXECUTE, address, temporary=True, means="hw")
    await _run(session, MOST_SECONDS)
    for row in list(session.debugger.breakpoints):
        await session.debugger.delete_breakpoint(row)
    steps = dice.randrange(MOST_STEPS)
    if steps:
        await session.debugger.run_steps(steps)
    return f"{name} and {steps} steps"


async def _compare(session: Session, orc: Orc, code: _Code) -> tuple[int, list[str], str]:
    """How many frames were compared, what is wrong with them, and what the trace says of itself."""
    state = await session.state()
    trace = await unwind(session)

    async def read(address: int) -> int | None:
        try:
            return int.from_bytes(await session.read_memory(address, 8), "little")
        except Refused:
            return None

    due = await orc.walk(state.registers, read)
    if any(one.pc >> 63 and session.symbols.nearest(one.pc) is None for one in due):
        return 0, [], trace.note
    mine = [frame for frame in trace.frames if not frame.inline]
    said = []
    if any(frame.how for frame in mine) and len(due) > 1:
        said.append(f"by guesses: {trace.note}")
    for at, (frame, place) in enumerate(zip(mine, due, strict=False)):
        if (frame.pc, frame.sp) != place:
            said.append(f"frame {at} is {_written(session, frame)}, ORC says {place.pc:#x} {place.sp:#x}")
            break
    if not said and len(mine) < len(due) and trace.note != UNKNOWN_CODE:
        said.append(
            f"{len(mine)} frames end at {_written(session, mine[-1])}, ORC has {len(due)}: {_next(due, len(mine))}"
        )
    for at, frame in enumerate(mine[1:], 1):
        named = session.symbols.nearest(frame.pc)
        if frame.interrupted or not frame.pc >> 63 or (named is not None and named[0] in BY_RETURN):
            continue
        if not await is_behind_a_call(session, frame.pc, state) and not code.has_call_before(frame.pc):
            said.append(f"frame {at} has no call in front of {_written(session, frame)}")
    return min(len(mine), len(due)), said, trace.note


def _written(session: Session, frame: TraceFrame) -> str:
    return f"{session.place(frame.pc)} {frame.sp:#x}"


def _next(due: list[Place], at: int) -> str:
    return ", ".join(f"{one.pc:#x}" for one in due[at : at + 3])
