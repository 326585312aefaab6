"""A writer's numbers for the instructions that the plugin has numbered: it has one for each mode that they run in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gdbstub.backends.qemu.tcg_plugin.plugin_rows import PluginRun
from gdbstub.backends.qemu.tcg_plugin.points import UNKNOWN
from gdbstub.trace.writer import TraceWriter
from gdbstub.x86.registers import Mode

NONE = 0xFFFF_FFFF
MODES: tuple[Mode, ...] = (16, 32, 64)


class Definer:
    """Of one writer."""

    def __init__(self, writer: TraceWriter) -> None:
        self._writer = writer
        self._numbers = {mode: np.full(4096, NONE, np.uint32) for mode in MODES}

    def numbers(self, piece: PluginRun) -> NDArray[np.uint32]:
        """The writer's number for the instruction of each row."""
        found = np.full(piece.count, NONE, np.uint32)
        for mode in MODES:
            which = np.flatnonzero((piece.before == mode) & (piece.code != UNKNOWN))
            if len(which):
                found[which] = self._known(piece, piece.code[which], mode)
        for at in np.flatnonzero(found == NONE).tolist():
            found[at] = self._writer.define(int(piece.began[at]), b"", _as_mode(int(piece.before[at])))
        return found

    def _known(self, piece: PluginRun, code: NDArray[np.int64], mode: Mode) -> NDArray[np.uint32]:
        table = self._numbers[mode]
        highest = int(code.max())
        while highest >= len(table):
            table = self._numbers[mode] = np.concatenate([table, np.full(len(table), NONE, np.uint32)])
        found: NDArray[np.uint32] = table[code]
        for number in np.unique(code[found == NONE]).tolist():
            address, text = piece.codes[number]
            table[number] = self._writer.define(address, text, mode)
        return table[code]


def _as_mode(mode: int) -> Mode:
    return 64 if mode == 64 else 32 if mode == 32 else 16
