"""What has to be done around the stops of one kind of stub, beside asking and resuming; most want nothing.

`StopHooks` is for those. gdbsx's are in `gdbstub.backends.xen.gdbsx`; a profile names which (`Profile.habits`).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from gdbstub.protocol.messages import BreakpointType
from gdbstub.protocol.stops import Stop, Stopped, Watch
from gdbstub.remote.target import RemoteTarget
from gdbstub.x86.cpu_state import CpuState


class BreakpointTarget(Protocol):
    """Who puts breakpoints into the guest: the stub (`RemoteTarget`), or a `Planter` for one that can't."""

    async def insert(self, kind: BreakpointType, address: int, length: int) -> None: ...

    async def remove(self, kind: BreakpointType, address: int, length: int) -> None: ...

    async def read_memory(self, address: int, length: int) -> bytes: ...

    def kept_memory(self, address: int, length: int) -> bytes | None: ...

    async def write_memory(self, address: int, data: bytes) -> None: ...


class LastStop(NamedTuple):
    """What hooks may know of the stop that the guest goes on from. ``code`` are the bytes at its linear RIP, ``before``
    is RIP where the guest was resumed to it (None: not known)."""

    stop: Stop
    state: CpuState
    code: bytes
    before: int | None


class StopHooks:
    """Nothing needs to be done."""

    keeps_code = False
    """Is it worth while to keep code that was read over a step (`CodeWindow`)?"""

    def __init__(self, remote: RemoteTarget) -> None:
        self._remote = remote

    async def whose(self, stop: Stopped) -> int | None:
        """The vCPU that stopped; None where the stub does not tell."""
        return self._remote.cpu_of(stop.thread)

    async def arrived(self, stop: Stopped, cpu: int, registers: dict[str, int]) -> tuple[Stopped, dict[str, int]]:
        """The stop and the registers of vCPU ``cpu`` as they count, once what the stub left undone is done."""
        return stop, registers

    async def before_resume(self, seen: LastStop | None) -> dict[str, int]:
        """Make the guest able to go on from ``seen``; the registers, by our names, that were changed for that."""
        return {}

    async def made_no_progress(self, stop: Stop) -> bool:
        """Did the resume run nothing, for reasons of the stub's own? Then it has to be done again."""
        return False

    def wants_code_before(self, stop: Stopped) -> bool:
        """Does what lies in front of RIP tell why the guest stopped?"""
        return any(isinstance(why, Watch) for why in stop.reasons)

    def on_interrupt(self) -> None:
        """The guest was asked to stop while it ran."""

    async def leave(self, *, resume: bool) -> None:
        """The last word to a stub whose breakpoints are out: the guest runs on, or stays stopped (QEMU leaves it so
        when the connection closes without one)."""
        if resume:
            await self._remote.detach()

    async def kill(self) -> None:
        """End the guest."""
        await self._remote.kill()
