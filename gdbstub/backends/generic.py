"""Any other stub: the packets of the gdb manual, and what is found out of it as it goes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gdbstub.backends.interface import Backend, LastStop, Parts, StopHooks, Stub
from gdbstub.explain.evidence import Known, Platform
from gdbstub.protocol.stops import BreakReason, Stopped
from gdbstub.remote.capabilities import BackendInfo, Dialect
from gdbstub.x86.breakpoints import BreakpointKind

if TYPE_CHECKING:
    from gdbstub.remote.target import RemoteTarget

SIGTRAP = 5


class Int3Hooks(StopHooks):
    """A stub that puts int3s into memory may leave RIP behind one that was hit, and give no reason: Linux' kgdb, gdb's
    i386-stub.c, Bochs. gdb manual, "Stop Reply Packets", ``swbreak``: the client then puts RIP back."""

    def __init__(self, remote: RemoteTarget) -> None:
        super().__init__(remote)
        self._asked = False

    def on_interrupt(self) -> None:
        self._asked = True

    async def before_resume(self, seen: LastStop | None) -> dict[str, int]:
        self._asked = False
        return {}

    async def fix_up_stop(self, stop: Stopped, cpu: int, registers: dict[str, int]) -> tuple[Stopped, dict[str, int]]:
        """RIP at an int3 of ours, before anything else runs; the stop says so."""
        remote, rip = self._remote, registers["rip"]
        dialect = remote.dialect
        if self._asked or remote.stepped or stop.signal != SIGTRAP or stop.reasons or dialect.behind_int3 is False:
            return stop, registers
        here = any((kind, rip) in remote.inserted for kind in (BreakpointKind.SOFTWARE, BreakpointKind.EXECUTE))
        if (BreakpointKind.SOFTWARE, rip - 1) not in remote.inserted or (here and dialect.behind_int3 is None):
            if here:
                remote.dialect = replace(dialect, behind_int3=False)
            return stop, registers
        remote.dialect = replace(dialect, behind_int3=True)
        await remote.select(cpu)
        await remote.write_register("rip" if "rip" in remote.layout.by_name else "eip", rip - 1)
        return replace(stop, reasons=(BreakReason.SOFTWARE,)), registers | {"rip": rip - 1}


class GenericBackend(Backend):
    """It takes any stub."""

    @property
    def unknown(self) -> BackendInfo:
        """A stub that was not asked yet, or told nothing."""
        return BackendInfo(self.name, None, None, self.name)

    async def recognise(self, stub: Stub) -> BackendInfo:
        return self.unknown

    def facts(self, found: BackendInfo) -> Platform:
        return Platform(backend=Known(self.name, "its monitor is none that we know"))

    def plain_parts(self, stub: Stub, found: BackendInfo) -> Parts:
        parts = replace(super().plain_parts(stub, found), hooks=Int3Hooks(stub.remote))
        if not stub.remote.features.of_process:
            return parts
        # gdbserver watches what needs several registers, and keeps count of them
        return replace(parts, capabilities=replace(parts.capabilities, hardware_slots=None, watch_lengths=()))


GENERIC = GenericBackend(
    name="generic",
    title="unknown stub",
    dialect=Dialect(pause_signals=frozenset((0, 2, 5)), behind_int3=None),  # 0: Bochs; 5: in-kernel stubs
)
