"""Breakpoints as the user numbers them, with conditions, counts and owners; what stands for them in the target is in
`physical_points`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from gdbstub.debugger.physical_points import PhysicalBreakpoint, PhysicalPoints
from gdbstub.errors import GdbError, Refused, Unsupported
from gdbstub.remote.capabilities import Capabilities
from gdbstub.x86.breakpoints import BreakpointKind

Means = Literal["hw", "sw", "auto"]
"""A debug register, an int3, or what is best there."""


@dataclass(frozen=True, slots=True)
class HitContext:
    """What is known of a hit before the stop is read: the answer to ``g``, and memory on demand."""

    registers: bytes
    read_memory: Callable[[int, int], Awaitable[bytes]]


Condition = Callable[[HitContext], Awaitable[bool]]
"""Asked at a hit before the stop is read; False lets the guest go on."""


@dataclass(slots=True)
class Breakpoint:
    """One row of ``info breakpoints``. ``address`` is linear; for ``catch`` it is the handler that the guest's IDT
    names now, None while the IDT has no such gate. ``means`` is what was asked, ``placed`` what it became (None while
    it is not in the target)."""

    number: int
    """From 1; hidden ones are below 0."""
    kind: BreakpointKind
    address: int | None
    length: int = 1
    """Bytes that are watched."""
    means: Means = "auto"
    temporary: bool = False
    """It goes with its first hit."""
    enabled: bool = True
    hits: int = 0
    """How often it was hit, those that were ignored too."""
    ignore: int = 0
    """How many of the next hits go on silently."""
    vector: int | None = None
    """What is caught, from 0 to 255."""
    text: str = ""
    """The location as the user typed it."""
    condition: str | None = None
    """What stands in the list for ``predicate``."""
    predicate: Callable[[], Awaitable[bool]] | None = None
    """Asked at each hit while the guest is stopped; False resumes silently, and counts no hit."""
    commands: tuple[str, ...] = ()
    """Kept for who shows stops; the debugger does not run them."""
    hidden: bool = False
    """Ours, never listed: a step-over's or an IDT watch's."""
    silent: bool = False
    """Kept for who shows stops."""
    placed: PhysicalBreakpoint | None = None
    owner: int | None = None
    """The participant that it belongs to, where the guest is shared (`gdbstub.sessions`); None for dr6's own user."""
    test: Condition | None = None
    """Asked at each hit before anything but the registers is read; False passes on at once."""
    test_reads: set[int] = field(default_factory=set)
    """Addresses that ``test`` read, to be asked for together with the registers."""
    hit_at: int | None = None
    """The number of the last stop that it caused."""
    removal_pending: bool = False
    """Its owner took it out; it is still in the target, in case that it is put back before the guest runs."""
    stays_for_step: bool = False
    """Where its removal is pending: may the guest be stepped once with it?"""

    @property
    def armed_as(self) -> str | None:
        """``Z0`` to ``Z4``; None while it is not in the target."""
        return None if self.placed is None else self.placed.packet


