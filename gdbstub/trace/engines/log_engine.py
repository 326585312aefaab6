"""The engine *log*: QEMU's TCG tells of every instruction while it runs, and nobody stops the guest.

First come rows in lock-step: the stub steps, the log tells of the same steps, and the two are compared. Then the guest
runs, one vCPU alone if it has several, and a thread makes rows of what comes. It ends at a breakpoint, or by 0x03; the
guest has gone on by what the pipe held.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable

import numpy as np
import trio

from gdbstub.backends.qemu.cpu_log.log_rows import CodeAt, LoggedRows, LogRows, Piece
from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.instruction_log import InstructionLog
from gdbstub.debugger.interrupt_table import CR0_PE
from gdbstub.debugger.logged_event import record_of_logged
from gdbstub.debugger.record import StopRecord
from gdbstub.errors import GdbError
from gdbstub.explain.evidence import Action, CodeBytes
from gdbstub.trace.columns.batch import Columns
from gdbstub.trace.engines.log_reader import LogReader
from gdbstub.trace.engines.self_check import compare, until
from gdbstub.trace.plan import Plan, Reason
from gdbstub.trace.writer import TraceWriter
from gdbstub.x86.breakpoints import BreakpointKind

SELF_CHECK_ROWS = 1000
TABLES = ("ldt", "tr", "gdt_base", "gdt_limit", "idt_base", "idt_limit")
BASES = ("cs_base", "ss_base", "ds_base", "es_base")
"""Of segments; in 64-bit code they are 0 (SDM vol. 1 3.4.2.1)."""
HIDDEN = frozenset(
    f"{segment}_{part}"
    for segment in ("es", "cs", "ss", "ds", "fs", "gs", "ldt", "tr")
    for part in ("base", "limit", "attributes")
) - {"fs_base", "gs_base"}
SECONDS_TO_STOP = 10.0
FEW = 50_000
"""Rows for which speed matters less than that the guest is not far behind the last one."""
DUMP_BYTES = 1250
"""Of one instruction in the log, at most."""


def _nothing() -> None:
    pass


def _ignore(count: int) -> None:
    pass


class LogEngine:
    """One trace of one debugger. ``plan`` is as that of a `Tracer` that steps; ``check`` rows are made in lock-step."""

    def __init__(
        self,
        debugger: Debugger,
        plan: Plan,
        writer: TraceWriter,
        check: int = SELF_CHECK_ROWS,
        *,
        began: Callable[[], None] = _nothing,
        count: Callable[[int], None] = _ignore,
    ) -> None:
        """``began`` is called once QEMU logs; ``count`` hears how many rows were written, from any thread."""
        self._debugger = debugger
        self._plan = plan
        self._writer = writer
        self._check = check
        self._told = began
        self._count = count
        self._rows = LogRows()
        self._number = 0
        self._left = plan.count
        self._ids = np.zeros(0, np.uint32)
        self._full = trio.Event()
        self._real_mode = False
        self._reason: Reason | None = None
        self._began = time.monotonic()
        self._cpu = debugger.cpu

    async def run(self) -> Reason:
        """Trace to the end and say why it ended. Raises `GdbError` branches; what was seen went to the writer."""
        if self._plan.count == 0:
            return "steps"
        log = await self._debugger.log_instructions()
        try:
            self._told()
            return await self._trace(log)
        finally:
            if self._rows.damaged:
                self._writer.gap(self._number, f"{self._rows.damaged} dumps of QEMU's log could not be read.")
            with trio.move_on_after(SECONDS_TO_STOP, shield=True):
                await self._debugger.halt()
                await self._debugger.end_instruction_log()

    async def interrupt(self) -> None:
        """End the trace in order (Ctrl-C)."""
        await self._end("interrupt")

    async def _end(self, reason: Reason) -> None:
        self._reason = self._reason or reason
        await self._debugger.interrupt()

    async def _trace(self, log: InstructionLog) -> Reason:
        reason = await self._in_lock_step(log) if self._check else None
        if reason is not None:
            return reason
        for address in self._plan.until:
            await self._debugger.add_breakpoint(BreakpointKind.EXECUTE, address, text="--until")
        record = await self._running(log)
        if self._left != 0 and not record.ended:
            await self._close_last_row()
        if self._left == 0:
            return "steps"
        if record.ended:
            return "shutdown"
        if self._reason is not None:
            return self._reason
        if record.state.pc in self._plan.until:
            return "until"
        raise GdbError(f"Somebody else stopped the guest at {record.state.pc:#x}, so the trace ends there.")

    # -- in lock-step -----------------------------------------------------------------------------------------

    async def _in_lock_step(self, log: InstructionLog) -> Reason | None:
        """The first rows; why the trace ends with them, if it does. Raises `GdbError` where log and stub differ."""
        records: list[StopRecord] = []
        text: list[bytes] = []

        def sink(record: StopRecord) -> None:
            records.append(record)
            text.append(log.pipe.read_ready())

        ends = self._plan.until
        count = self._check if self._left is None else min(self._check, self._left)
        last = await self._debugger.run_steps(count, sink, go_on=lambda pc: pc not in ends, end_at_hits=False)
        while data := log.pipe.read_ready():
            text.append(data)
        pieces = self._rows.feed(b"".join(text))
        if not last.ended:
            pieces += await self._what_is_now()
        found = compare([piece for piece in pieces if isinstance(piece, LoggedRows)], records, "QEMU's log")
        self._take(until(pieces, found))
        if found is not None:
            raise GdbError(f"{found} What it says is not to be trusted here, so the trace ends (--engine step).")
        if last.ended:
            return "shutdown"
        if self._reason is not None:
            return self._reason
        if self._left == 0:
            return "steps"
        if last.state.pc in ends:
            return "until"
        return "halted" if last.action is Action.INTERRUPT else None

    async def _what_is_now(self) -> list[Piece]:
        """The last row is complete once the CPU behind it is known."""
        text = await self._debugger.monitor(f"info registers {self._cpu}" if self._cpu else "info registers")
        start = max(text.find("RAX="), text.find("EAX="))
        return self._rows.stand(text[start:].replace("\r", "").encode("latin-1"))

    # -- running ----------------------------------------------------------------------------------------------

    async def _running(self, log: InstructionLog) -> StopRecord:
        token = trio.lowlevel.current_trio_token()
        if self._left is not None and self._left < FEW:
            log.pipe.hold_little()
        descriptor, full = log.pipe.fileno(), lambda: token.run_sync_soon(self._full.set)
        reader = LogReader(descriptor, self._rows, self._take, full, self._bytes_wanted)
        several = len(self._debugger.capabilities.cpus) > 1
        failure: Exception | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_in_thread, reader)
            nursery.start_soon(self._stop_when_full, reader)
            if self._plan.seconds is not None:
                nursery.start_soon(self._time_out, self._plan.seconds - (time.monotonic() - self._began))
            try:
                record = await self._debugger.resume(only=self._cpu if several else None)
            except Exception as error:  # carried out of the nursery as it is, not in a group
                failure = error
            finally:
                with trio.move_on_after(SECONDS_TO_STOP, shield=True):
                    await self._debugger.halt()
                reader.finish()
            nursery.cancel_scope.cancel()
        if (failure := failure or reader.failure) is not None:
            raise failure
        if reader.closed and self._left != 0 and not record.ended:
            raise GdbError("QEMU's log was given to somebody else, so the trace ends there.")
        return record

    async def _stop_when_full(self, reader: LogReader) -> None:
        await self._full.wait()
        if self._left == 0:
            self._reason = self._reason or "steps"
        await self._debugger.interrupt()
        reader.drain()

    def _bytes_wanted(self) -> int:
        return sys.maxsize if self._left is None else self._left * DUMP_BYTES

    async def _time_out(self, seconds: float) -> None:
        await trio.sleep(max(seconds, 0))
        await self._end("seconds")

    async def _close_last_row(self) -> None:
        self._take(await self._what_is_now())

    # -- rows -------------------------------------------------------------------------------------------------

    def _take(self, pieces: Iterable[Piece]) -> bool:
        """Hand over to the writer; are more wanted?"""
        for piece in pieces:
            if self._left == 0:
                return False
            if isinstance(piece, CodeAt):
                self._take_event(piece)
            else:
                self._take_rows(piece)
        return self._left != 0

    def _take_rows(self, piece: LoggedRows) -> None:
        count = piece.count if self._left is None else min(piece.count, self._left)
        part = slice(0, count)
        if new := self._rows.ids.codes[len(self._ids) :]:
            numbers = [self._writer.define(address, code, mode) for address, code, mode in new]
            self._ids = np.concatenate([self._ids, np.array(numbers, np.uint32)])
        hidden = HIDDEN - frozenset(() if piece.wide else BASES) - frozenset(TABLES)
        values = {name: column[part] for name, column in piece.registers.items() if name not in hidden}
        ids = self._ids[piece.code[part]]
        self._writer.columns(
            Columns(
                cpu=self._cpu,
                first=self._number,
                count=count,
                values={"pc": piece.pc[part], "insn": ids, "mode": piece.mode[part], **values},
                dr_source="log",
            )
        )
        if not self._real_mode and (piece.registers["cr0"] & np.uint64(CR0_PE) == 0).any():
            self._real_mode = True
            self._writer.gap(self._number, "QEMU's log has no line for exceptions of real mode.")
        self._number += count
        self._count(self._number)
        self._left = None if self._left is None else self._left - count

    def _take_event(self, piece: CodeAt) -> None:
        window = CodeBytes(piece.logged.pc, piece.code) if piece.code else None
        seconds = time.monotonic() - self._began
        platform = self._debugger.platform
        self._writer.record(record_of_logged(piece.logged, self._number, self._cpu, platform, window, seconds))
        self._number += 1


async def _in_thread(reader: LogReader) -> None:
    """To its end, also where this task is cancelled, even before it began: QEMU waits for who reads."""
    with trio.CancelScope(shield=True):
        await trio.to_thread.run_sync(reader.run)
