"""Rows and exceptions that QEMU tells of → a trace's writer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Generic

from gdbstub.backends.qemu.exception_log import Delivered, LoggedException
from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.failed_deliveries import Deliveries
from gdbstub.debugger.logged_event import record_of_logged
from gdbstub.explain.evidence import CodeBytes
from gdbstub.trace.engines.source import InstructionSource, R
from gdbstub.trace.writer import TraceWriter
from gdbstub.x86.exceptions import vector

LAST = "The guest ended behind {}: whether that was delivered, or what came instead, is not known."


class RowOutput(Generic[R]):
    """An exception is held back until it is known whether it was delivered: what comes instead has no row in
    front of it.

    ``left`` is how many rows of instructions are wanted (None: any number); ``count`` hears how many rows there
    are."""

    def __init__(
        self,
        debugger: Debugger,
        writer: TraceWriter,
        source: InstructionSource[R],
        left: int | None,
        count: Callable[[int], None],
    ) -> None:
        self.left = left
        self._number = 0
        self._debugger = debugger
        self._writer = writer
        self._source = source
        self._count = count
        self._cpu = debugger.cpu
        self._began = time.monotonic()
        self._deliveries = Deliveries()
        self._code = b""
        """At the RIP of the one that is held back."""

    def take(self, pieces: Sequence[R | Delivered]) -> bool:
        """Hand over to the writer; are more wanted?"""
        for piece in pieces:
            if self.left == 0:
                return False
            if isinstance(piece, Delivered):
                for decided in self._deliveries.take(piece.logged):
                    self._take_event(decided)
                self._code = piece.code
            else:
                self.settle()
                self._take_rows(piece if self.left is None else piece.first(self.left))
        return self.left != 0

    def settle(self) -> None:
        """An instruction ran, or the guest stands: nothing comes instead any more."""
        for decided in self._deliveries.settle():
            self._take_event(decided)

    def end(self) -> None:
        """The guest is no more, and all that QEMU told of it was taken. It ended behind the exception that is held
        back: with a #DF for a delivery that failed, by a triple fault (SDM vol. 3A 6.15, #DF)."""
        for decided in self._deliveries.end():
            self._take_event(decided)
            if decided.failed is None:
                self._writer.gap(self._number, LAST.format(vector(decided.vector).name))

    def remark(self) -> None:
        """Write down what the source says of the newest rows."""
        for sentence in self._source.remarks:
            self._writer.gap(self._number, sentence)
        self._source.remarks.clear()

    def _take_rows(self, piece: R) -> None:
        self._writer.columns(self._source.columns(piece, self._number))
        self.remark()
        self._number += piece.count
        self._count(self._number)
        self.left = None if self.left is None else self.left - piece.count

    def _take_event(self, logged: LoggedException) -> None:
        window = CodeBytes(logged.pc, self._code) if self._code else None
        seconds = time.monotonic() - self._began
        platform = self._debugger.platform
        self._writer.record(record_of_logged(logged, self._number, self._cpu, platform, window, seconds))
        self._number += 1
