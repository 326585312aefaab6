"""Does QEMU's log say what its stub says? The first rows are made in lock-step with both, and compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gdbstub.backends.qemu.cpu_log.log_rows import LoggedRows
from gdbstub.debugger.record import StopRecord

DEBUG = ("dr0", "dr1", "dr2", "dr3", "dr6", "dr7")


class Difference(NamedTuple):
    """``row`` is its index; ``name`` the register."""

    row: int
    name: str
    logged: int
    stub: int

    def __str__(self) -> str:
        return (
            f"QEMU's log and its stub differ in row {self.row}: {self.name} is {self.logged:#x} in the log, and "
            f"{self.stub:#x} at the stub."
        )


def compare(rows: Sequence[LoggedRows], records: Sequence[StopRecord]) -> Difference | None:
    """The first difference between the rows of a log and the same steps as the stub told of them; the shorter of the
    two ends the comparison."""
    number = 0
    for piece in rows:
        for at in range(piece.count):
            if number == len(records):
                return None
            if (found := _differs(piece, at, records[number], number)) is not None:
                return found
            number += 1
    return None


def _differs(piece: LoggedRows, at: int, record: StopRecord, number: int) -> Difference | None:
    state = record.state
    known = {**state.registers, "pc": state.pc}
    shown = state.debug
    debug = dict(zip(DEBUG, (shown.dr0, shown.dr1, shown.dr2, shown.dr3, shown.dr6, shown.dr7), strict=True))
    logged = {**piece.registers, "pc": piece.pc}
    for name, stub in (*known.items(), *debug.items()):
        if stub is not None and name in logged and int(logged[name][at]) != stub:
            return Difference(number, name, int(logged[name][at]), stub)
    return None
