"""Whose stop it is: the user's, or for dr6 alone."""

from __future__ import annotations

from gdbstub.debugger.breakpoints import BreakpointTable
from gdbstub.debugger.snapshot import Snapshot, hits
from gdbstub.debugger.vector_catch import VectorCatch
from gdbstub.protocol.stops import Stop, Stopped, Watch


class OwnStops:
    """Tells stops behind a continue that nobody but dr6 asked for."""

    def __init__(self, table: BreakpointTable, catch: VectorCatch) -> None:
        self._table = table
        self._points = table.points
        self._catch = catch
        self.echo: dict[str, int] | None = None
        """The registers in front of a continue, behind a step that may have hit a watchpoint, ours or the guest's."""

    def is_gate_watch(self, stop: Stop) -> bool:
        """Did the guest write a caught gate?"""
        return (
            isinstance(stop, Stopped)
            and isinstance(stop.reason, Watch)
            and self._catch.is_gate_watch(stop.reason.address)
        )

    def is_stray(self, stop: Stop, snapshot: Snapshot) -> bool:
        """Was a watchpoint reported that is none, and nothing else?"""
        if not isinstance(stop, Stopped) or not isinstance(snapshot.stop, Stopped) or snapshot.stop.reasons:
            return False
        return bool(stop.reasons) and snapshot.state.pc not in self._points.marks

    def is_echo(self, snapshot: Snapshot) -> bool:
        """Is this TCG's second report, without progress, of a watchpoint that a step hit?"""
        echo, self.echo = self.echo, None
        plain = isinstance(snapshot.stop, Stopped) and not snapshot.stop.reasons
        return plain and echo is not None and echo == snapshot.state.registers

    def is_lidt(self, snapshot: Snapshot) -> bool:
        """Did the guest stop at a LIDT that it must not run unseen, and at nothing else?"""
        plain = isinstance(snapshot.stop, Stopped) and not snapshot.stop.reasons
        return plain and self._catch.is_passed_by(snapshot.state.pc) and not hits(self._table, snapshot)
