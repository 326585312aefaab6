"""The engine *log*: QEMU's TCG dumps the CPU in front of every instruction, into a pipe.

Behind a breakpoint or 0x03 the guest has gone on by what the pipe held.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import numpy as np

from gdbstub.backends.qemu.cpu_log.log_rows import LoggedRows, LogRows, Piece
from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.instruction_log import ITEMS, InstructionLog, KeptPipe
from gdbstub.debugger.interrupt_table import CR0_PE
from gdbstub.debugger.record import StopRecord
from gdbstub.errors import GdbError
from gdbstub.trace.columns.batch import Columns
from gdbstub.trace.engines.log_reader import LogReader
from gdbstub.trace.engines.source import InstructionSource, Taker
from gdbstub.trace.writer import TraceWriter

TABLES = ("ldt", "tr", "gdt_base", "gdt_limit", "idt_base", "idt_limit")
BASES = ("cs_base", "ss_base", "ds_base", "es_base")
"""Of segments; in 64-bit code they are 0 (SDM vol. 1 3.4.2.1)."""
HIDDEN = frozenset(
    f"{segment}_{part}"
    for segment in ("es", "cs", "ss", "ds", "fs", "gs", "ldt", "tr")
    for part in ("base", "limit", "attributes")
) - {"fs_base", "gs_base"}
FEW = 50_000
"""Rows for which speed matters less than that the guest is not far behind the last one."""
DUMP_BYTES = 1250
"""Of one instruction in the log, at most."""
REAL_MODE = "QEMU's log has no line for exceptions of real mode."


class LogSource(InstructionSource[LoggedRows]):
    name = "QEMU's log"
    items = ITEMS
    last = 0

    def __init__(self, debugger: Debugger, writer: TraceWriter) -> None:
        super().__init__()
        self._debugger = debugger
        self._writer = writer
        self._cpu = debugger.cpu
        self._rows = LogRows()
        self._ids = np.zeros(0, np.uint32)
        self._text: list[bytes] = []
        self._stands = True
        self._real_mode = False
        self._log: InstructionLog | None = None
        self._reader: LogReader | None = None

    def begin(self, log: InstructionLog) -> None:
        self._log = log

    def end(self) -> None:
        """The pipe is closed with the log."""

    @property
    def open(self) -> int:
        return 0 if self._stands else 1

    def step(self, record: StopRecord) -> Sequence[Piece]:
        """Kept until all steps are done: a text of some length is read faster than many short ones."""
        self._stands = False
        self._text.append(self._pipe.read_ready())
        return ()

    async def stepped(self, last: StopRecord) -> Sequence[Piece]:
        while data := self._pipe.read_ready():
            self._text.append(data)
        pieces = self._rows.feed(b"".join(self._text))
        self._text.clear()
        return [*pieces, *await self.stand(last)]

    async def stand(self, record: StopRecord) -> Sequence[Piece]:
        if self._stands:
            return ()
        self._stands = True
        if record.ended:
            return self._rows.stand(b"")  # its last dump has no successor
        text = await self._debugger.monitor(f"info registers {self._cpu}" if self._cpu else "info registers")
        start = max(text.find("RAX="), text.find("EAX="))
        return self._rows.stand(text[start:].replace("\r", "").encode("latin-1"))

    def reader(self, taker: Taker[LoggedRows], full: Callable[[], None]) -> LogReader:
        def wanted() -> int:
            return sys.maxsize if taker.left is None else taker.left * DUMP_BYTES

        self._stands = False
        if taker.left is not None and taker.left < FEW:
            self._pipe.hold_little()
        self._reader = LogReader(self._pipe.fileno(), self._rows, taker.take, full, wanted)
        return self._reader

    async def while_stopping(self) -> None:
        if self._reader is not None:
            self._reader.drain()

    def ran(self, left: int | None, last: StopRecord) -> Sequence[Piece]:
        if self._reader is not None and self._reader.closed and left != 0 and not last.ended:
            raise GdbError("QEMU's log was given to somebody else, so the trace ends there.")
        return ()

    def columns(self, piece: LoggedRows, first: int) -> Columns:
        if new := self._rows.ids.codes[len(self._ids) :]:
            numbers = [self._writer.define(address, code, mode) for address, code, mode in new]
            self._ids = np.concatenate([self._ids, np.array(numbers, np.uint32)])
        hidden = HIDDEN - frozenset(() if piece.wide else BASES) - frozenset(TABLES)
        values = {name: column for name, column in piece.registers.items() if name not in hidden}
        if not self._real_mode and (piece.registers["cr0"] & np.uint64(CR0_PE) == 0).any():
            self._real_mode = True
            self.remarks.append(REAL_MODE)
        return Columns(
            cpu=self._cpu,
            first=first,
            count=piece.count,
            values={"pc": piece.pc, "insn": self._ids[piece.code], "mode": piece.mode, **values},
            dr_source="log",
        )

    def sum_up(self) -> None:
        if self._rows.damaged:
            self.remarks.append(f"{self._rows.damaged} dumps of QEMU's log could not be read.")

    @property
    def _pipe(self) -> KeptPipe:
        assert self._log is not None, "the log comes first"
        return self._log.pipe
