"""What stands in the target for the user's breakpoints: one ``Z`` packet for all of one kind at one place.

What each stub accepts is in its `Capabilities`; what it refuses is an error at once, never a breakpoint that silently
does nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from gdbstub.backends.interface import BreakpointTarget
from gdbstub.errors import Refused
from gdbstub.remote.capabilities import Capabilities
from gdbstub.x86.breakpoints import ArmedBreakpoint, BreakpointKind


class PhysicalBreakpoint(NamedTuple):
    """What a ``Z`` packet names. Of execution breakpoints the length is 1."""

    kind: BreakpointKind
    address: int
    length: int

    @property
    def packet(self) -> str:
        """``Z0`` to ``Z4``: gdb manual, "Packets"."""
        return f"Z{self.kind.packet}"


class PhysicalPoints:
    """Which packets are in the target, for how many breakpoints each, and the guest's bytes under int3s (the shadow
    contents). ``can`` is what the target takes."""

    def __init__(
        self,
        target: BreakpointTarget,
        capabilities: Capabilities,
        slot_of: Callable[[BreakpointKind, int, int], int | None] | None = None,
    ) -> None:
        """``slot_of`` knows the debug register of each, where dr6 sets them itself."""
        self.can = capabilities
        self._target = target
        self._slot_of = slot_of
        self._uses: Counter[PhysicalBreakpoint] = Counter()
        self._shadow: dict[int, int] = {}
        self._slots: list[PhysicalBreakpoint] = []
        self._out: tuple[PhysicalBreakpoint, ...] = ()
        self._aside: set[PhysicalBreakpoint] = set()
        self._sure: set[PhysicalBreakpoint] = set()
        self._armed: tuple[ArmedBreakpoint, ...] | None = ()
        self._marks: frozenset[int] | None = frozenset()

    # -- what there is ----------------------------------------------------------------------------------------

    @property
    def armed(self) -> tuple[ArmedBreakpoint, ...]:
        """What was in the target when the guest went last, as evidence: without what was lifted for a step."""
        if self._armed is None or self._slot_of is not None:
            self._armed = tuple(
                ArmedBreakpoint("debugger", point.kind.in_register, point.address, point.length, self._slot(point))
                for point in self._uses
                if point not in self._out and point not in self._aside
            )
        return self._armed

    @property
    def marks(self) -> frozenset[int]:
        """Linear addresses at which an execution breakpoint of ours stands."""
        if self._marks is None:
            here = (point for point in self._uses if point.kind.is_execution and point not in self._aside)
            self._marks = frozenset(point.address for point in here)
        return self._marks

    def watches(self, address: int) -> bool:
        """Does any watchpoint in the target, hidden ones too, cover ``address``?"""
        return any(p.kind.is_watch and p.address <= address < p.address + p.length for p in self._uses)

    def is_sure(self, point: PhysicalBreakpoint) -> bool:
        """Has the target said that it took it?"""
        return point in self._sure

    def _slot(self, point: PhysicalBreakpoint) -> int | None:
        if self._slot_of is not None:
            return self._slot_of(*point)
        known = self.can.slots_in_order and point in self._slots
        return self._slots.index(point) if known else None

    def _take_slot(self, point: PhysicalBreakpoint) -> None:
        if point.kind.is_hardware:
            self._slots.append(point)
            self._armed = None

    def _free_slot(self, point: PhysicalBreakpoint) -> None:
        """The last one moves into the place that becomes free."""
        if point in self._slots:
            self._slots[self._slots.index(point)] = self._slots[-1]
            self._slots.pop()
            self._armed = None

    # -- in and out -------------------------------------------------------------------------------------------

    async def prepare(self, point: PhysicalBreakpoint) -> None:
        """Before `insert`: can it be there? Keep the byte that an int3 will hide. Raises `Refused`."""
        if point.kind.is_hardware:
            self._look_for_room(point)
        elif point not in self._uses and self.can.software_patches_memory:
            self._shadow[point.address] = (await self._target.read_memory(point.address, 1))[0]

    def _look_for_room(self, point: PhysicalBreakpoint) -> None:
        if self.can.no_hardware:
            raise Refused(point.packet, "", self.can.no_hardware)
        slots = self.can.hardware_slots
        if slots is None or point in self._uses or sum(p.kind.is_hardware for p in self._uses) < slots:
            return
        raise Refused(
            point.packet,
            "",
            f"All {slots} debug registers are in use; delete a hardware breakpoint or a watchpoint first.",
        )

    async def insert(self, point: PhysicalBreakpoint) -> None:
        """For one breakpoint more; the first one costs a packet. Raises `Refused`, and it is not there then."""
        self._uses[point] += 1
        self._armed = self._marks = None
        if self._uses[point] > 1:
            return
        try:
            await self._target.insert(*point)
        except Refused:
            self._forget(point)
            raise
        self._sure.add(point)
        self._take_slot(point)

    async def remove(self, point: PhysicalBreakpoint) -> None:
        """For one breakpoint less; the last one costs a packet. Raises `Refused` where the target does not give it
        back."""
        self._uses[point] -= 1
        if not self._uses[point]:
            aside = point in self._aside
            self._forget(point)
            self._free_slot(point)
            if not aside:
                await self._target.remove(*point)
        self._armed = self._marks = None

    def _forget(self, point: PhysicalBreakpoint) -> None:
        del self._uses[point]
        self._sure.discard(point)
        self._aside.discard(point)
        self._shadow.pop(point.address, None)
        self._armed = self._marks = None

    def forget_all(self) -> None:
        """The process runs another program: nothing of ours is in it, and the stub has forgotten all."""
        for kept in (self._uses, self._shadow, self._slots, self._aside, self._sure):
            kept.clear()
        self._out = ()
        self._armed = self._marks = None

    # -- out for a step ---------------------------------------------------------------------------------------

    async def lift(self, address: int) -> tuple[PhysicalBreakpoint, ...]:
        """Take the execution breakpoints at ``address`` out for a step; `put_back` returns them."""
        at_address = (point for point in self._uses if point.kind.is_execution and point.address == address)
        here = tuple(point for point in at_address if point not in self._aside)
        lifted = tuple(p for p in here if not self.can.passes_by_rf or p.kind is BreakpointKind.SOFTWARE)
        self._out, self._armed = lifted, None
        for point in lifted:
            await self._target.remove(*point)
            self._sure.discard(point)
            self._free_slot(point)
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
        for point in lifted:
            await self._target.insert(*point)
            self._sure.add(point)
            self._take_slot(point)

    async def set_aside(self, addresses: frozenset[int]) -> tuple[int, ...]:
        """Have no execution breakpoint in the target at ``addresses``, and all of those at others; where one went out
        now."""
        wanted = {point for point in self._uses if point.kind.is_execution and point.address in addresses}
        out, back = wanted - self._aside, self._aside - wanted
        for point in out:
            await self._target.remove(*point)
        for point in back:
            await self._target.insert(*point)
        if out or back:
            self._aside = wanted
            self._armed = self._marks = None
        return tuple(sorted({point.address for point in out}))

    # -- memory, without int3s of ours ------------------------------------------------------------------------

    async def read_memory(self, address: int, length: int) -> bytes:
        """Linear memory as the guest sees it, our own int3s taken out. Raises `Refused` naming the first bad page."""
        return self.unpatched(address, await self._target.read_memory(address, length))

    async def write_memory(self, address: int, data: bytes) -> None:
        """Write linear memory; an int3 that the stub put in the way is taken out for it, so that the stub keeps the
        byte that was written as the guest's own. `Int3Breakpoints` writes around its own. Raises `Refused`; what was
        written before it stays written."""
        patched = [p for p in self._uses if p.address in self._shadow and 0 <= p.address - address < len(data)]
        taken_out = [] if self.can.writes_around_int3s else patched
        for point in taken_out:
            await self._target.remove(*point)
        try:
            await self._target.write_memory(address, data)
        finally:
            for point in taken_out:
                await self._target.insert(*point)
        for point in patched:
            self._shadow[point.address] = data[point.address - address]

    async def read_kept(self, address: int, length: int) -> bytes:
        """`read_memory`, out of what was read since the guest stopped where that has it."""
        kept = self._target.kept_memory(address, length)
        return await self.read_memory(address, length) if kept is None else self.unpatched(address, kept)

    @property
    def patches_memory(self) -> bool:
        """Do int3s of ours show in what is read?"""
        return bool(self._shadow)

    def unpatched(self, address: int, data: bytes) -> bytes:
        """``data`` read at ``address`` with the guest's own bytes where our int3s stand."""
        inside = [(a - address, byte) for a, byte in self._shadow.items() if 0 <= a - address < len(data)]
        if not inside:
            return data
        clean = bytearray(data)
        for at, byte in inside:
            clean[at] = byte
        return bytes(clean)
