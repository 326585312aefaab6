"""The engine *plugin*: dr6's plugin in QEMU's TCG records every instruction, with registers and memory, and nobody
stops the guest.

First come rows in lock-step: the stub steps, the plugin records the same steps, and the two are compared. Then the
guest runs, one vCPU alone if it has several, and a thread makes rows of what comes. Shortly before the last row the
plugin holds the vCPU, 0x03 stops the guest, and the rest is stepped, so that it stands behind the last row exactly.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import trio

from gdbstub.backends.qemu.tcg_plugin.code_modes import key_of
from gdbstub.backends.qemu.tcg_plugin.debug_shadow import DEBUG
from gdbstub.backends.qemu.tcg_plugin.plugin_rows import PluginPiece, PluginRows, PluginRun
from gdbstub.backends.qemu.tcg_plugin.ring import NO_LIMIT, Ring
from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.instruction_log import InstructionLog
from gdbstub.debugger.qemu_log import CannotLog
from gdbstub.debugger.record import StopRecord
from gdbstub.errors import GdbError
from gdbstub.explain.evidence import Action
from gdbstub.trace.engines.plugin_output import PluginOutput
from gdbstub.trace.engines.plugin_reader import PluginReader, PluginSource
from gdbstub.trace.engines.self_check import compare, until
from gdbstub.trace.plan import Plan, Reason
from gdbstub.trace.writer import TraceWriter
from gdbstub.x86.breakpoints import BreakpointKind

SELF_CHECK_ROWS = 1000
LAST = 48
"""Rows that are stepped at the end: within them QEMU comes to the 0x03."""
CREEP_SECONDS = 0.01
"""How long the vCPU waits in front of each of them until QEMU stops it."""
PATIENCE = 1.0
"""The same for the last few of them."""
SECONDS_TO_STOP = 10.0
NO_PLUGIN = (
    "QEMU was not started with dr6's plugin, or it may not be seen; dr6 launch --plugin starts one with it, and "
    '-plugin "$(dr6 plugin)" on QEMU\'s own command line.'
)
REAL_MODE = "QEMU's log has no line for exceptions of real mode, so the debug registers are not known from here on."

OpenRing = Callable[[int], Ring | None]


def _nothing() -> None:
    pass


def _ignore(count: int) -> None:
    pass


class PluginEngine:
    """One trace of one debugger. ``plan`` is as that of a `Tracer` that steps; ``check`` rows are made in lock-step.
    ``open_ring`` finds the memory of the plugin in a process."""

    def __init__(
        self,
        debugger: Debugger,
        plan: Plan,
        writer: TraceWriter,
        open_ring: OpenRing,
        check: int = SELF_CHECK_ROWS,
        *,
        began: Callable[[], None] = _nothing,
        count: Callable[[int], None] = _ignore,
    ) -> None:
        """``began`` is called once QEMU records; ``count`` hears how many rows were written, from any thread."""
        self._debugger = debugger
        self._plan = plan
        self._writer = writer
        self._open_ring = open_ring
        self._check = check
        self._told = began
        self._output = PluginOutput(debugger, writer, plan.count, count)
        self._full = trio.Event()
        self._reason: Reason | None = None
        self._began = time.monotonic()
        self._cpu = debugger.cpu

    async def run(self) -> Reason:
        """Trace to the end and say why it ended. Raises `GdbError` branches; what was seen went to the writer."""
        if self._plan.count == 0:
            return "steps"
        log = await self._debugger.log_instructions("int")
        ring: Ring | None = None
        try:
            ring = self._ring_of(log)
            self._told()
            ring.arm(self._cpu)
            return await self._trace(ring, log)
        finally:
            with trio.move_on_after(SECONDS_TO_STOP, shield=True):
                if ring is not None:
                    ring.disarm()
                await self._debugger.halt()
                await self._debugger.end_instruction_log()

    def _ring_of(self, log: InstructionLog) -> Ring:
        writer = log.pipe.writer()
        ring = None if writer is None else self._open_ring(writer.process)
        if ring is None:
            raise CannotLog(NO_PLUGIN)
        if not ring.has_registers:
            raise CannotLog(f"This QEMU shows its plugins no registers (level {ring.level} of their interface).")
        return ring

    async def interrupt(self) -> None:
        """End the trace in order (Ctrl-C)."""
        await self._end("interrupt")

    async def _end(self, reason: Reason) -> None:
        self._reason = self._reason or reason
        await self._debugger.interrupt()

    async def _trace(self, ring: Ring, log: InstructionLog) -> Reason:
        rows = PluginRows(ring.next_code(), ring.next_access(), ring.has_values)
        source = PluginSource(ring, log.pipe, rows)
        try:
            await self._learn(rows)
            return await self._all(source)
        finally:
            if rows.deliveries.unplaced:
                why = "exceptions of QEMU's log fit to no row of the plugin; they stand where they were read."
                self._writer.gap(self._output.number, f"{rows.deliveries.unplaced} {why}")
            if ring.failed:
                self._writer.gap(self._output.number, "The plugin could not read all registers of every row.")

    async def _all(self, source: PluginSource) -> Reason:
        record = self._debugger.records[-1]
        if self._check:
            record, reason = await self._in_lock_step(source, self._check)
            if reason is not None:
                return self._close(source, record, reason)
        for address in self._plan.until:
            await self._debugger.add_breakpoint(BreakpointKind.EXECUTE, address, text="--until")
        if self._output.left is None or self._output.left > LAST:
            record = await self._running(source)
            if (reason := self._why(record)) is not None:
                return self._close(source, record, reason)
        source.ring.limit = NO_LIMIT
        if self._output.left and self._output.left > source.rows.open:
            record, reason = await self._in_lock_step(source, self._output.left)
            return self._close(source, record, reason or "halted")
        return self._close(source, record, "steps")

    def _why(self, record: StopRecord) -> Reason | None:
        """Why a run ended; None where it is to go on by steps."""
        if record.ended:
            return "shutdown"
        if self._reason is not None:
            return self._reason
        if record.state.pc in self._plan.until:
            return "until"
        if self._full.is_set():
            return None
        raise GdbError(f"Somebody else stopped the guest at {record.state.pc:#x}, so the trace ends there.")

    def _close(self, source: PluginSource, record: StopRecord, reason: Reason) -> Reason:
        """The last row is complete once the CPU behind it is known."""
        self._output.take(source.take())
        if not record.ended:
            self._output.take(source.rows.stand(record.state.pc, record.state.registers))
            shown = source.rows.debug
            real = [getattr(record.state.debug, name) for name in DEBUG]
            if shown is not None and None not in real and shown != real:
                self._writer.gap(
                    self._output.number, f"The debug registers were followed to {_hex(shown)}, and are {_hex(real)}."
                )
        return reason

    async def _learn(self, rows: PluginRows) -> None:
        """What the plugin does not show, as the stub has it now."""
        state = self._debugger.records[-1].state if self._debugger.records else await self._debugger.state()
        shown = state.debug
        debug = [shown.dr0, shown.dr1, shown.dr2, shown.dr3, shown.dr6, shown.dr7]
        rows.debug = None if None in debug else [value or 0 for value in debug]
        self._output.knows_debug = rows.debug is not None
        values = state.registers
        rows.modes.learn(key_of(*(values[name] for name in ("cs", "cr0", "rflags", "efer"))), state.mode)

    # -- in lock-step -----------------------------------------------------------------------------------------

    async def _in_lock_step(self, source: PluginSource, most: int) -> tuple[StopRecord, Reason | None]:
        """Rows that are stepped, the last of which may not be complete yet; why the trace ends with them, if it does.
        Raises `GdbError` where plugin and stub differ."""
        records: list[StopRecord] = []
        pieces: list[PluginPiece] = []

        def sink(record: StopRecord) -> None:
            records.append(record)
            values = record.state.registers
            if not record.ended:
                key = key_of(*(values[name] for name in ("cs", "cr0", "rflags", "efer")))
                source.rows.modes.learn(key, record.state.mode)
            pieces.extend(source.take())

        until_ = self._plan.until
        begun = source.rows.open
        count = most if self._output.left is None else min(most, self._output.left - begun)
        last = await self._debugger.run_steps(count, sink, go_on=lambda pc: pc not in until_, end_at_hits=False)
        pieces += source.take()
        runs = [piece for piece in pieces if isinstance(piece, PluginRun)]
        found = compare(runs, records, "the plugin", skip=begun)
        self._output.take(until(pieces, found))
        if found is not None:
            raise GdbError(f"{found} What it says is not to be trusted here, so the trace ends (--engine step).")
        if last.ended:
            return last, "shutdown"
        if self._reason is not None:
            return last, self._reason
        if (
            self._output.left is not None and self._output.left <= 1
        ):  # the last row is there once the guest is known to stand
            return last, "steps"
        if last.state.pc in until_:
            return last, "until"
        return last, "halted" if last.action is Action.INTERRUPT else None

    # -- running ----------------------------------------------------------------------------------------------

    async def _running(self, source: PluginSource) -> StopRecord:
        token = trio.lowlevel.current_trio_token()
        ring = source.ring
        if self._output.left is not None:
            ring.limit = ring.made + self._output.left - LAST
        reader = PluginReader(
            source,
            self._output.take,
            lambda: token.run_sync_soon(self._full.set),
            lambda: (self._output.left or 0) - LAST,
        )
        several = len(self._debugger.capabilities.cpus) > 1
        failure: Exception | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_in_thread, reader)
            nursery.start_soon(self._stop_when_full, ring)
            if self._plan.seconds is not None:
                nursery.start_soon(self._time_out, self._plan.seconds - (time.monotonic() - self._began))
            try:
                record = await self._debugger.resume(only=self._cpu if several else None)
            except Exception as error:  # carried out of the nursery as it is, not in a group
                failure = error
            finally:
                ring.limit = NO_LIMIT
                with trio.move_on_after(SECONDS_TO_STOP, shield=True):
                    await self._debugger.halt()
                reader.finish()
            nursery.cancel_scope.cancel()
        if (failure := failure or reader.failure) is not None:
            raise failure
        self._output.take(source.take())
        return record

    async def _stop_when_full(self, ring: Ring) -> None:
        """The vCPU waits; it does not hear of 0x03 while it does, so it goes on step by step until it has."""
        await self._full.wait()
        await self._debugger.interrupt()
        for _ in range(LAST - 8):
            await trio.sleep(CREEP_SECONDS)
            ring.limit += 1
        while True:
            await trio.sleep(PATIENCE)
            ring.limit += 1

    async def _time_out(self, seconds: float) -> None:
        await trio.sleep(max(seconds, 0))
        await self._end("seconds")


def _hex(values: Sequence[int]) -> str:
    return ", ".join(f"{value:#x}" for value in values)


async def _in_thread(reader: PluginReader) -> None:
    """To its end, also where this task is cancelled, even before it began: QEMU waits for who reads."""
    with trio.CancelScope(shield=True):
        await trio.to_thread.run_sync(reader.run)
