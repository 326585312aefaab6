"""The engine *plugin*: dr6's plugin in QEMU's TCG records every instruction, with registers and memory.

Shortly before the last row the plugin holds the vCPU, 0x03 stops the guest, and the rest is stepped, so that it stands
behind the last row exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import trio

from gdbstub.backends.qemu.tcg_plugin.code_modes import key_of
from gdbstub.backends.qemu.tcg_plugin.debug_shadow import DEBUG
from gdbstub.backends.qemu.tcg_plugin.plugin_rows import PluginPiece, PluginRun
from gdbstub.backends.qemu.tcg_plugin.ring import NO_LIMIT, Ring
from gdbstub.debugger.debugger import Debugger
from gdbstub.debugger.instruction_log import InstructionLog
from gdbstub.debugger.qemu_log import CannotLog
from gdbstub.debugger.record import StopRecord
from gdbstub.trace.columns.batch import Accesses, Columns
from gdbstub.trace.engines.definer import Definer
from gdbstub.trace.engines.plugin_reader import PluginReader, PluginRecords
from gdbstub.trace.engines.source import InstructionSource, Taker
from gdbstub.trace.writer import TraceWriter
from gdbstub.x86.cpu_state import CpuState

if TYPE_CHECKING:
    from gdbstub.trace.columns.batch import Column

LAST = 48
"""Rows within which QEMU comes to the 0x03."""
CREEP_SECONDS = 0.01
"""How long the vCPU waits in front of each of them until QEMU stops it."""
PATIENCE = 1.0
"""The same for the last few of them."""
NO_PLUGIN = (
    'QEMU was not started with dr6\'s plugin, or its memory may not be seen; start it with -plugin "$(dr6 plugin)", or '
    "by dr6 launch --plugin."
)
REAL_MODE = "QEMU's log has no line for exceptions of real mode, so the debug registers are not known from here on."

OpenRing = Callable[[int], Ring | None]


class PluginSource(InstructionSource[PluginRun]):
    """``open_ring`` finds the memory of the plugin in a process."""

    name = "the plugin"
    items = "int"
    last = LAST

    def __init__(self, debugger: Debugger, writer: TraceWriter, open_ring: OpenRing) -> None:
        super().__init__()
        self._open_ring = open_ring
        self._cpu = debugger.cpu
        self._definer = Definer(writer)
        self._records: PluginRecords | None = None
        self._knows_debug = False

    def begin(self, log: InstructionLog) -> None:
        writer = log.pipe.writer()
        ring = None if writer is None else self._open_ring(writer.process)
        if ring is None:
            raise CannotLog(NO_PLUGIN)
        if not ring.has_registers:
            raise CannotLog(f"This QEMU shows its plugins no registers (level {ring.level} of their interface).")
        ring.arm(self._cpu)
        self._records = PluginRecords(ring, log.pipe)

    def end(self) -> None:
        if self._records is not None:
            self._records.ring.disarm()

    def learn(self, state: CpuState) -> None:
        debug = _debug(state)
        self._all.rows.debug = None if None in debug else [value or 0 for value in debug]
        self._knows_debug = self._all.rows.debug is not None
        self._learn_mode(state)

    def _learn_mode(self, state: CpuState) -> None:
        values = state.registers
        self._all.rows.modes.learn(key_of(*(values[name] for name in ("cs", "cr0", "rflags", "efer"))), state.mode)

    @property
    def open(self) -> int:
        return int(self._all.rows.open)

    def step(self, record: StopRecord) -> Sequence[PluginPiece]:
        if not record.ended:
            self._learn_mode(record.state)
        return self._all.take()

    async def stepped(self, last: StopRecord) -> Sequence[PluginPiece]:
        return self._all.take()

    async def stand(self, record: StopRecord) -> Sequence[PluginPiece]:
        pieces = self._all.take()
        if not record.ended:
            pieces += self._all.rows.stand(record.state.pc, record.state.registers)
            shown, real = self._all.rows.debug, _debug(record.state)
            if shown is not None and None not in real and shown != real:
                self.remarks.append(f"The debug registers were followed to {_hex(shown)}, and are {_hex(real)}.")
        return pieces

    def reader(self, taker: Taker[PluginRun], full: Callable[[], None]) -> PluginReader:
        ring = self._all.ring
        if taker.left is not None:
            ring.limit = ring.made + taker.left - LAST
        return PluginReader(self._all, taker.take, full, lambda: (taker.left or 0) - LAST)

    async def while_stopping(self) -> None:
        """The vCPU waits; it does not hear of 0x03 while it does, so it goes on step by step until it has."""
        ring = self._all.ring
        for _ in range(LAST - 8):
            await trio.sleep(CREEP_SECONDS)
            ring.limit += 1
        while True:
            await trio.sleep(PATIENCE)
            ring.limit += 1

    def free(self) -> None:
        self._all.ring.limit = NO_LIMIT

    def ran(self, left: int | None, last: StopRecord) -> Sequence[PluginPiece]:
        return self._all.take()

    def columns(self, piece: PluginRun, first: int) -> Columns:
        values: dict[str, Column] = {
            "pc": piece.pc,
            "insn": self._definer.numbers(piece),
            "mode": piece.mode,
            **piece.registers,
        }
        if self._knows_debug and "dr6" not in values:
            self._knows_debug = False
            self.remarks.append(REAL_MODE)
        return Columns(
            cpu=self._cpu,
            first=first,
            count=piece.count,
            values=values,
            dr_source="plugin" if "dr6" in values else "unknown",
            accesses=_accesses(piece),
        )

    def sum_up(self) -> None:
        if self._records is None:
            return
        if unplaced := self._records.rows.deliveries.unplaced:
            why = "exceptions of QEMU's log fit to no row of the plugin; they stand where they were read."
            self.remarks.append(f"{unplaced} {why}")
        if self._records.ring.failed:
            self.remarks.append("The plugin could not read all registers of every row.")

    @property
    def _all(self) -> PluginRecords:
        assert self._records is not None, "the log comes first"
        return self._records


def _accesses(piece: PluginRun) -> Accesses | None:
    found = piece.accesses
    if not len(piece.row):
        return None
    return Accesses(
        row=piece.row,
        address=found["address"].copy(),
        size=found["size"].copy(),
        write=found["write"].copy(),
        value=found["value"].copy() if piece.has_values else None,
    )


def _debug(state: CpuState) -> list[int | None]:
    return [getattr(state.debug, name) for name in DEBUG]


def _hex(values: Sequence[int | None]) -> str:
    return ", ".join("unknown" if value is None else f"{value:#x}" for value in values)
