"""The parts of a session on a domain behind gdbsx, put together around its helpers in dom0."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gdbstub.backends.interface import Backend, Cleanup, OpenOptions, Parts, StateSource, Stepped, Stub, state_of_g
from gdbstub.backends.xen.dom0 import Dom0, may_have_changed
from gdbstub.backends.xen.helpers import guest_of
from gdbstub.backends.xen.int3 import Int3Breakpoints
from gdbstub.backends.xen.journal import Journal
from gdbstub.backends.xen.left_behind import left_behind
from gdbstub.backends.xen.recovery import recover
from gdbstub.backends.xen.shared_debug_registers import SharedDebugRegisters
from gdbstub.backends.xen.stop_hooks import GdbsxStopHooks
from gdbstub.backends.xen.vcpu_exits import VcpuExit
from gdbstub.remote.capabilities import BackendInfo
from gdbstub.x86.cpu_state import CpuState, DebugState, LastExit
from gdbstub.x86.debug_registers import decode_dr7

if TYPE_CHECKING:
    from gdbstub.remote.link_stream import Token


EXIT_SOURCE = "vmcb"


async def open_domain(backend: Backend, stub: Stub, cs: int | None, found: BackendInfo, options: OpenOptions) -> Parts:
    """``cs`` is CS of a vCPU: it shows which kind of domain this is where no helper does."""
    remote, dom0 = stub.remote, Dom0(options.helpers, stub.say)
    found = await dom0.identify(found, cs)
    why = dom0.no_hardware
    can = replace(
        backend.capabilities,
        cpus=stub.cpus,
        interrupt=options.break_in is not None,
        debug_registers=dom0.there,
        debug_outside_g=dom0.there,
        no_hardware=why,
        hardware_slots=0 if why else 4,
        hardware_breakpoints=not why,
    )
    journal = Journal(options.journals, stub.target, dom0.identity)
    hardware = None if why else SharedDebugRegisters(dom0, journal, stub.say)
    if hardware is not None:
        dom0.own = hardware.shown
    int3s = Int3Breakpoints(remote, journal, why, hardware)
    return Parts(
        backend,
        found,
        can,
        int3s,
        GdbsxStopHooks(remote, int3s, dom0, stub.say),
        DomainState(dom0),
        DomainCleanup(stub, int3s, dom0, options.journals, options.may_restore),
        None if hardware is None else hardware.slot_of,
    )


class DomainState(StateSource):
    """Debug registers from ``xenctx`` or ``dr6-vcpu``, read where a step can have changed them."""

    def __init__(self, dom0: Dom0) -> None:
        self._dom0 = dom0

    async def state(self, cpu: int, asked: Token | None, registers: dict[str, int], step: Stepped | None) -> CpuState:
        due = step is None or may_have_changed(step, registers)
        debug = await self._dom0.debug(cpu, due=due, pv=guest_of(registers.get("cs")) == "pv")
        if step is None and self._dom0.lazy and may_be_old(debug):
            debug = by_exit(debug, (await self._dom0.exits()).get(cpu), registers["rip"])
        state = state_of_g(cpu, registers, debug)
        return replace(state, mode=32) if self._dom0.width(cpu) == 32 else state


def may_be_old(debug: DebugState) -> bool:
    """Whether Xen on AMD may have saved DR6 before this stop: DR7 enables nothing (``svm_save_dr``)."""
    return debug.dr7 is not None and not decode_dr7(debug.dr7).enabled and debug.exit.dr6 is None


def by_exit(debug: DebugState, left: VcpuExit | None, rip: int) -> DebugState:
    """``debug`` with how the vCPU left the guest; as it is where that is not known, or was elsewhere."""
    if left is None or left.rip != rip:
        return debug
    return debug._replace(exit=LastExit(left.dr6, left.dr7, left.event, EXIT_SOURCE))


class DomainCleanup(Cleanup):
    """The int3s in the domain's memory, and breakpoints in its debug registers."""

    def __init__(
        self,
        stub: Stub,
        int3s: Int3Breakpoints,
        dom0: Dom0,
        journals: Path | None,
        may_restore: Callable[[str], Awaitable[bool]],
    ) -> None:
        self._stub = stub
        self._int3s = int3s
        self._dom0 = dom0
        self._journals = journals
        self._may_restore = may_restore

    async def recover(self) -> None:
        if self._journals is None:
            return
        left = tuple(left_behind(self._journals, self._stub.target, self._dom0.identity))
        report = await recover(self._stub.remote, left, self._may_restore, self._int3s.hardware)
        if report.sentence:
            self._stub.say(report.sentence)

    def remains(self) -> tuple[str, ...]:
        count, hardware = len(self._int3s.inserted), self._int3s.hardware
        cpus = () if hardware is None else hardware.left
        left = []
        if count:
            which = "1 int3 of dr6's stays" if count == 1 else f"{count} int3s of dr6's stay"
            left.append(f"{which} in the guest's memory")
        if cpus:
            left.append(f"breakpoints of dr6's stay in the debug registers of vCPU {', '.join(map(str, cpus))}")
        return (f"{'; '.join(left)} until dr6 is attached to it again.",) if left else ()

    async def connection_lost(self) -> None:
        """What was written into a domain that is gone went with it."""
        if self.remains() and not await self._dom0.is_there():
            self._int3s.forget()

    def close(self) -> None:
        self._int3s.close()
