"""Any other stub: the packets of the gdb manual, and nothing that is known beside them."""

from __future__ import annotations

from gdbstub.backends.interface import Backend, Stub
from gdbstub.explain.evidence import Known, Platform
from gdbstub.remote.capabilities import BackendInfo


class GenericBackend(Backend):
    """It takes any stub."""

    @property
    def unknown(self) -> BackendInfo:
        """A stub that was not asked yet, or told nothing."""
        return BackendInfo(self.name, None, None, self.name)

    async def recognise(self, stub: Stub) -> BackendInfo:
        return self.unknown

    def platform(self, found: BackendInfo) -> Platform:
        return Platform(backend=Known(self.name, "its monitor is none that we know"))


GENERIC = GenericBackend(name="generic", title="unknown stub")
