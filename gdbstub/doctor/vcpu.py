"""One vCPU behind a stub, moved and looked at without any of the help that `gdbstub.debugger.run_control` gives.

The doctor tests what the stub does by itself, so nothing is lifted, repeated or filtered here. Every wait is bounded.
"""

from __future__ import annotations

from typing import NamedTuple

import trio

from gdbstub.backends import BACKENDS, Backend, Stub, backend_named, identify
from gdbstub.debugger.cpu_reader import CpuReader
from gdbstub.errors import GdbError, Refused
from gdbstub.protocol import messages
from gdbstub.protocol.link import Expect
from gdbstub.protocol.messages import Action
from gdbstub.protocol.stops import Stop, Stopped
from gdbstub.remote.capabilities import BackendInfo
from gdbstub.remote.handshake import greet
from gdbstub.remote.link_stream import Token
from gdbstub.remote.target import RemoteTarget
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.cpu_state import CpuState

HANG_SECONDS = 3.0
"""How long a 0x03 may take before the guest counts as one that can't be stopped any more."""


class Hung(GdbError):
    """The guest was resumed and can't be stopped any more."""


class Moved(NamedTuple):
    """How a move ended. ``seconds`` is what a 0x03 took; None where the guest stopped by itself."""

    stop: Stop
    seconds: float | None


class Vcpu:
    """One vCPU of a stub that was greeted. Raises `GdbError` branches only."""

    def __init__(self, remote: RemoteTarget, backend: BackendInfo, cpu: int = 0) -> None:
        self.remote = remote
        self.backend = backend
        self.kind: Backend = BACKENDS[backend.profile]
        self.cpu = cpu
        self._moving = Token(0)
        self._reader = CpuReader(remote, self.kind.state_source(remote))
        self._names = {_wide(register.name): register.name for register in remote.layout.registers}

    async def look(self) -> CpuState:
        """The registers, and what the monitor shows."""
        asked = await self._reader.ask(self.cpu)
        return await self._reader.state(asked, await self._reader.registers(asked))

    async def all_registers(self) -> bytes:
        """The answer to ``g`` as it is: every register that the stub shows."""
        await self.remote.select(self.cpu)
        return await self.remote.request(messages.READ_REGISTERS, "g")

    async def shown(self) -> str:
        """What the monitor shows of this vCPU; empty where there is no monitor, or one that is not QEMU's."""
        if not self.kind.capabilities.debug_registers:
            return ""
        return await self.remote.monitor("info registers" + (f" {self.cpu}" if self.cpu else ""))

    def has(self, name: str) -> bool:
        return name in self._names

    async def write(self, name: str, value: int) -> None:
        """One register, by our name (``rflags``, ``rax`` also where the stub calls it ``eax``)."""
        if name not in self._names:
            raise GdbError(f"This stub has no register {name}.")
        await self.remote.select(self.cpu)
        await self.remote.write_register(self._names[name], value)

    async def arm(self, kind: BreakpointKind, address: int, length: int) -> str | None:
        """None where the stub took it; else its error, empty where it does not know the packet."""
        try:
            await self.remote.insert(kind, address, length)
        except Refused as refusal:
            return refusal.code
        return None

    async def disarm(self, kind: BreakpointKind, address: int, length: int) -> None:
        await self.remote.remove(kind, address, length)

    async def move(
        self, action: Action, patience: float, *, everybody: bool = False, hang: float | None = None
    ) -> Moved:
        """Step or continue this vCPU alone, as far as the stub can hold the others, or ``everybody``; 0x03 after
        ``patience`` seconds, which is given ``hang`` seconds.

        Raises `Hung` where that does not stop it either. A move that is cancelled leaves the guest running: see `halt`.
        """
        remote = self.remote
        thread = None if everybody else remote.thread(self.cpu)
        known = action in remote.actions
        payload = messages.resume_threads([(action, thread)]) if known else messages.resume(action)
        self._moving = remote.ask(payload, Expect.STOP)
        with trio.move_on_after(patience):
            return Moved(await remote.stop(self._moving), None)
        began = trio.current_time()
        hang = HANG_SECONDS if hang is None else hang
        stop = await self._break_in(hang)
        if stop is None:
            raise Hung(f"The guest does not stop any more: no answer to 0x03 within {hang:g} seconds.")
        return Moved(stop, trio.current_time() - began)

    async def halt(self) -> bool:
        """After a move that was given up: stop the guest if it runs; whether the stub still answers."""
        if not self.remote.running:
            return True
        return await self._break_in(HANG_SECONDS) is not None or await self.remote.resynchronise()

    async def _break_in(self, seconds: float) -> Stop | None:
        """0x03, and the stop that it brings; None where none comes."""
        await self.remote.interrupt()
        with trio.move_on_after(seconds):
            return await self.remote.stop(self._moving)
        return None


def _wide(name: str) -> str:
    aliases = {"eflags": "rflags", "eip": "rip"}
    if name in aliases:
        return aliases[name]
    return f"r{name[1:]}" if name in ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp") else name


async def greeted(remote: RemoteTarget, name: str, forced: str | None = None) -> tuple[Vcpu, Stop]:
    """Shake hands and ask who the stub is; ``forced`` names the backend instead. The stop is the answer to ``?``."""
    kind = None if forced is None else backend_named(forced)
    stop = await greet(remote, name)
    backend, found = await identify(Stub(remote, name), kind)
    vcpu = Vcpu(remote, found)
    remote.pipelined = backend.pipelined
    remote.learn(backend.dialect)
    cpu = remote.cpu_of(stop.thread) if isinstance(stop, Stopped) else None
    vcpu.cpu = cpu or 0
    return vcpu, stop
