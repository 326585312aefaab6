"""Which engine makes a trace: asked for, or the one that is likely to be meant; and what it can't say."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.qemu_log import CannotLog
from gdbstub.debugger.record import StopRecord
from gdbstub.errors import GdbError
from gdbstub.trace import TraceError, TraceWriter
from gdbstub.trace.extra import columns_extra
from gdbstub.trace.plan import Plan, Reason, Tracer

if TYPE_CHECKING:
    from gdbstub.trace.engines.source import InstructionSource, R

EngineName = Literal["auto", "step", "log", "plugin"]
NAMES: tuple[EngineName, ...] = ("auto", "step", "log", "plugin")
MANY = 100_000
"""Rows of columns from which on steps take so long that *auto* rather has them told by QEMU."""
LOG_TELLS = (
    "engine log: QEMU tells of every instruction, and the guest is not stopped; no stop is explained, exceptions are. "
    "--engine step explains each stop."
)
PLUGIN_TELLS = (
    "engine plugin: dr6's plugin in QEMU records every instruction and its memory, and the guest is not stopped; no "
    "stop is explained, exceptions are; arithmetic flags are not known. --engine step explains each stop."
)


class Engine(Protocol):
    """What traces."""

    async def run(self) -> Reason: ...

    async def interrupt(self) -> None: ...


class Fallback:
    """The first engine, or where it can't begin, the second; ``say`` hears why."""

    def __init__(self, first: Engine, second: Engine, say: Callable[[str], None]) -> None:
        self._first = first
        self._second = second
        self._now = first
        self._say = say

    async def run(self) -> Reason:
        try:
            return await self._first.run()
        except CannotLog as error:
            self._say(str(error))
            self._now = self._second
            return await self._second.run()

    async def interrupt(self) -> None:
        await self._now.interrupt()


def engine(
    options: argparse.Namespace,
    debugger: Debugger,
    plan: Plan,
    writer: TraceWriter,
    in_columns: bool,
    keep: Callable[[StopRecord], None],
    count: Callable[[int], None],
    say: Callable[[str], None],
) -> Engine:
    """The one that ``--engine`` names. ``in_columns``: who reads lines may count on a ``stop`` for each step, so *auto*
    leaves them to it. ``keep`` takes the records of stops, ``count`` hears how many rows there are.
    Raises `GdbError` where it can't do what the plan asks."""
    step = Tracer(debugger, plan, keep)
    make = _Makers(options.self_check, debugger, plan, writer, count, say)
    if options.engine == "step":
        return step
    if options.engine != "auto":
        if not plan.stepping:
            what = f"The engine {options.engine} records every instruction"
            raise GdbError(f"{what}; it runs to no breakpoint, watchpoint or vector.")
        return make.log() if options.engine == "log" else make.plugin()
    if not plan.stepping or plan.count is None or plan.count < MANY or not in_columns:
        return step
    try:
        by_log = Fallback(make.log(), step, lambda why: say(f"engine step, not log: {why}"))
        return Fallback(make.plugin(), by_log, lambda why: None)
    except TraceError as error:
        say(f"engine step, not log: {error}")
        return step


@dataclass(frozen=True, slots=True)
class _Makers:
    check: int
    debugger: Debugger
    plan: Plan
    writer: TraceWriter
    count: Callable[[int], None]
    say: Callable[[str], None]

    def log(self) -> Engine:
        with columns_extra("The engine log"):
            from gdbstub.trace.engines.log_source import LogSource
        return self._told_by(LogSource(self.debugger, self.writer), LOG_TELLS)

    def plugin(self) -> Engine:
        with columns_extra("The engine plugin"):
            from frontend.cli.plugin_rings import open_ring
            from gdbstub.trace.engines.plugin_source import PluginSource
        return self._told_by(PluginSource(self.debugger, self.writer, open_ring), PLUGIN_TELLS)

    def _told_by(self, source: InstructionSource[R], tells: str) -> Engine:
        from gdbstub.trace.engines.engine import ToldEngine

        parts = self.debugger, self.plan, self.writer, source, self.check
        return ToldEngine(*parts, count=self.count, began=lambda: self.say(tells))
