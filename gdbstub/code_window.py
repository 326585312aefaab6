"""The guest's code around the last step, so that a slow stub need not be asked for it at every one.

While one vCPU is stepped the others are held, so what was read stays as it is until the stepped instruction itself
writes there, or something else than that instruction ran.
"""

from __future__ import annotations

from gdbstub.record import CpuState
from gdbstub.x86.debug_registers import Range
from gdbstub.x86.decode import shape, successors
from gdbstub.x86.operands import touches

BYTES = 64
"""Read at once; a packet of so many bytes takes gdbsx no longer than one of fifteen."""


class CodeWindow:
    """Bytes that stand in memory, as far as that is known."""

    def __init__(self) -> None:
        self._place = Range(0, 0)
        self._bytes = b""

    def keep(self, address: int, data: bytes) -> None:
        """``data`` was read at ``address`` just now."""
        self._place, self._bytes = Range(address, address + len(data)), data

    def forget(self) -> None:
        """Memory may be other than it was."""
        self._place, self._bytes = Range(0, 0), b""

    def stepped(self, state: CpuState, code: bytes, rip: int) -> None:
        """A step from ``state``, where ``code`` stands, came to ``rip``."""
        what = shape(code, state.mode)
        if what is None or "gate" in what.traits or not self._bytes:
            self.forget()
            return
        leads = successors(what, state.rip, state.mode)
        expected = rip in leads or "indirect" in what.traits or ("rep" in what.traits and rip == state.rip)
        written = touches(what, state.rip, self._place, True, state.registers, state.mode, executed=False)
        if not expected or written is not False:
            self.forget()

    def at(self, address: int, length: int) -> bytes | None:
        """``length`` bytes at ``address``; None where they are not known."""
        if not self._place.start <= address or address + length > self._place.end:
            return None
        first = address - self._place.start
        return self._bytes[first : first + length]
