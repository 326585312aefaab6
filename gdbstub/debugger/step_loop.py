"""A run of single-steps in which the stub never waits for us.

The next step leaves as soon as RIP shows that nothing of ours is there, and each stop is read and explained while the
stub is busy with the next one. Nothing is decided once that step is on its way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

import trio

from gdbstub.debugger.deferred_requests import DeferredRequests
from gdbstub.debugger.light_steps import LightSteps, Rest
from gdbstub.debugger.record import StopRecord, StopSummary
from gdbstub.debugger.run_control import RunControl
from gdbstub.debugger.snapshot import Snapshot
from gdbstub.debugger.stop_reader import StopAtArrival, StopReader
from gdbstub.debugger.vector_catch import VectorCatch
from gdbstub.errors import GdbError, TransportError
from gdbstub.explain.evidence import Action
from gdbstub.protocol.stops import Stop, Stopped
from gdbstub.remote.link_stream import Token
from gdbstub.remote.target import RemoteTarget

TURNS = 32
"""Plain steps before other tasks get a turn: some 10 ms."""
Keep = Callable[[Snapshot, Action], StopRecord]
Sink = Callable[[StopRecord], None]


class Behind(NamedTuple):
    """A stop that is still to be read, since the next step left first; ``code`` is the request for the bytes there."""

    arrival: StopAtArrival
    code: Token


class StepLoop:
    """One run. ``before`` is done at each stop where vectors are caught, and gives it back; ``keep`` makes the record
    of a stop, ``sink`` gets every record in order."""

    def __init__(
        self,
        remote: RemoteTarget,
        reader: StopReader,
        runner: RunControl,
        catcher: VectorCatch,
        deferred: DeferredRequests,
        before: Callable[[Snapshot], Awaitable[Snapshot]],
        keep: Keep,
        sink: Sink,
    ) -> None:
        self._deferred = deferred
        self._remote = remote
        self._reader = reader
        self._runner = runner
        self._catcher = catcher
        self._before = before
        self._keep = keep
        self._sink = sink

    async def run(
        self,
        count: int | None,
        go_on: Callable[[int], bool],
        ends: Callable[[Snapshot], Awaitable[bool]],
        *,
        others: bool = False,
    ) -> StopRecord:
        """Step until ``count`` is used up, the guest ends, an interrupt, a step that hangs, a linear RIP at which
        ``go_on`` says no, or a stop at which ``ends`` says yes; the last record."""
        behind: Behind | None = None
        stop = await self._runner.step(others=others)
        while True:
            count = None if count is None else count - 1
            arrival = await self._reader.read_registers(stop) if isinstance(stop, Stopped) else None
            if isinstance(stop, Stopped) and arrival is not None and self._seems_idle(arrival, behind):
                if behind is not None:
                    await self._catch_up(behind)
                    behind = None
                stop, arrival = await self._runner.again_if_idle(stop, arrival)
            ahead = None
            may = arrival is not None and count != 0 and not others
            if may and arrival is not None and self._may_go_ahead(arrival) and go_on(arrival.pc or 0):
                ahead = await self._go_ahead(arrival)
            if behind is not None:
                await self._catch_up(behind)
            behind = ahead
            if behind is not None:
                stop, behind = await self._step_done(behind)
                continue
            snapshot = await (
                self._reader.read(stop) if arrival is None else self._reader.read_rest(arrival, stepped=True)
            )
            if may and arrival is not None and self._may_leave(arrival) and go_on(snapshot.state.pc):
                lifted = await self._runner.begin_step()
                self._sink(self._keep(snapshot, Action.STEP))
                stop = await self._runner.end_step(lifted)
                continue
            if self._catcher.active:
                snapshot = await self._before(snapshot)
            record = self._keep(snapshot, Action.INTERRUPT if self._runner.is_pause(stop) else Action.STEP)
            self._sink(record)
            met = await ends(snapshot)
            over = count == 0 or record.ended or self._runner.interrupted
            over = over or (self._runner.is_pause(stop) and not self._runner.goes_on(record.state.pc))
            if not record.ended:
                await self._deferred.serve()
            if met or over or not go_on(record.state.pc):
                return record
            stop = await self._runner.step(others=others)

    def _seems_idle(self, arrival: StopAtArrival, behind: Behind | None) -> bool:
        return self._runner.idle.seems_idle(arrival, None if behind is None else behind.arrival)

    async def run_lightly(
        self,
        light: LightSteps,
        go_on: Callable[[int], bool],
        ends: Callable[[Snapshot], Awaitable[bool]],
        *,
        others: bool = False,
    ) -> StopSummary:
        """As `run` without a count, with no more read of plain steps than `LightSteps` reads; the last stop."""
        steps = 0
        while True:
            if (rest := await self._step_lightly(light, others=others)) is None:
                steps += 1
                if steps % TURNS == 0:
                    await trio.lowlevel.checkpoint()
                if self._deferred.waiting:
                    await self._deferred.serve()
                if self._runner.interrupted or not go_on(light.pc):
                    return light.newest
                continue
            stop = rest.stop or await self._runner.end_step(())
            snapshot = await self._runner.read_step(stop)
            if self._catcher.active:
                snapshot = await self._before(snapshot)
            record = self._keep(snapshot, Action.INTERRUPT if self._runner.is_pause(stop) else Action.STEP)
            met = await ends(snapshot)
            over = record.ended or self._runner.interrupted or self._runner.is_pause(stop)
            if not record.ended:
                await self._deferred.serve()
            if met or over or not go_on(record.state.pc):
                return record.brief

    async def _step_lightly(self, light: LightSteps, *, others: bool) -> Rest | None:
        may, told = light.may_step, _nobody
        if may and self._remote.may_exchange:
            return light.step(told, others=others)
        stop = await self._runner.step(others=others)
        return None if may and await light.read(stop, told) else Rest(stop)

    def _may_go_ahead(self, arrival: StopAtArrival) -> bool:
        """May the next step leave before this stop is read? Not where vectors are caught: a stop may show that the
        guest uses another IDT, which must be known at the next one; nor where an IRET has to be seen before it runs."""
        seen = self._reader.seen
        busy = self._runner.interrupted or self._catcher.active or self._deferred.waiting
        busy = busy or (seen is not None and self._runner.returns.may_matter(seen.state.debug))
        return not busy and self._reader.may_go_ahead(arrival)

    def _may_leave(self, arrival: StopAtArrival) -> bool:
        """May the next step leave before this stop, which has been read, is explained? So a stub that takes one request
        at a time is not kept waiting for it."""
        busy = self._runner.interrupted or self._catcher.active or self._deferred.waiting
        return not busy and self._reader.is_plain(arrival)

    async def _go_ahead(self, arrival: StopAtArrival) -> Behind:
        code, token = self._reader.step_ahead(arrival)
        self._runner.went_ahead(token)
        await self._remote.flush()
        return Behind(arrival, code)

    async def _catch_up(self, behind: Behind) -> None:
        """Read a stop of which all answers are there, while the stub is busy with the next one."""
        self._sink(self._keep(await self._reader.read_rest(*behind), Action.STEP))

    async def _step_done(self, behind: Behind) -> tuple[Stop, Behind | None]:
        """The stop of the step that went ahead, and ``behind`` if that is still to be read. Where the stub is lost
        meanwhile, the stop before it is not."""
        left: Behind | None = behind

        async def look() -> None:
            nonlocal left
            left = None
            await self._catch_up(behind)

        try:
            return await self._runner.await_step(look), left
        except TransportError:
            if left is not None:
                with suppress(GdbError):
                    await look()
            raise


def _nobody(summary: StopSummary) -> None:
    """Hears of the stops in between."""
