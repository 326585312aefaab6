"""The state of a vCPU under KVM: the monitor's, and what ``struct kvm_run`` keeps of the exit that stopped it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from gdbstub.backends.interface import Stepped
from gdbstub.backends.qemu.kvm_run import DebugExit, ExitReader, parse_debug_exit
from gdbstub.backends.qemu.monitor_state import MonitorState
from gdbstub.errors import GdbError
from gdbstub.x86.cpu_state import CpuState, LastExit

if TYPE_CHECKING:
    from gdbstub.remote.link_stream import Token
    from gdbstub.remote.target import RemoteTarget

SOURCE = "kvm_run"
MOST_PENDING = 16
"""Stops that are read while the next one is here already: two at most, and those that nobody reads on."""


class KvmState(MonitorState):
    """The monitor's registers, and the exit that each stop is for. What can't be read is said once by ``say``."""

    def __init__(self, remote: RemoteTarget, exits: ExitReader, say: Callable[[str], None]) -> None:
        super().__init__(remote)
        self._exits: ExitReader | None = exits
        self._say = say
        self._found: dict[Token, DebugExit] = {}

    async def ask(self, cpu: int) -> Token:
        exit_of_cpu = await self._read(cpu)
        asked = await super().ask(cpu)
        if exit_of_cpu is not None:
            if len(self._found) >= MOST_PENDING:
                del self._found[next(iter(self._found))]
            self._found[asked] = exit_of_cpu
        return asked

    async def _read(self, cpu: int) -> DebugExit | None:
        if self._exits is None:
            return None
        try:
            return parse_debug_exit(await self._exits.read(cpu))
        except GdbError as error:
            self._exits = None
            self._say(str(error))
            return None

    async def state(self, cpu: int, asked: Token | None, registers: dict[str, int], step: Stepped | None) -> CpuState:
        state = await super().state(cpu, asked, registers, step)
        found = None if asked is None else self._found.pop(asked, None)
        if found is None or found.pc != state.pc:
            return state  # RIP was written, or the exit is an old one
        debug = state.debug._replace(exit=LastExit(found.dr6, found.dr7 or None, source=SOURCE))
        return replace(state, debug=debug)
