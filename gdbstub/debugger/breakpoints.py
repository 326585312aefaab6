"""Logical breakpoints, as the user numbers them, and the ``Z`` packets that stand for them in the target.

Two breakpoints at one place share one packet. What each stub accepts is in its `Capabilities`; what it refuses is
an error at once, never a breakpoint that silently does nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from gdbstub.backends.interface import BreakpointTarget
from gdbstub.errors import GdbError, Refused
from gdbstub.protocol.messages import BreakpointType
from gdbstub.remote.capabilities import Capabilities
from gdbstub.x86.breakpoints import ArmedBreakpoint, BreakpointKind

LogicalKind = Literal["execute", "write", "read", "access", "catch"]
Means = Literal["hw", "sw", "auto"]


@dataclass(frozen=True, slots=True)
class HitContext:
    """What is known of a hit before the stop is read: the answer to ``g``, and memory on demand."""

    registers: bytes
    read_memory: Callable[[int, int], Awaitable[bytes]]


Condition = Callable[[HitContext], Awaitable[bool]]


class PhysicalBreakpoint(NamedTuple):
    """A ``Z`` packet's triple: gdb manual, "Packets", ``Z0`` to ``Z4``."""

    type: BreakpointType
    address: int
    length: int


@dataclass(slots=True)
class Breakpoint:
    """One row of ``info breakpoints``. ``address`` is linear; for ``catch`` it is the handler that the guest's IDT
    names now, None while the IDT has no such gate. ``means`` is what was asked, ``armed_as`` what it became
    ("Z0", "Z1", …; None while it is not in the target)."""

    number: int
    kind: LogicalKind
    address: int | None
    length: int = 1
    means: Means = "auto"
    temporary: bool = False
    enabled: bool = True
    hits: int = 0
    ignore: int = 0
    vector: int | None = None
    text: str = ""
    """The location as the user typed it."""
    condition: str | None = None
    predicate: Callable[[], Awaitable[bool]] | None = None
    """Asked at each hit while the guest is stopped; False resumes silently."""
    commands: tuple[str, ...] = ()
    armed_as: str | None = None
    hidden: bool = False
    """Ours, never listed: a step-over's or an IDT watch's."""
    silent: bool = False
    placed: PhysicalBreakpoint | None = None
    owner: int | None = None
    """The party that it belongs to, where the guest is shared (`gdbstub.sessions`); None for dr6's own user."""
    test: Condition | None = None
    """Asked at each hit before anything but the registers is read; False passes on at once."""
    test_reads: set[int] = field(default_factory=set)
    """Addresses that ``test`` read, to be asked for together with the registers."""
    hit_at: int | None = None
    """The number of the last stop that it caused."""
    removal_pending: bool = False
    """Its owner took it out; it is still in the target, in case that it is put back before the guest runs."""


_TYPES: dict[LogicalKind, BreakpointType] = {"write": 2, "read": 3, "access": 4}
_ARMED_KINDS: dict[int, BreakpointKind] = {0: "software", 1: "execute", 2: "write", 3: "access", 4: "access"}


