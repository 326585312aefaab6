"""The state of a vCPU that QEMU's human monitor shows beside ``g``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gdbstub.backends.interface import StateSource, Stepped, state_of_g
from gdbstub.backends.qemu.monitor import MonitorRegisters, parse_info_registers
from gdbstub.errors import Refused, RemoteProtocolError
from gdbstub.x86.cpu_state import CpuState

if TYPE_CHECKING:
    from gdbstub.remote.link_stream import Token
    from gdbstub.remote.target import RemoteTarget


class MonitorState(StateSource):
    """``info registers`` of the vCPU, asked for in one write with ``g``. Where its text is not understood the debug
    registers are unknown."""

    shows_tables = True

    def __init__(self, remote: RemoteTarget) -> None:
        self._remote = remote

    async def ask(self, cpu: int) -> Token:
        return self._remote.ask_monitor("info registers" + (f" {cpu}" if cpu else ""))

    async def state(self, cpu: int, asked: Token | None, registers: dict[str, int], step: Stepped | None) -> CpuState:
        shown = None if asked is None else await self._shown(cpu, asked)
        if shown is None:
            return state_of_g(cpu, registers)
        return CpuState(
            cpu,
            registers,
            shown.debug,
            shown.mode,
            shown.cpl,
            shown.segments,
            shown.tables,
            shown.halted,
        )

    async def _shown(self, cpu: int, asked: Token) -> MonitorRegisters | None:
        try:
            shown = parse_info_registers(await self._remote.text(asked, "info registers"))
        except (RemoteProtocolError, Refused):
            return None
        return shown if shown.cpu in (None, cpu) else None
