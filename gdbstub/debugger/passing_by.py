"""Breakpoints whose conditions say no: asked before a stop is read, and passed by."""

from __future__ import annotations

from gdbstub.debugger.breakpoints import BreakpointTable
from gdbstub.debugger.idle_steps import IdleSteps
from gdbstub.debugger.stop_reader import StopReader
from gdbstub.protocol.stops import Stopped


class PassingBy:
    """``idles``: does the stub report steps that ran nothing?"""

    def __init__(self, reader: StopReader, table: BreakpointTable, idle: IdleSteps, *, idles: bool) -> None:
        self._reader = reader
        self._table = table
        self._idle = idle
        self._idles = idles
        self._passed: bytes | None = None

    async def says_no(self, stop: Stopped) -> bool:
        """Do the conditions of all breakpoints there say no? Nothing but what they read is read for it."""
        context, pc = await self._reader.peek(stop, self._table.test_reads)
        rows = self._table.execution_at(pc)
        if not rows or any(row.test is None for row in rows):
            return False
        passed, self._passed = self._passed, None
        if passed == context.registers and await self._idle.moves_on(pc):
            return True  # the step from here ran nothing: nobody is asked twice
        self._passed = context.registers if self._idles else None
        for row in rows:
            if row.test is not None and not row.removal_pending and await row.test(context):
                return False
        return True
