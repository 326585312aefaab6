"""The guest's code around the last steps, so that a slow stub need not be asked for it at every one.

While one vCPU is stepped the others are held, so what was read stays as it is until the stepped instruction itself
writes there, or something else than that instruction ran.
"""

from __future__ import annotations

from gdbstub.x86.cpu_state import CpuState
from gdbstub.x86.debug_registers import Range
from gdbstub.x86.decode import shape, successors
from gdbstub.x86.operands import touches

BLOCK = 64
"""Bytes read at once; a packet of so many takes gdbsx no longer than one of fifteen."""
MOST = 64
"""Blocks that are kept; then all are forgotten."""


class CodeWindow:
    """Blocks that stand in memory, as far as that is known."""

    def __init__(self) -> None:
        self._blocks: dict[int, bytes] = {}

    def missing(self, address: int, length: int) -> list[int]:
        """The blocks of these bytes that are not known."""
        first, last = address & -BLOCK, (address + length - 1) & -BLOCK
        return [block for block in range(first, last + BLOCK, BLOCK) if block not in self._blocks]

    def keep(self, block: int, data: bytes) -> None:
        """A block was read just now."""
        if len(self._blocks) >= MOST:
            self._blocks.clear()
        self._blocks[block] = data

    def forget(self) -> None:
        """Memory may be other than it was."""
        self._blocks.clear()

    def stepped(self, state: CpuState, code: bytes, rip: int) -> None:
        """A step from ``state``, where ``code`` stands, came to ``rip``."""
        what = shape(code, state.mode)
        if what is None or "gate" in what.traits:
            self._blocks.clear()
            return
        leads = successors(what, state.rip, state.mode)
        expected = rip in leads or "indirect" in what.traits or ("rep" in what.traits and rip == state.rip)
        if not expected:
            self._blocks.clear()
        elif any(operand.writes for operand in what.memory):
            for block in tuple(self._blocks):
                place = Range(block, block + BLOCK)
                if touches(what, state.rip, place, True, state.registers, state.mode, executed=False) is not False:
                    del self._blocks[block]

    def at(self, address: int, length: int) -> bytes | None:
        """``length`` bytes at ``address``; None where they are not known."""
        if self.missing(address, length):
            return None
        first = address & -BLOCK
        data = b"".join(self._blocks[block] for block in range(first, address + length, BLOCK))
        return data[address - first : address - first + length]
