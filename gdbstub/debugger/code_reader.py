"""Reading the bytes at RIP, without dr6's own int3s in them."""

from __future__ import annotations

from contextlib import suppress

from gdbstub.backends.interface import StopHooks
from gdbstub.debugger.code_window import BLOCK, CodeWindow
from gdbstub.debugger.physical_points import PhysicalPoints
from gdbstub.debugger.snapshot import Snapshot
from gdbstub.errors import Refused
from gdbstub.remote.link_stream import Token
from gdbstub.remote.target import RemoteTarget
from gdbstub.x86.cpu_state import CpuState

CODE_BYTES = 15
"""The longest x86 instruction: SDM vol. 2A 2.3.11."""
PAGE = 0x1000


class CodeReader:
    """Of a stub that is slow to read memory, what was read is kept from step to step."""

    def __init__(self, remote: RemoteTarget, points: PhysicalPoints, hooks: StopHooks) -> None:
        self._remote = remote
        self._points = points
        self._hooks = hooks
        self._window = CodeWindow()

    async def at(self, pc: int) -> bytes:
        """The bytes at ``pc``, fewer before a page that can't be read."""
        for length in (CODE_BYTES, PAGE - pc % PAGE):
            if length <= CODE_BYTES:
                try:
                    read = self._points.read_kept if self._remote.reads_again else self._points.read_memory
                    return await read(pc, length)
                except Refused:
                    continue
        return b""

    async def behind(self, state: CpuState, before: Snapshot | None, *, stale: bool) -> bytes:
        """The bytes at RIP, without asking where a step from ``before`` can't have changed them; ``stale``: the user
        changed something since."""
        window = self._window
        if not self._hooks.keeps_code:
            return await self.at(state.pc)
        if before is None or not self._remote.stepped or before.state.cpu != state.cpu or stale:
            window.forget()
        else:
            window.stepped(before.state, before.code, state.rip)
        with suppress(Refused):
            for block in window.missing(state.pc, CODE_BYTES):
                window.keep(block, await self._points.read_memory(block, BLOCK))
        known = window.at(state.pc, CODE_BYTES)
        return await self.at(state.pc) if known is None else known

    async def asked(self, token: Token, address: int) -> bytes:
        """The answer to a request for them, nothing where they can't be read."""
        try:
            return self._points.unpatched(address, await self._remote.memory(token))
        except Refused:
            return b""

    def forget(self) -> None:
        """Memory may have changed."""
        self._window.forget()
