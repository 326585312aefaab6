"""Hardware breakpoints in debug registers that the guest has too: set from outside, through a helper in dom0.

gdbsx has no ``Z1`` to ``Z4``, so dr6 takes slots of DR0 to DR3 that no vCPU's own DR7 enables, the same on all vCPUs.
What the guest had there is in the journal before anything is set, and comes back when ours go. At each stop all vCPUs
are read in one go, and `slots` tells the guest's values from ours; before each resume they are put together
again.

Xen on AMD hands an HVM guest's registers to the CPU only where DR7 enables something (`svm_restore_dr`), so DR7 = 0x400
would leave ours armed in the VMCB. `PARKED` takes their place until the domain has run (`settle`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

import trio

from gdbstub.backends.xen.dom0 import Dom0
from gdbstub.backends.xen.journal import Journal, Kept
from gdbstub.backends.xen.slots import ORDER, PARKED, PARKED_SLOT, SlotSetting, enabled, merge, same, split
from gdbstub.backends.xen.vcpu_helper import VcpuDebugRegisters, setting, setting_after_run
from gdbstub.errors import GdbError, Refused
from gdbstub.x86.breakpoints import ArmedBreakpoint, BreakpointKind
from gdbstub.x86.cpu_state import DebugState, LastExit
from gdbstub.x86.debug_registers import may_arm

SETTLE_SECONDS, LOOK_SECONDS = 2.0, 0.02


class SharedDebugRegisters:
    """See the top of this file. ``say`` takes messages for the user."""

    def __init__(self, dom0: Dom0, journal: Journal, say: Callable[[str], None]) -> None:
        self._dom0 = dom0
        self._journal = journal
        self._say = say
        self._wanted: dict[SlotSetting, int | None] = {}
        self._own: dict[int, VcpuDebugRegisters] = {}
        self._now: dict[int, VcpuDebugRegisters] = {}
        self._went: dict[int, VcpuDebugRegisters] = {}
        self._ours: dict[int, dict[int, SlotSetting]] = {}
        self._hits: dict[int, tuple[SlotSetting, ...]] = {}
        self._fresh = False
        self._unread = ""
        self.stopped = 0
        """The vCPU that stopped last."""

    @property
    def active(self) -> bool:
        """Is anything of ours in the vCPUs' registers, or meant to be?"""
        return bool(self._wanted) or any(self._ours.values())

    @property
    def left(self) -> tuple[int, ...]:
        """The vCPUs that hold something of ours."""
        return tuple(cpu for cpu, ours in self._ours.items() if ours)

    def slot_of(self, kind: BreakpointKind, address: int, length: int) -> int | None:
        """Which debug register it was in when the guest went; None where it was in none, or the guest took that."""
        slot = self._wanted.get(SlotSetting(kind.in_register, address, length))
        return slot if slot in self._ours.get(self.stopped, {}) else None

    # -- a stop ------------------------------------------------------------------------------------------------

    async def look(self, *, stepped: bool = False) -> None:
        """Read all vCPUs, once a stop; where nothing is ours, not at all. ``stepped``: behind a step of dr6's. A helper
        that fails is said, and the registers are unknown then."""
        if not self.active or self._fresh:
            return
        try:
            await self._read(stepped=stepped)
        except Refused as refusal:
            if str(refusal) != self._unread:
                self._unread = str(refusal)
                self._say(f"The debug registers are unknown: {refusal}")

    async def _read(self, *, stepped: bool = False) -> None:
        """All vCPUs as they are, the guest's own told from ours. Raises `Refused`."""
        now = await self._dom0.vcpus()
        self._fresh, self._unread = True, ""
        for cpu, registers in now.items():
            ours = self._ours.get(cpu, {})
            taken = split(registers, self._own.get(cpu, registers), ours, sticky=self._dom0.pv, stepped=stepped)
            old = self._went[cpu].dr6 if cpu in self._went else registers.dr6
            self._hits[cpu] = tuple(
                ours[slot] for slot in taken.hits if slot not in taken.overwritten and not old >> slot & 1
            )
            self._now[cpu], self._own[cpu] = registers, taken.own
            self._ours[cpu] = {slot: armed for slot, armed in ours.items() if slot not in taken.overwritten}
            lost = [(slot, ours[slot]) for slot in taken.overwritten if ours[slot] != PARKED]
            if lost:
                what = " and ".join(f"{_named(armed)} (DR{slot})" for slot, armed in lost)
                self._say(
                    f"The guest wrote the debug registers of vCPU {cpu} over dr6's {what}: off from then on, and armed "
                    "again when the guest goes on."
                )

    def hits(self, cpu: int) -> tuple[SlotSetting, ...]:
        """Those of ours that DR6 of this vCPU names at this stop."""
        return self._hits.get(cpu, ()) if self._fresh else ()

    def is_marked(self, cpu: int) -> bool:
        """Has DR6 of this vCPU got any bit since the guest went?"""
        went, now = self._went.get(cpu), self._now.get(cpu) if self._fresh else None
        return went is not None and now is not None and bool(now.dr6 & ~went.dr6)

    def stands_at(self, address: int) -> bool:
        """Is there an instruction breakpoint of ours, which would fault again?"""
        return any(armed.type is BreakpointKind.EXECUTE and armed.address == address for armed in self._wanted)

    def shown(self, cpu: int) -> DebugState | None:
        """The guest's own registers of a vCPU, without ours; None where nothing of ours is there."""
        if self.active and self._unread:
            return DebugState(unread=self._unread)
        own, now = self._own.get(cpu), self._now.get(cpu)
        if not self.active or own is None or now is None:
            return None
        exit_dr6 = now.dr6 if self.is_marked(cpu) else None
        shared = tuple(
            ArmedBreakpoint("debugger", armed.type, armed.address, armed.length, slot)
            for armed, slot in self._wanted.items()
            if slot in self._ours.get(cpu, {})
        )
        return DebugState(*own.dr, own.dr6, own.dr7, "dr6-vcpu", exit=LastExit(exit_dr6), shared=shared)

    # -- setting -----------------------------------------------------------------------------------------------

    async def insert(self, kind: BreakpointKind, address: int, length: int) -> None:
        """Arm it on all vCPUs. Raises `Refused` where no register is free, or Xen does not take it; `CannotKeep`."""
        armed = SlotSetting(kind.in_register, address, length)
        wrong = may_arm(armed.type, address, length)
        if wrong is not None:
            raise Refused(f"Z{kind.packet}", "", wrong)
        if not self._fresh:
            await self._read()
        slot = self._free_slot()
        if slot is None:
            raise Refused(f"Z{kind.packet}", "", self._none_free())
        self._wanted[armed] = slot
        try:
            await self._program()
        except GdbError:
            del self._wanted[armed]
            with suppress(Refused):
                await self._program()
            raise

    async def remove(self, kind: BreakpointKind, address: int, length: int) -> None:
        """Give the register back. Raises `Refused` where the helper fails: it is then still armed, and in the
        journal."""
        armed = SlotSetting(kind.in_register, address, length)
        if armed not in self._wanted:
            return
        slot = self._wanted.pop(armed)
        try:
            if not self._fresh:
                await self._read()
            await self._program()
        except GdbError:
            self._wanted[armed] = slot
            raise

    async def go(self) -> None:
        """Before a resume: what the guest wrote over is armed again, and our bits of DR6 are taken out. Where the
        helper fails that is said, and the guest goes on as it is."""
        try:
            if self.active:
                await self.look(stepped=True)  # where the stop was not looked at, BS is not taken for the guest's
                if self._fresh:
                    self._move()
                    await self._program()
        except Refused as refusal:
            self._say(f"dr6's breakpoints in the debug registers could not be kept up: {refusal}")
            self._fresh = False
        finally:
            self._went = dict(self._now) if self._fresh else {}
            self._fresh = False

    def _busy(self) -> frozenset[int]:
        return enabled(self._own.values())

    def _free_slot(self) -> int | None:
        taken = self._busy() | set(self._wanted.values())
        return next((slot for slot in ORDER if slot not in taken), None)

    def _none_free(self) -> str:
        guests = ", ".join(f"DR{slot}" for slot in sorted(self._busy())) or "none"
        ours = ", ".join(f"DR{slot}" for slot in sorted(slot for slot in self._wanted.values() if slot is not None))
        return (
            f"No debug register is free: the guest itself uses {guests}, and dr6 {ours or 'none'}. Delete a hardware "
            "breakpoint or a watchpoint, or use a software breakpoint (break)."
        )

    def _move(self) -> None:
        """To another slot from one that the guest took, on any vCPU."""
        busy = self._busy()
        for armed, slot in tuple(self._wanted.items()):
            if slot is not None and slot not in busy:
                continue
            self._wanted[armed] = None
            free = self._free_slot()
            self._wanted[armed] = free
            if slot is not None and free is None:
                self._say(f"{self._none_free()} Until then dr6's {_named(armed)} is off.")

    def _plan(self, cpu: int) -> dict[int, SlotSetting]:
        plan = {slot: armed for armed, slot in self._wanted.items() if slot is not None}
        lazy = self._dom0.lazy and self._ours.get(cpu) and not enabled((self._own[cpu],))
        return {PARKED_SLOT: PARKED} if lazy and not plan else plan

    async def _program(self) -> None:
        """Bring every vCPU to what is wanted, and look that it is. Raises `Refused`, `CannotKeep`."""
        plans = {cpu: self._plan(cpu) for cpu in self._now}
        due = {
            cpu: wanted
            for cpu, plan in plans.items()
            if not same(wanted := merge(self._own[cpu], plan), self._now[cpu])
        }
        for cpu in due:
            slots = (*self._ours.get(cpu, {}).items(), *plans[cpu].items())
            self._journal.keep(Kept(cpu, self._own[cpu], tuple(dict.fromkeys(slots))))
        if due:
            now = await self._dom0.vcpus(*(setting(cpu, wanted) for cpu, wanted in due.items()))
            for cpu, wanted in due.items():
                if cpu not in now or not same(now[cpu], wanted):
                    raise Refused("dr6-vcpu", "", _not_taken(cpu, plans[cpu]))
                self._now[cpu] = now[cpu]
        for cpu, plan in plans.items():
            self._ours[cpu] = plan
            if not plan:
                self._journal.release(cpu)

    # -- what a dead dr6 left, and leaving -----------------------------------------------------------------------

    async def adopt(self, kept: Iterable[Kept]) -> tuple[int, ...]:
        """Take out what another dr6 had set, and look that it is out; the vCPUs that still had it. Raises `Refused`."""
        self._now = await self._dom0.vcpus()
        found = []
        for row in kept:
            if row.cpu not in self._now:
                continue
            now = self._now[row.cpu]
            slots = dict(row.slots)
            taken = split(now, row.own, slots, sticky=self._dom0.pv)
            self._ours[row.cpu] = {slot: slots[slot] for slot in slots if slot not in taken.overwritten}
            self._own[row.cpu] = taken.own
            found += [row.cpu] if self._ours[row.cpu] else []
        for cpu, now in self._now.items():
            self._own.setdefault(cpu, now)
        await self._program()
        self._fresh = True
        return tuple(found)

    def forget(self) -> None:
        """The guest is gone, and its registers with it."""
        for cpu in self._ours:
            self._journal.release(cpu)
        self._wanted.clear()
        self._ours.clear()

    async def settle(self, *, running: bool) -> None:
        """The domain was let go: take `PARKED` out of vCPUs that have run, so that the CPU no longer has ours."""
        waiting = {cpu: own for cpu, own in self._own.items() if PARKED in self._ours.get(cpu, {}).values()}
        with trio.move_on_after(SETTLE_SECONDS if running else 0), suppress(Refused):
            while waiting:
                now = await self._dom0.vcpus(
                    *(setting_after_run(cpu, own, self._now[cpu]) for cpu, own in waiting.items())
                )
                for cpu in tuple(waiting):
                    if cpu not in now or now[cpu].dr7 != self._now[cpu].dr7:
                        del waiting[cpu], self._ours[cpu]
                        self._journal.release(cpu)
                await trio.sleep(LOOK_SECONDS)
        if waiting:
            self._say(
                f"DR{PARKED_SLOT} and DR7 of vCPU {', '.join(map(str, waiting))} keep a watchpoint at no address: Xen "
                "on AMD takes dr6's breakpoints out of the CPU only where DR7 enables something and the vCPU runs. The "
                "next dr6 on this domain gives the guest's own values back."
            )


def _named(armed: SlotSetting) -> str:
    what = "hardware breakpoint at" if armed.type is BreakpointKind.EXECUTE else f"{armed.type} watch on"
    return f"{what} {armed.address:#x}"


def _not_taken(cpu: int, plan: dict[int, SlotSetting]) -> str:
    what = " and ".join(_named(armed) for armed in plan.values()) or "the guest's own values"
    return (
        f"Xen did not take the debug registers of vCPU {cpu} as they were given ({what}): an address that the guest "
        "may not use, as one of Xen's own, can't be watched."
    )
