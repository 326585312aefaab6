"""An engine that is told by QEMU of every instruction, while nobody stops the guest.

First come rows in lock-step: the stub steps, QEMU tells of the same steps, and the two are compared. Then the guest
runs, one vCPU alone if it has several, and a thread makes rows of what comes. It ends at a breakpoint, or by 0x03.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic

import trio

from gdbstub.backends.qemu.exception_log import Delivered
from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.record import StopRecord
from gdbstub.errors import GdbError
from gdbstub.explain.evidence import Action
from gdbstub.trace.engines.output import RowOutput
from gdbstub.trace.engines.self_check import compare, until
from gdbstub.trace.engines.source import InstructionSource, R, Reader
from gdbstub.trace.plan import Plan, Reason
from gdbstub.trace.writer import TraceWriter
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.cpu_state import CpuState

SELF_CHECK_ROWS = 1000
SECONDS_TO_STOP = 10.0


def _nothing() -> None:
    pass


def _ignore(count: int) -> None:
    pass


class ToldEngine(Generic[R]):
    """One trace of one debugger. ``plan`` is as that of a `Tracer` that steps; ``check`` rows are made in lock-step."""

    def __init__(
        self,
        debugger: Debugger,
        plan: Plan,
        writer: TraceWriter,
        source: InstructionSource[R],
        check: int = SELF_CHECK_ROWS,
        *,
        began: Callable[[], None] = _nothing,
        count: Callable[[int], None] = _ignore,
    ) -> None:
        """``began`` is called once QEMU tells; ``count`` hears how many rows were written, from any thread."""
        self._debugger = debugger
        self._plan = plan
        self._source = source
        self._check = check
        self._told = began
        self._output = RowOutput(debugger, writer, source, plan.count, count)
        self._full = trio.Event()
        self._reason: Reason | None = None
        self._began = time.monotonic()
        self._cpu = debugger.cpu

    async def run(self) -> Reason:
        """Trace to the end and say why it ended. Raises `GdbError` branches; what was seen went to the writer."""
        if self._plan.count == 0:
            return "steps"
        log = await self._debugger.log_instructions(self._source.items)
        try:
            self._source.begin(log)
            self._told()
            return await self._trace()
        finally:
            with trio.move_on_after(SECONDS_TO_STOP, shield=True):
                self._source.end()
                await self._debugger.halt()
                await self._debugger.end_instruction_log()

    async def interrupt(self) -> None:
        """End the trace in order (Ctrl-C)."""
        await self._end("interrupt")

    async def _end(self, reason: Reason) -> None:
        self._reason = self._reason or reason
        await self._debugger.interrupt()

    async def _trace(self) -> Reason:
        try:
            self._source.learn(await self._state())
            record, reason = await self._rows()
            self._output.take(await self._source.stand(record))
            if record.ended:
                self._output.end()
            else:
                self._output.settle()
            self._output.remark()
        finally:
            self._source.sum_up()
            self._output.remark()
        if reason is None and self._output.left == 0:
            return "steps"
        if reason is None:
            raise GdbError(f"Somebody else stopped the guest at {record.state.pc:#x}, so the trace ends there.")
        return reason

    async def _state(self) -> CpuState:
        return self._debugger.records[-1].state if self._debugger.records else await self._debugger.state()

    async def _rows(self) -> tuple[StopRecord, Reason | None]:
        """All but the last row; why the trace ends with it, None where somebody else stopped the guest."""
        if self._check:
            record, reason = await self._in_lock_step(self._check)
            if reason is not None:
                return record, reason
        for address in self._plan.until:
            await self._debugger.add_breakpoint(BreakpointKind.EXECUTE, address, text="--until")
        if self._output.left is None or self._output.left > self._source.last:
            record = await self._running()
            reason = self._why(record)
            if reason is not None or not self._full.is_set():
                return record, reason
            if (self._output.left or 0) <= self._source.open:
                return record, "steps"
        record, reason = await self._in_lock_step(self._output.left or 0)
        return record, reason or "halted"

    def _why(self, record: StopRecord) -> Reason | None:
        """Why a run ended, as far as that is known."""
        if self._output.left == 0:
            return "steps"
        if record.ended:
            return "shutdown"
        if self._reason is not None:
            return self._reason
        return "until" if record.state.pc in self._plan.until else None

    # -- in lock-step -----------------------------------------------------------------------------------------

    async def _in_lock_step(self, most: int) -> tuple[StopRecord, Reason | None]:
        """Rows that are stepped, the last of which may not be complete yet; why the trace ends with them, if it does.
        Raises `GdbError` where QEMU and the stub differ."""
        records: list[StopRecord] = []
        pieces: list[R | Delivered] = []

        def sink(record: StopRecord) -> None:
            records.append(record)
            pieces.extend(self._source.step(record))

        ends, left = self._plan.until, self._output.left
        begun = self._source.open
        count = most if left is None else min(most, left - begun)
        last = await self._debugger.run_steps(count, sink, go_on=lambda pc: pc not in ends, end_at_hits=False)
        pieces += await self._source.stepped(last)
        runs = [piece for piece in pieces if not isinstance(piece, Delivered)]
        found = compare(runs, records, self._source.name, skip=bool(begun))
        self._output.take(until(pieces, found))
        if found is not None:
            raise GdbError(f"{found} What it says is not to be trusted here, so the trace ends (--engine step).")
        if last.ended:
            return last, "shutdown"
        if self._reason is not None:
            return last, self._reason
        if self._output.left is not None and self._output.left <= self._source.open:
            return last, "steps"
        if last.state.pc in ends:
            return last, "until"
        return last, "halted" if last.action is Action.INTERRUPT else None

    # -- running ----------------------------------------------------------------------------------------------

    async def _running(self) -> StopRecord:
        token = trio.lowlevel.current_trio_token()
        reader = self._source.reader(self._output, lambda: token.run_sync_soon(self._full.set))
        several = len(self._debugger.capabilities.cpus) > 1
        failure: Exception | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_in_thread, reader)
            nursery.start_soon(self._stop_when_full)
            if self._plan.seconds is not None:
                nursery.start_soon(self._time_out, self._plan.seconds - (time.monotonic() - self._began))
            try:
                record = await self._debugger.resume(only=self._cpu if several else None)
            except Exception as error:  # carried out of the nursery as it is, not in a group
                failure = error
            finally:
                self._source.free()
                with trio.move_on_after(SECONDS_TO_STOP, shield=True):
                    await self._debugger.halt()
                reader.finish()
            nursery.cancel_scope.cancel()
        if (failure := failure or reader.failure) is not None:
            raise failure
        self._output.take(self._source.ran(self._output.left, record))
        return record

    async def _stop_when_full(self) -> None:
        await self._full.wait()
        await self._debugger.interrupt()
        await self._source.while_stopping()

    async def _time_out(self, seconds: float) -> None:
        await trio.sleep(max(seconds, 0))
        await self._end("seconds")


async def _in_thread(reader: Reader) -> None:
    """To its end, also where this task is cancelled, even before it began: QEMU waits for who reads."""
    with trio.CancelScope(shield=True):
        await trio.to_thread.run_sync(reader.run)
