"""Commands that are carried out while another lets the guest run: at once, or in a short pause of that run."""

from __future__ import annotations

import re

import trio

from frontend.commands import execute, find_command
from frontend.commands.session import Session
from frontend.commands.table import Command
from frontend.tui.breakpoint_rows import snapshot
from frontend.tui.controls import Screen
from frontend.tui.events import BreakpointsChanged, Printed, Submitted
from gdbstub.errors import GdbError

AT_ONCE = frozenset(("help", "why", "events", "stops", "layout", "echo"))
"""They ask nothing of the guest."""
IN_A_PAUSE = frozenset(("breakpoints", "data", "status"))
"""Groups of commands that take a moment of a stopped guest."""
NOT = frozenset(("commands", "find", "set", "undo", "memory", "symbol-file", "code"))
PAUSED = "Done in a pause; the guest runs on."


def command_of(line: str) -> Command | None:
    """The command that a line names, if it names one."""
    words = re.split(r"[\s/]", line.strip(), maxsplit=1)
    try:
        return find_command(words[0]) if words[0] else None
    except GdbError:
        return None


def runs_the_guest(line: str) -> bool:
    command = command_of(line)
    return command is not None and command.group == "running"


class Aside:
    """Takes lines that need not wait for what runs."""

    def __init__(self, session: Session, screen: Screen, nursery: trio.Nursery) -> None:
        self._session = session
        self._screen = screen
        self._nursery = nursery
        self._turn = trio.Lock()

    def take(self, line: str) -> bool:
        """Carry ``line`` out beside what runs; False where it has to wait for its end. A recording holds commands one
        behind the other, so there all wait."""
        session, command = self._session, command_of(line)
        if command is None or session.shared is not None or session.recording is not None or session.collecting:
            return False
        pauses = self._screen.runs and command.group in IN_A_PAUSE and command.name not in NOT
        if command.name not in AT_ONCE and not pauses:
            return False
        self._nursery.start_soon(self._carry_out, line, command.name not in AT_ONCE)
        return True

    async def _carry_out(self, line: str, pauses: bool) -> None:
        async with self._turn:
            await self._carry_out_now(line, pauses)

    async def _carry_out_now(self, line: str, pauses: bool) -> None:
        session, debugger = self._session, self._session.debugger
        last = session.last_line
        self._screen.dispatch(Submitted(line))
        try:
            if not pauses:
                await execute(session, line)
            else:
                await debugger.deferred.ask(lambda: execute(session, line))
                self._screen.dispatch(BreakpointsChanged(snapshot(debugger.breakpoints)))
                self._screen.dispatch(Printed(PAUSED, "note"))
        except GdbError as error:
            self._screen.complain(str(error))
        session.last_line = last
        self._screen.answered(line)
