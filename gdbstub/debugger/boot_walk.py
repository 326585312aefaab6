"""From code that was just loaded to its LIDT, one instruction at a time: a loader copies a kernel to where no image
says, and what comes through its IDT a moment later must not be missed.

The walk is bounded in steps, not in seconds, so that a recording of it replays. It steps over what takes long and loads
no IDT of the guest's: REP, a BIOS call of real mode, loops that go round again and again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Protocol

from gdbstub.debugger.breakpoints import BreakpointTable
from gdbstub.debugger.interrupt_table import CR0_PE
from gdbstub.debugger.snapshot import Snapshot, hits
from gdbstub.debugger.stop_reader import StopReader
from gdbstub.debugger.vector_catch import VectorCatch
from gdbstub.protocol.stops import Stop, Stopped
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.cpu_state import CpuState
from gdbstub.x86.decode import shape, successors

RESET_VECTOR = 0xFFFF_FFF0
"""The linear address of the first instruction: SDM vol. 3A 9.1.4."""
BOOT_SECTOR = 0x7C00
"""Where a BIOS puts the first sector of a disk, and goes to."""
FIRMWARE = 0xE0000
FIRMWARE_BYTES = 0x20000
KNOWN_FIRMWARE = (b"SeaBIOS", b"EFI")
"""Firmware that loads its own IDTs for thousands of instructions before anything of the user's runs."""
MOST_STEPS = 1500
SETTLED_STEPS = 32
"""A gate is written in pieces, and perhaps through an address at which no watchpoint lies."""
OFTEN = 4
"""How often a branch backwards is taken before the walk goes on behind its loop."""


class Resumes(Protocol):
    """What the walk needs of `RunControl`."""

    interrupted: bool

    async def step(self) -> Stop: ...

    async def run_to(self, address: int) -> Stop: ...


class BootWalk:
    """The places from which a walk is worth it, each once; and the walk."""

    def __init__(self, reader: StopReader, table: BreakpointTable, catch: VectorCatch) -> None:
        self._reader = reader
        self._table = table
        self._catch = catch
        self._places: dict[int, int] = {}
        """Linear address → the hidden breakpoint there."""

    async def begin_at(self, addresses: tuple[int, ...]) -> None:
        """Walk when the guest comes to one of these."""
        for address in addresses:
            if address not in self._places:
                row = await self._table.add(BreakpointKind.EXECUTE, address, means="hw", hidden=True)
                self._places[address] = row.number

    def is_due(self, seen: Snapshot | None) -> bool:
        """Does the guest stand where a walk begins?"""
        return seen is not None and isinstance(seen.stop, Stopped) and seen.state.pc in self._places

    async def walk(self, control: Resumes, seen: Snapshot) -> Snapshot | None:
        """Until each caught vector has had a handler for a while, or `MOST_STEPS` are over. A stop that is somebody's
        ends it early, and is returned."""
        await self._table.remove(self._places.pop(seen.state.pc))
        visits: Counter[int] = Counter()
        settled = 0
        for _ in range(MOST_STEPS):
            settled = settled + 1 if self._catch.settled else 0
            if settled > SETTLED_STEPS or control.interrupted:
                break
            visits[seen.state.pc] += 1
            behind = _behind_what_takes_long(seen, visits[seen.state.pc])
            stop = await (control.step() if behind is None else control.run_to(behind))
            seen = await self._reader.read(stop)
            if not isinstance(seen.stop, Stopped) or seen.event is not None or hits(self._table, seen):
                return seen
            if seen.state.halted:
                break
            await self._catch.refresh(seen.state)
        return None


def _behind_what_takes_long(seen: Snapshot, visits: int) -> int | None:
    """The linear address behind the instruction at RIP, where that takes long; else None."""
    state = seen.state
    what = shape(seen.code, state.mode)
    if what is None:
        return None
    behind = state.pc + len(what.bytes)
    if "rep" in what.traits or ("int-n" in what.traits and not state.registers.get("cr0", 0) & CR0_PE):
        return behind
    loops = "conditional" in what.traits and _goes_back(seen.code, state)
    return behind if loops and visits > OFTEN else None


def _goes_back(code: bytes, state: CpuState) -> bool:
    what = shape(code, state.mode)
    return what is not None and any(place < state.rip for place in successors(what, state.rip, state.mode))


async def first_places(
    state: CpuState, read_memory: Callable[[int, int], Awaitable[bytes]], entry: int | None
) -> tuple[int, ...]:
    """Where to begin a walk in a guest that stands at reset: ``entry`` of its kernel, or the boot sector; and the reset
    vector itself under firmware that is nobody's whom we know."""
    if state.pc != RESET_VECTOR:
        return ()
    firmware = await read_memory(FIRMWARE, FIRMWARE_BYTES)
    places = (BOOT_SECTOR if entry is None else entry,)
    return places if any(name in firmware for name in KNOWN_FIRMWARE) else (*places, RESET_VECTOR)