class BreakpointTable:
    """Which breakpoints there are. ``points`` is what stands for them in the target."""

    def __init__(self, points: PhysicalPoints) -> None:
        self.points = points
        self._rows: dict[int, Breakpoint] = {}
        self._next = 1
        self._next_hidden = -1

    def __iter__(self) -> Iterator[Breakpoint]:
        return iter(tuple(self._rows.values()))

    def get(self, number: int) -> Breakpoint | None:
        return self._rows.get(number)

    @property
    def listed(self) -> dict[int, Breakpoint]:
        """Those of the user, by number."""
        return {number: row for number, row in self._rows.items() if not row.hidden and row.owner is None}

    def owned_by(self, participant: int) -> tuple[Breakpoint, ...]:
        """Those of one participant that shares the guest."""
        return tuple(row for row in self._rows.values() if row.owner == participant)

    def hit_at(self, stop: int) -> tuple[Breakpoint, ...]:
        """Those that caused the stop of this number."""
        if not self._rows:
            return ()
        return tuple(row for row in self._rows.values() if row.hit_at == stop and not row.removal_pending)

    @property
    def test_reads(self) -> tuple[int, ...]:
        """Where tests have read memory, and will again."""
        return tuple(address for row in self._rows.values() if row.test is not None for address in row.test_reads)

    @property
    def has_tests(self) -> bool:
        return any(row.test is not None for row in self._rows.values())

    def execution_at(self, address: int) -> tuple[Breakpoint, ...]:
        """The rows whose breakpoint stands at ``address``, hidden ones too."""
        return tuple(
            row
            for row in self._rows.values()
            if row.placed is not None and row.placed.kind.is_execution and row.placed.address == address
        )

    @property
    def removals_due(self) -> bool:
        """Is any to be taken out before the guest is stepped?"""
        return bool(self._rows) and any(row.removal_pending and not row.stays_for_step for row in self._rows.values())

    async def add(self, kind: BreakpointKind, address: int | None, length: int = 1, **more: object) -> Breakpoint:
        """A new row, armed at once when it has an address. Raises `Refused` and leaves nothing behind."""
        hidden = bool(more.get("hidden")) or more.get("owner") is not None
        number = self._next_hidden if hidden else self._next
        row = replace(Breakpoint(number, kind, address, length), **more)  # type: ignore[arg-type]  # names are the fields'
        self._rows[number] = row  # before it is armed: what is cancelled or not answered meanwhile is left to `clear`
        self._count(hidden, 1)
        try:
            await self._arm_somehow(row)
        except Refused:
            del self._rows[number]
            self._count(hidden, -1)
            raise
        return row

    def _count(self, hidden: bool, by: int) -> None:
        if hidden:
            self._next_hidden -= by
        else:
            self._next += by

    async def _arm_somehow(self, row: Breakpoint) -> None:
        try:
            await self._arm(row)
        except Refused:
            if row.means != "auto" or row.kind is not BreakpointKind.EXECUTE or self.points.can.no_hardware:
                raise
            row.means = "hw"  # an int3 can't be written where no memory is (yet); a debug register doesn't mind
            await self._arm(row)

    async def remove(self, number: int) -> None:
        row = self._rows.pop(number, None)
        if row is None:
            raise GdbError(f"There is no breakpoint number {number}.")
        await self._disarm(row)

    async def enable(self, number: int, enabled: bool) -> None:
        row = self._rows.get(number)
        if row is None:
            raise GdbError(f"There is no breakpoint number {number}.")
        row.enabled = enabled
        await (self._arm(row) if enabled else self._disarm(row))

    async def move(self, row: Breakpoint, address: int | None) -> None:
        """Give a ``catch`` (or an IDT watch) the address that the guest's tables name now."""
        if row.address == address and (row.placed is not None) == (address is not None):
            return
        await self._disarm(row)
        row.address = address
        await self._arm(row)

    def target_gone(self) -> None:
        """Nothing is in the target any more, and nothing is to be taken out: gdbserver 13 crashes at a ``z`` behind the
        end of its process."""
        self.points.forget_all()
        for row in self._rows.values():
            row.placed = None

    def program_replaced(self) -> tuple[Breakpoint, ...]:
        """Nothing is in the target any more, and what an address names is another program's: rows of participants go
        as if they had been taken out, and the user's are disabled; those."""
        self.target_gone()
        disabled = []
        for row in self._rows.values():
            if row.owner is not None:
                row.removal_pending = True
            elif row.enabled and not row.hidden:
                row.enabled = False
                disabled.append(row)
        return tuple(disabled)

    async def clear(self) -> tuple[str, ...]:
        """Take every packet out of the target; the rows stay, unarmed. The answer has a sentence for each that the
        target had taken and does not give back; one whose arming was given up half-way may not be there at all."""
        refusals = []
        for row in self._rows.values():
            sure = row.placed is not None and self.points.is_sure(row.placed)
            try:
                await self._disarm(row)
            except Refused as refusal:
                refusals += [str(refusal)] if sure else []
        return tuple(refusals)

    async def _arm(self, row: Breakpoint) -> None:
        point = planned(row, self.points.can)
        if point is None or row.placed is not None:
            return
        await self.points.prepare(point)
        row.placed = point  # from now on: an answer that does not come leaves it to `clear`
        try:
            await self.points.insert(point)
        except Refused:
            row.placed = None
            raise

    async def _disarm(self, row: Breakpoint) -> None:
        point, row.placed = row.placed, None
        if point is not None:
            await self.points.remove(point)


def planned(row: Breakpoint, can: Capabilities) -> PhysicalBreakpoint | None:
    """What stands for ``row`` in such a target; None where nothing does. Raises `Refused` for what no debug register
    there can hold."""
    if row.address is None or not row.enabled:
        return None
    if not row.kind.is_watch:
        kind = BreakpointKind.EXECUTE if row.means == "hw" else BreakpointKind.SOFTWARE
        return PhysicalBreakpoint(kind, row.address, 1)
    if row.kind is BreakpointKind.READ and not can.read_watchpoints and not can.no_hardware:
        raise Unsupported(
            "rwatch",
            "The hypervisor has no read-only watchpoints (x86 debug registers have none); "
            "use awatch, which stops at reads and writes.",
        )
    lengths = can.watch_lengths
    if lengths and (row.length not in lengths or row.address % row.length):
        raise Refused(
            "watch",
            "",
            f"A debug register watches {', '.join(map(str, lengths))} bytes at an address aligned to that "
            f"length; {row.length} at {row.address:#x} is neither.",
        )
    return PhysicalBreakpoint(row.kind, row.address, row.length)