class BreakpointTable:
    """Which breakpoints there are, and which packets stand for them in the target."""

    def __init__(
        self,
        target: BreakpointTarget,
        capabilities: Capabilities,
        slot_of: Callable[[BreakpointType, int, int], int | None] | None = None,
    ) -> None:
        """``slot_of`` knows the debug register of each, where dr6 sets them itself."""
        self._target = target
        self._slot_of = slot_of
        self._can = capabilities
        self._rows: dict[int, Breakpoint] = {}
        self._placed: Counter[PhysicalBreakpoint] = Counter()
        self._originals: dict[int, int] = {}
        self._slots: list[PhysicalBreakpoint] = []
        self._out: tuple[PhysicalBreakpoint, ...] = ()
        self._sure: set[PhysicalBreakpoint] = set()
        self._next = 1
        self._next_hidden = -1
        self._armed: tuple[ArmedBreakpoint, ...] | None = ()
        self._marks: frozenset[int] | None = frozenset()

    def __iter__(self) -> Iterator[Breakpoint]:
        return iter(tuple(self._rows.values()))

    def get(self, number: int) -> Breakpoint | None:
        return self._rows.get(number)

    @property
    def listed(self) -> dict[int, Breakpoint]:
        """Those of the user, by number."""
        return {number: row for number, row in self._rows.items() if not row.hidden and row.owner is None}

    def owned_by(self, party: int) -> tuple[Breakpoint, ...]:
        """Those of one party that shares the guest."""
        return tuple(row for row in self._rows.values() if row.owner == party)

    def hit_at(self, stop: int) -> tuple[Breakpoint, ...]:
        """Those that caused the stop of this number."""
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
        return tuple(row for row in self._rows.values() if row.placed in ((0, address, 1), (1, address, 1)))

    @property
    def armed(self) -> tuple[ArmedBreakpoint, ...]:
        """What was in the target when the guest went last, as evidence: without what was lifted for a step."""
        if self._armed is None or self._slot_of is not None:
            self._armed = tuple(
                ArmedBreakpoint("debugger", _ARMED_KINDS[p.type], p.address, p.length, self._slot(p))
                for p in self._placed
                if p not in self._out
            )
        return self._armed

    @property
    def marks(self) -> frozenset[int]:
        """Linear addresses at which an execution breakpoint of ours stands."""
        if self._marks is None:
            self._marks = frozenset(p.address for p in self._placed if p.type < 2)
        return self._marks

    def watches(self, address: int) -> bool:
        """Does any watchpoint in the target, hidden ones too, cover ``address``?"""
        return any(p.type > 1 and p.address <= address < p.address + p.length for p in self._placed)

    def _slot(self, placed: PhysicalBreakpoint) -> int | None:
        if self._slot_of is not None:
            return self._slot_of(*placed)
        known = self._can.slots_in_order and placed in self._slots
        return self._slots.index(placed) if known else None

    def _take_slot(self, placed: PhysicalBreakpoint) -> None:
        if placed.type:
            self._slots.append(placed)
            self._armed = None

    def _free_slot(self, placed: PhysicalBreakpoint) -> None:
        """The last one moves into the place that becomes free."""
        if placed in self._slots:
            self._slots[self._slots.index(placed)] = self._slots[-1]
            self._slots.pop()
            self._armed = None

    async def add(self, kind: LogicalKind, address: int | None, length: int = 1, **more: object) -> Breakpoint:
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
            if row.means != "auto" or row.kind != "execute" or self._can.no_hardware:
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

    async def clear(self) -> tuple[str, ...]:
        """Take every packet out of the target; the rows stay, unarmed. The answer has a sentence for each that the
        target had taken and does not give back; one whose arming was given up half-way may not be there at all."""
        refusals = []
        for row in self._rows.values():
            sure = row.placed in self._sure
            try:
                await self._disarm(row)
            except Refused as refusal:
                refusals += [str(refusal)] if sure else []
        return tuple(refusals)

    async def lift(self, address: int) -> tuple[PhysicalBreakpoint, ...]:
        """Take the execution breakpoints at ``address`` out for a step; `put_back` returns them."""
        kinds = (0,) if self._can.passes_by_rf else (0, 1)
        lifted = tuple(p for p in self._placed if p.type in kinds and p.address == address)
        self._out, self._armed = lifted, None
        for placed in lifted:
            await self._target.remove(*placed)
            self._sure.discard(placed)
            self._free_slot(placed)
        return lifted

    @property
    def lifted(self) -> bool:
        """Was anything out of the target when the guest went last?"""
        return bool(self._out)

    def all_in(self) -> None:
        """The guest goes with everything in the target."""
        if self._out:
            self._out, self._armed = (), None

    async def put_back(self, lifted: tuple[PhysicalBreakpoint, ...]) -> None:
        for placed in lifted:
            await self._target.insert(*placed)
            self._sure.add(placed)
            self._take_slot(placed)

    async def read_memory(self, address: int, length: int) -> bytes:
        """Linear memory as the guest sees it, our own int3s taken out. Raises `Refused` naming the first bad page."""
        return self.unpatched(address, await self._target.read_memory(address, length))

    async def write_memory(self, address: int, data: bytes) -> None:
        """Write linear memory; an int3 that the stub put in the way is taken out for it, so that the stub keeps the
        byte that was written as the guest's own. `Int3Breakpoints` writes around its own. Raises `Refused`; what
        was written before it stays written."""
        patched = [p for p in self._placed if p.address in self._originals and 0 <= p.address - address < len(data)]
        taken_out = [] if self._can.writes_around_int3s else patched
        for placed in taken_out:
            await self._target.remove(*placed)
        try:
            await self._target.write_memory(address, data)
        finally:
            for placed in taken_out:
                await self._target.insert(*placed)
        for placed in patched:
            self._originals[placed.address] = data[placed.address - address]

    async def read_kept(self, address: int, length: int) -> bytes:
        """`read_memory`, out of what was read since the guest stopped where that has it."""
        kept = self._target.kept_memory(address, length)
        return await self.read_memory(address, length) if kept is None else self.unpatched(address, kept)

    def unpatched(self, address: int, data: bytes) -> bytes:
        """``data`` read at ``address`` with the guest's own bytes where our int3s stand."""
        inside = [(a - address, byte) for a, byte in self._originals.items() if 0 <= a - address < len(data)]
        if not inside:
            return data
        clean = bytearray(data)
        for at, byte in inside:
            clean[at] = byte
        return bytes(clean)

    async def _remember(self, placed: PhysicalBreakpoint) -> None:
        if placed.type == 0 and self._can.software_patches_memory:
            self._originals[placed.address] = (await self._target.read_memory(placed.address, 1))[0]

    def _plan(self, row: Breakpoint) -> PhysicalBreakpoint | None:
        if row.address is None or not row.enabled:
            return None
        if row.kind in ("execute", "catch"):
            return PhysicalBreakpoint(1 if row.means == "hw" else 0, row.address, 1)
        if row.kind == "read" and not self._can.read_watchpoints and not self._can.no_hardware:
            raise Refused(
                "rwatch",
                "",
                "The hypervisor has no read-only watchpoints (x86 debug registers have none); "
                "use awatch, which stops at reads and writes.",
            )
        lengths = self._can.watch_lengths
        if lengths and (row.length not in lengths or row.address % row.length):
            raise Refused(
                "watch",
                "",
                f"A debug register watches {', '.join(map(str, lengths))} bytes at an address aligned to that "
                f"length; {row.length} at {row.address:#x} is neither.",
            )
        return PhysicalBreakpoint(_TYPES[row.kind], row.address, row.length)

    async def _arm(self, row: Breakpoint) -> None:
        placed = self._plan(row)
        if placed is None or row.placed is not None:
            return
        if placed.type and self._can.no_hardware:
            raise Refused(f"Z{placed.type}", "", self._can.no_hardware)
        slots = self._can.hardware_slots
        if placed.type and slots is not None and placed not in self._placed:
            used = sum(p.type > 0 for p in self._placed)
            if used >= slots:
                raise Refused(
                    f"Z{placed.type}",
                    "",
                    f"All {slots} debug registers are in use; delete a hardware breakpoint or a watchpoint first.",
                )
        first = not self._placed[placed]
        if first:
            await self._remember(placed)
        self._placed[placed] += 1
        row.placed, row.armed_as = placed, f"Z{placed.type}"
        self._armed = self._marks = None
        if first:
            await self._insert(row, placed)

    async def _insert(self, row: Breakpoint, placed: PhysicalBreakpoint) -> None:
        try:
            await self._target.insert(*placed)
        except Refused:
            self._forget(placed)
            row.placed, row.armed_as = None, None
            raise
        self._sure.add(placed)
        self._take_slot(placed)

    def _forget(self, placed: PhysicalBreakpoint) -> None:
        del self._placed[placed]
        self._sure.discard(placed)
        self._originals.pop(placed.address, None)
        self._armed = self._marks = None

    async def _disarm(self, row: Breakpoint) -> None:
        placed, row.placed, row.armed_as = row.placed, None, None
        if placed is None:
            return
        self._placed[placed] -= 1
        if not self._placed[placed]:
            self._forget(placed)
            self._free_slot(placed)
            await self._target.remove(*placed)
        self._armed = self._marks = None
