"""What the helpers in dom0 tell of a domain: which Xen, which kind, and the debug registers that gdbsx does not show.

Each helper is a process of its own, and takes tens of milliseconds at best. So a vCPU's debug registers are read only
where they can have changed: not behind a step over an instruction that can't have.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

import trio

from gdbstub.backends.interface import Stepped
from gdbstub.backends.xen.helpers import (
    NO_HARDWARE,
    NO_VCPU_HELPER,
    VCPU_FAILS,
    Helpers,
    XenctxRegisters,
    guest_of,
    is_paused,
    listed_state,
    parse_cpuinfo,
    parse_domain_kind,
    parse_xenctx,
    parse_xl_version,
)
from gdbstub.backends.xen.vcpu_exits import VcpuExit, parse_exits
from gdbstub.backends.xen.vcpu_helper import VcpuDebugRegisters, parse_vcpus
from gdbstub.errors import Refused, RemoteProtocolError
from gdbstub.remote.capabilities import BackendInfo
from gdbstub.x86.cpu_state import DebugState
from gdbstub.x86.debug_registers import BS, decode_dr7
from gdbstub.x86.decode import shape, successors
from gdbstub.x86.registers import TF

LOOKS_AT_SHUT_DOWN, LOOK_SECONDS = 8, 0.25
NO_HELPER = "gdbsx does not show the debug registers, and no helper in dom0 was given (--dom0, --domain)"
STEPPED_DR6 = "not read behind this step, which sets DR6.BS itself"


class Dom0:
    """The helpers of one domain, and what was last read of its vCPUs."""

    def __init__(self, helpers: Helpers | None, say: Callable[[str], None]) -> None:
        self._helpers = helpers
        self._say = say
        self._why = NO_HELPER
        self._last: dict[int, DebugState] = {}
        self._widths: dict[int, int] = {}
        self._now: dict[int, XenctxRegisters] = {}
        self._exits: dict[int, VcpuExit] | None = None
        self.no_hardware = NO_HARDWARE
        """Why debug registers can't be set, and what to do; empty where they can."""
        self.pv = False
        self.lazy = False
        """An HVM domain whose DR7 Xen may keep from the CPU (`svm_restore_dr`): on AMD, or an unknown CPU."""
        self.own: Callable[[int], DebugState | None] | None = None
        """The guest's own registers of a vCPU where dr6's are among them; see `shared_debug_registers`."""

    @property
    def there(self) -> bool:
        return self._helpers is not None

    @property
    def identity(self) -> str | None:
        return None if self._helpers is None else self._helpers.identity

    async def identify(self, found: BackendInfo, cs: int | None) -> BackendInfo:
        """``found`` with which Xen, whose CPU, what kind of domain; what no helper says is None, except the kind, which
        CS shows."""
        if self._helpers is None:
            return replace(found, guest=guest_of(cs))
        helpers = self._helpers
        version = parse_xl_version(await self._asked(helpers.xl("info")))
        vendor = parse_cpuinfo(await self._asked(helpers.cpuinfo()))
        kind = parse_domain_kind(await self._asked(helpers.xl("list", "-l", str(helpers.domain))))
        kind = kind or guest_of(cs)
        self.pv, self.lazy = kind == "pv", kind != "pv" and vendor != "intel"
        self.no_hardware = await self._try_vcpus(helpers)
        return replace(found, version=version, vendor=vendor, guest=kind)

    async def _try_vcpus(self, helpers: Helpers) -> str:
        """Why debug registers can't be set; empty where they can."""
        if not helpers.sets_debug_registers:
            return NO_VCPU_HELPER
        try:
            await self.vcpus()
        except (Refused, RemoteProtocolError) as error:
            return VCPU_FAILS.format(error)
        return ""

    async def vcpus(self, *words: str) -> dict[int, VcpuDebugRegisters]:
        """Set what ``words`` say (`gdbstub.backends.xen.vcpu_helper`), and read all vCPUs. Raises `Refused`."""
        if self._helpers is None:
            raise Refused("dr6-vcpu", "", NO_HARDWARE)
        try:
            return parse_vcpus(await self._helpers.vcpu(str(self._helpers.domain), *words))
        except RemoteProtocolError as error:
            raise Refused("dr6-vcpu", "", str(error)) from None

    async def exits(self) -> dict[int, VcpuExit]:
        """How the vCPUs of a stopped HVM domain left it, those that Xen shows. It prints them all for it, so nobody
        should ask at a step. An older dr6-vcpu has no word for it, and then there are none."""
        if self._exits is None:
            self._exits = {}
            if self._helpers is not None and not self.pv and not self.no_hardware:
                with suppress(Refused):
                    self._exits = parse_exits(await self._helpers.vcpu(str(self._helpers.domain), "exit"))
        return self._exits

    async def _asked(self, answer: Awaitable[str]) -> str:
        try:
            return await answer
        except Refused as refusal:
            self._say(str(refusal))
            return ""

    async def pause(self) -> None:
        """One more on the domain's pause count."""
        if self._helpers is not None:
            await self._helpers.xl("pause", str(self._helpers.domain))

    async def is_there(self) -> bool:
        """Is the domain neither gone nor going? True where nobody tells. One that has shut down is waited for: xl takes
        it away a moment later, unless it is to be preserved."""
        if self._helpers is None:
            return True
        for _ in range(LOOKS_AT_SHUT_DOWN):
            try:
                state = listed_state(await self._helpers.xl("list"), self._helpers.domain)
            except Refused:
                return True
            if "s" not in state:
                return state != ""
            await trio.sleep(LOOK_SECONDS)
        return True

    async def let_run(self) -> None:
        """See to it that a domain that was let go runs: its pause count may have been higher than one."""
        if self._helpers is None:
            return
        domain = str(self._helpers.domain)
        with suppress(Refused):  # a domain that is gone needs no help
            if not is_paused(await self._helpers.xl("list", domain)):
                return
            await self._asked(self._helpers.xl("unpause", domain))

    async def destroy(self) -> None:
        """End the domain."""
        if self._helpers is not None:
            await self._helpers.xl("destroy", str(self._helpers.domain))

    def resumed(self) -> None:
        """The domain runs: what was read is no longer what is."""
        self._now.clear()
        self._exits = None

    def last(self, cpu: int) -> DebugState | None:
        """What was last read of a vCPU, at this stop or before."""
        return self._last.get(cpu)

    async def read(self, cpu: int) -> XenctxRegisters | None:
        """A stopped vCPU now; None where it can't be read, and then it is said, once, why."""
        if self._helpers is None:
            return None
        if cpu not in self._now:
            try:
                self._now[cpu] = parse_xenctx(await self._helpers.xenctx(cpu))
            except (Refused, RemoteProtocolError) as error:
                if str(error) != self._why:
                    self._why = str(error)
                    self._say(f"The debug registers are unknown: {self._why}")
                return None
            self._last[cpu] = self._now[cpu].debug
            self._widths[cpu] = self._now[cpu].width
        return self._now[cpu]

    def width(self, cpu: int) -> int | None:
        """64 or 32, as the registers of a vCPU were last printed: those of the mode that it was in."""
        return self._widths.get(cpu)

    async def debug(self, cpu: int, *, due: bool, pv: bool) -> DebugState:
        """The debug registers of a stopped vCPU: read where that is ``due``, else those that can't have changed. Behind
        a step of a PV vCPU DR6 follows: Xen traps it by TF, and merges that BS into the guest's own DR6."""
        own = None if self.own is None else self.own(cpu)
        if own is not None:
            if due and not pv:
                await self.read(cpu)  # the mode of an HVM vCPU
            return own
        last = self._last.get(cpu)
        if not due and last is not None and cpu not in self._now:
            dr6 = last.dr6 | BS if pv and last.dr6 is not None else None
            return last._replace(dr6=None, unread=STEPPED_DR6, derived_dr6=dr6)
        shown = await self.read(cpu)
        return DebugState(unread=self._why) if shown is None else shown.debug


CHANGES = frozenset(("mov-dr", "gate", "icebp", "iret", "popf", "hlt", "descriptor"))
"""Traits of instructions behind which the debug registers may be others: they write them, hand over to somebody who
may, or can bring a #DB of the guest with them."""


def may_have_changed(before: Stepped, registers: dict[str, int]) -> bool:
    """Whether a step may have changed the debug registers beyond DR6.BS, which it sets itself: by a #DB of the guest,
    or because something else ran than the instruction that was stepped."""
    state = before.state
    dr7 = state.debug.dr7
    if dr7 is None or any(slot.enabled for slot in decode_dr7(dr7).slots):
        return True
    what = shape(before.code, state.mode)
    if what is None or state.registers.get("rflags", TF) & TF or CHANGES & what.traits:
        return True
    if what.mnemonic in ("vmcall", "vmmcall"):
        return True
    stays = "rep" in what.traits and registers["rip"] == state.rip
    indirect = "indirect" in what.traits
    return not (stays or indirect) and registers["rip"] not in successors(what, state.rip, state.mode)
