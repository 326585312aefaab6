"""Rows and exceptions of the plugin → a trace's writer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from gdbstub.backends.qemu.tcg_plugin.deliveries import Delivered
from gdbstub.backends.qemu.tcg_plugin.plugin_rows import PluginPiece, PluginRun
from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.logged_event import record_of_logged
from gdbstub.explain.evidence import CodeBytes
from gdbstub.trace.columns.batch import Accesses, Columns
from gdbstub.trace.engines.definer import Definer
from gdbstub.trace.writer import TraceWriter

if TYPE_CHECKING:
    from gdbstub.trace.columns.batch import Column

REAL_MODE = "QEMU's log has no line for exceptions of real mode, so the debug registers are not known from here on."


class PluginOutput:
    """``left`` is how many rows of instructions are wanted (None: any number), ``number`` that of the next row."""

    def __init__(self, debugger: Debugger, writer: TraceWriter, left: int | None, count: Callable[[int], None]) -> None:
        self.left = left
        self.number = 0
        self.knows_debug = False
        self._debugger = debugger
        self._writer = writer
        self._count = count
        self._cpu = debugger.cpu
        self._began = time.monotonic()
        self._definer = Definer(writer)

    def take(self, pieces: Sequence[PluginPiece]) -> bool:
        """Hand over to the writer; are more wanted?"""
        for piece in pieces:
            if self.left == 0:
                return False
            if isinstance(piece, Delivered):
                self._take_event(piece)
            else:
                self._take_rows(piece if self.left is None else piece.first(self.left))
        return self.left != 0

    def _take_rows(self, piece: PluginRun) -> None:
        values: dict[str, Column] = {
            "pc": piece.pc,
            "insn": self._definer.numbers(piece),
            "mode": piece.mode,
            **piece.registers,
        }
        accesses = piece.accesses
        writes = Accesses(
            row=piece.row,
            address=accesses["address"].copy(),
            size=accesses["size"].copy(),
            write=accesses["write"].copy(),
            value=accesses["value"].copy() if piece.has_values else None,
        )
        self._writer.columns(
            Columns(
                cpu=self._cpu,
                first=self.number,
                count=piece.count,
                values=values,
                dr_source="plugin" if "dr6" in values else "unknown",
                accesses=writes if len(writes.row) else None,
            )
        )
        if self.knows_debug and "dr6" not in values:
            self.knows_debug = False
            self._writer.gap(self.number, REAL_MODE)
        self.number += piece.count
        self._count(self.number)
        self.left = None if self.left is None else self.left - piece.count

    def _take_event(self, piece: Delivered) -> None:
        window = CodeBytes(piece.logged.pc, piece.code) if piece.code else None
        seconds = time.monotonic() - self._began
        platform = self._debugger.platform
        self._writer.record(record_of_logged(piece.logged, self.number, self._cpu, platform, window, seconds))
        self.number += 1
