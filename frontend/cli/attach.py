"""``dr6 attach`` and ``dr6 launch``: the screen, or commands in order as gdb's ``-batch`` does."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from frontend.clean import clean
from frontend.cli.connect import Launch, TargetOptions, open_session
from frontend.cli.console import Console
from frontend.cli.exit_codes import INTERRUPTED, USAGE
from frontend.cli.guarded import guarded
from frontend.cli.interrupts import Interrupts
from frontend.cli.restore import always, at_terminal
from frontend.cli.spoken_events import SpokenEvents
from frontend.commands import Quit, run_lines
from frontend.commands.script import nothing
from frontend.commands.session import Session
from frontend.commands.stop_text import describe, one_line
from gdbstub.debugger.record import StopRecord
from gdbstub.errors import TransportError
from transports import TransportFailure

if TYPE_CHECKING:
    from frontend.cli.serving import Serving


def script(options: argparse.Namespace) -> tuple[str, ...]:
    """``-ex`` and ``-x`` in the order of the command line, as command lines."""
    return tuple(text if kind == "-ex" else f"source {text}" for kind, text in options.script)


def has_screen() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


async def batch(connection: TargetOptions, lines: Iterable[str], strict: bool, interrupts: Interrupts) -> int:
    """Run ``lines`` on a fresh session; the exit code."""
    async with open_session(connection) as session:
        return await run_script(session, lines, strict, interrupts)


async def run_script(
    session: Session,
    lines: Iterable[str],
    strict: bool,
    interrupts: Interrupts,
    after: Callable[[], Awaitable[None]] = nothing,
) -> int:
    """Run ``lines``, results to standard output, messages to standard error; the exit code."""
    speak(session, interrupts)
    try:
        code = await run_lines(session, _until_interrupted(lines, interrupts), complain, strict=strict, after=after)
    except Quit as end:
        return end.code
    return INTERRUPTED if interrupts.seen else code


def _until_interrupted(lines: Iterable[str], interrupts: Interrupts) -> Iterator[str]:
    for line in lines:
        if interrupts.seen:
            return
        yield line


def print_stop(session: Session, record: StopRecord) -> None:
    """A stop as text to standard output, an empty line behind it."""
    for line in describe(record, session.symbols):
        print(line)
    print(flush=True)


def speak(session: Session, interrupts: Interrupts) -> None:
    """Results to standard output, messages and the guest's console to standard error; Ctrl-C interrupts."""
    interrupts.on_first = session.interrupt
    session.out = lambda text: print(text, flush=True)
    session.say = lambda text: print(text, file=sys.stderr)
    Console(session.debugger)
    session.debugger.listen(SpokenEvents(lambda record: one_line(record, session.symbols), session.say, "events"))


def complain(text: str) -> None:
    """One error, on standard error."""
    print(f"dr6: {text}", file=sys.stderr)


def asking(connection: TargetOptions) -> TargetOptions:
    """The same, with somebody at the terminal, who is asked before the screen takes it."""
    return replace(connection, may_restore=at_terminal) if connection.may_restore is always else connection


def screen(
    connection: TargetOptions, startup: tuple[str, ...], serving: Serving | None = None, welcome: str = ""
) -> int:
    """The TUI on a fresh session, which others may share if ``serving``; the exit code."""
    again = None if serving is not None else partial(_again, connection)
    owned = isinstance(connection.target, Launch)
    return show(lambda: _shown(connection, serving), startup, owned=owned, reopen=again, welcome=welcome)


def show(
    open_: Callable[[], AbstractAsyncContextManager[Session]],
    startup: tuple[str, ...],
    *,
    owned: bool,
    reopen: Callable[[int], AbstractAsyncContextManager[Session]] | None = None,
    welcome: str = "",
) -> int:
    """The TUI; what `open_session` raises comes before the screen is taken."""
    if not has_screen():
        complain("The screen needs a terminal; use --batch with -ex or -x, or dr6 trace.")
        return USAGE
    from frontend.tui.app import run_tui

    return guarded(lambda: run_tui(open_, startup=startup, owned=owned, reopen=reopen, welcome=welcome))


@asynccontextmanager
async def _again(connection: TargetOptions, first: int) -> AsyncIterator[Session]:
    """Another session with a stub that was lost. What it says is in no recording: that ended with the connection."""
    async with AsyncExitStack() as stack:
        try:
            session = await stack.enter_async_context(open_session(replace(connection, record=None, first=first)))
        except TransportFailure as error:
            raise TransportError(str(error)) from error
        yield session


@asynccontextmanager
async def _shown(connection: TargetOptions, serving: Serving | None) -> AsyncIterator[Session]:
    async with open_session(connection) as session:
        session.note("shown", "screen")
        if serving is None:
            yield session
            return
        from frontend.cli.serving import gdb_command, serve_session
        from frontend.cli.shared_screen import SharedScreen

        async with serve_session(session, serving, lambda text: None) as (shared, address):
            welcome = f"Served at {clean(address)}; in gdb: {gdb_command(address)}"
            session.shared = SharedScreen(session, shared, welcome)
            yield session
