"""Whole sessions before a stub that is sick by chance, in this process and by a clock that jumps: what dr6 makes of any
answer to any request of any command, where a deadline of ten seconds takes no time."""

from __future__ import annotations

import io
import random
from collections.abc import Awaitable, Callable
from contextlib import redirect_stderr, suppress
from functools import partial
from pathlib import Path

import trio
from trio.testing import MockClock

from frontend.cli.guarded import guarded
from frontend.cli.streams import CleanText
from frontend.commands import Quit, run_lines
from frontend.commands.session import Session
from frontend.symbols.names import Symbols
from gdbstub.debugger.debugger import Debugger, DebuggerOptions
from gdbstub.errors import GdbError
from gdbstub.trace.plan import Plan, Tracer
from gdbstub.x86.breakpoints import BreakpointKind
from tests.fakes.stub import CODE, DATA, connected
from tests.faults.hooks import any_sickness
from tests.faults.sick_stub import SickStub
from tests.faults.table import EVERYTHING
from tests.faults.verdict import UNPRINTABLE, Tried

PATIENCE = 40.0
"""Seconds of the clock's until the user types Ctrl-C, and again until the second one."""
BOUND = 400.0
TIDY_SECONDS = 5.0
ANSWER_SECONDS = 0.02
"""Of the clock's, for each thing that the stub sends: a guest that stops for ever at a breakpoint whose condition is
false takes time, and the user has enough of it."""
MOST_OUTPUT = 4 << 20
Use = Callable[[random.Random, Session], Awaitable[None]]


class _Late(trio.abc.SendStream):
    def __init__(self, stream: trio.abc.SendStream) -> None:
        self._stream = stream

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.sleep(ANSWER_SECONDS)
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()


class _Unhurried(SickStub):
    async def serve(self, send: trio.abc.SendStream, receive: trio.abc.ReceiveStream) -> None:
        await super().serve(_Late(send), receive)


async def _commands(dice: random.Random, session: Session) -> None:
    with suppress(Quit):
        await run_lines(session, lines(dice), session.message)


async def _trace(dice: random.Random, session: Session) -> None:
    debugger = session.debugger
    if dice.random() < 0.5:
        await debugger.add_breakpoint(BreakpointKind.EXECUTE, CODE + dice.choice((0, 2, 5)))
    if dice.random() < 0.3:
        await debugger.add_breakpoint(BreakpointKind.WRITE, DATA, 8)
    if dice.random() < 0.3:
        await debugger.add_breakpoint(BreakpointKind.CATCH, None, vector=dice.choice((1, 3, 13)))
    plan = Plan(
        dice.random() < 0.6, dice.randint(1, 30), dice.choice((None, 3.0)), frozenset(dice.choice(((), (CODE,))))
    )
    tracer = Tracer(debugger, plan, lambda record: session.out(record.explanation.summary))
    session.interrupt = tracer.interrupt  # type: ignore[method-assign]
    session.out(await tracer.run())


async def _bounded(use: Use, dice: random.Random, say: Callable[[str], None], stub: SickStub) -> int:
    """As `open_session` and the commands around it do."""
    with trio.fail_after(BOUND):
        async with connected(stub) as stream:
            debugger = Debugger(stream, "sick", DebuggerOptions(history=100))
            debugger.listen(lambda notice: say(str(notice)))
            try:
                await debugger.attach()
                session = Session(debugger, Symbols(), say, may_use_files=False)
                await _until_the_user_has_enough(session, partial(use, dice, session))
            finally:
                with trio.move_on_after(TIDY_SECONDS, shield=True), suppress(GdbError):
                    await debugger.detach()
    return 0


async def _until_the_user_has_enough(session: Session, work: Callable[[], Awaitable[None]]) -> None:
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:

        async def impatient() -> None:
            await trio.sleep(PATIENCE)
            nursery.start_soon(session.interrupt)
            await trio.sleep(PATIENCE)
            nursery.cancel_scope.cancel()

        nursery.start_soon(impatient)
        try:
            await work()
        except Exception as error:  # carried out of the nursery as it is, not in a group
            failure = error
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


def lines(dice: random.Random) -> list[str]:
    """What somebody may type: some of everything, a few of them changed."""
    chosen = [dice.choice(EVERYTHING) for _ in range(dice.randint(1, 8))] + ["continue"] * (dice.random() < 0.3)
    return [_mistyped(line, dice) if dice.random() < 0.2 else line for line in chosen]


def _mistyped(line: str, dice: random.Random) -> str:
    at = dice.randrange(len(line) + 1)
    return (
        line[:at]
        + dice.choice(("", " ", "/", "$", "*", "(" * 40, "99999999999", "\x1b[2J", "ä", "-", "0x"))
        + line[at:]
    )


def one(dice: random.Random, folder: Path) -> Tried:
    """One session of some commands, or a trace."""
    shown = io.BytesIO()
    out = CleanText(shown, "utf-8", "backslashreplace", write_through=True)
    found = []
    sickness = [any_sickness(dice) for _ in range(dice.choice((1, 1, 1, 2)))]
    use = dice.choice((_commands, _commands, _trace))
    work = partial(_bounded, use, dice, partial(print, file=out), _Unhurried(*sickness))
    try:
        with redirect_stderr(out):
            guarded(lambda: trio.run(work, clock=MockClock(autojump_threshold=0)))
    except BaseException as error:
        found.append(f"{use.__name__}: {type(error).__name__}: {error}")
    text = shown.getvalue().decode("utf-8", "surrogateescape")
    if control := UNPRINTABLE.search(text):
        found.append(f"its output has {control[0]!r}")
    if len(text) > MOST_OUTPUT:
        found.append(f"its output has {len(text)} characters")
    return Tried(1, tuple(found))
