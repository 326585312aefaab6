"""What a trace does with the guest: step or run, until when, and which records it keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import trio

from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.interrupter import ANSWER_SECONDS, SILENT
from gdbstub.debugger.record import StopRecord
from gdbstub.errors import GdbError, NoReply
from gdbstub.explain.evidence import Action
from gdbstub.x86.breakpoints import BreakpointKind

Reason = Literal["steps", "until", "seconds", "shutdown", "halted", "interrupt", "lost", "error", "script"]
Sink = Callable[[StopRecord], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """``count`` bounds the rows, ``seconds`` the time; ``until`` are linear addresses at which the trace ends.
    ``stepping`` records every instruction; otherwise the guest runs from one stop of interest to the next."""

    stepping: bool
    count: int | None = None
    seconds: float | None = None
    until: frozenset[int] = frozenset()


class Tracer:
    """One trace of one debugger. Breakpoints and caught vectors are set on the debugger beforehand."""

    def __init__(self, debugger: Debugger, plan: Plan, sink: Sink) -> None:
        self._debugger = debugger
        self._plan = plan
        self._sink = sink
        self._reason: Reason | None = None

    async def run(self) -> Reason:
        """Trace to the end and say why it ended. Raises `GdbError` branches; what was recorded went to the sink."""
        if self._plan.count == 0:
            return "steps"
        self._debugger.on_witnessed = self._sink
        failure: Exception | None = None
        with trio.CancelScope() as silent:
            async with trio.open_nursery() as nursery:
                if self._plan.seconds is not None:
                    nursery.start_soon(self._time_out, self._plan.seconds, silent)
                try:
                    reason = await (self._step() if self._plan.stepping else self._resume())
                except Exception as error:  # carried out of the nursery as it is, not in a group
                    failure = error
                nursery.cancel_scope.cancel()
        if silent.cancelled_caught:
            raise NoReply(f"{SILENT}, so the trace can't end in order: the guest runs on.")
        if failure is not None:
            raise failure
        return reason

    async def interrupt(self) -> None:
        """End the trace in order (Ctrl-C)."""
        self._reason = self._reason or "interrupt"
        await self._debugger.interrupt()

    async def _time_out(self, seconds: float, silent: trio.CancelScope) -> None:
        await trio.sleep(seconds)
        self._reason = self._reason or "seconds"
        await self._debugger.interrupt()
        await trio.sleep(ANSWER_SECONDS)
        if self._debugger.unanswered:
            silent.cancel()

    async def _step(self) -> Reason:
        until = self._plan.until
        record = await self._debugger.run_steps(
            self._plan.count,
            self._sink,
            go_on=lambda pc: pc not in until,
            end_at_hits=False,
            interrupted=self._reason is not None,
        )
        reason = self._ended(record)
        if reason is None and record.action is Action.INTERRUPT:
            if not self._debugger.halted:
                raise GdbError(f"Somebody else stopped the guest at {record.state.pc:#x}, so the trace ends there.")
            return "halted"
        return reason or "steps"

    async def _resume(self) -> Reason:
        left = self._plan.count
        for address in self._plan.until:
            await self._debugger.add_breakpoint(BreakpointKind.EXECUTE, address, text="--until")
        while True:
            record = await self._debugger.resume(interrupted=self._reason is not None)
            reason = self._ended(record)
            if reason in ("interrupt", "seconds") and record.action is Action.INTERRUPT:
                return reason  # our own stop is no row; an event that came before it is
            self._sink(record)
            left = None if left is None else left - 1
            if reason is not None:
                return reason
            if left == 0:
                return "steps"

    def _ended(self, record: StopRecord) -> Reason | None:
        if record.ended:
            return "shutdown"
        if self._reason is not None:
            return self._reason
        return "until" if record.state.pc in self._plan.until else None
