"""What gdbsx leaves to its client around a stop.

* Behind an int3 of ours RIP is one byte too far; it is put back at once, so that the guest is right even if dr6 dies.
* The first resumes may run nothing: the domain's pause count was 2 (``xl create -p``, or ``xl pause`` at a stop), a
  step traps on the way out of a hypercall, or the event of an INT3 that was stepped over is still latched.
* Signal 2 names vCPU 0, whichever it was: a #DB of the guest. Its DR6, or the code, tell. It is also said where the
  domain was paused from outside; ``xl destroy``, and what follows a guest's shutdown, begin with that.
* A #DB of the guest that is a fault comes again at each resume: its own execute breakpoint, until RF is set; INT1 on
  AMD, whose RIP Xen leaves at the F1.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from gdbstub.backends.interface import LastStop, StopHooks
from gdbstub.backends.xen.dom0 import Dom0
from gdbstub.backends.xen.int3 import INT3, Int3Breakpoints
from gdbstub.backends.xen.slots import SlotSetting
from gdbstub.errors import GdbError, Refused, Unsupported
from gdbstub.protocol import messages
from gdbstub.protocol.stops import BreakReason, Stop, Stopped, Watch
from gdbstub.remote.target import RemoteTarget
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.cpu_state import DebugState
from gdbstub.x86.debug_registers import B_MASK, BS, decode_dr7
from gdbstub.x86.decode import shape
from gdbstub.x86.registers import RF, TF

SIGTRAP, SIGINT = 5, 2
IDLE_AT_FIRST = 2
"""Resumes after attach, and after a pause from outside, that may run nothing: one for the pause count, one for the way
out of a hypercall."""


class GdbsxStopHooks(StopHooks):
    """See the top of this file. ``say`` takes messages for the user."""

    keeps_code = True

    def __init__(self, remote: RemoteTarget, int3s: Int3Breakpoints, dom0: Dom0, say: Callable[[str], None]) -> None:
        super().__init__(remote)
        self._int3s = int3s
        self._dom0 = dom0
        self._say = say
        self._may_idle = IDLE_AT_FIRST
        self._asked = False
        self._event_of: int | None = None
        """The vCPU that was found to have a #DB at this stop."""
        self._before: list[bytes] = []
        names = remote.layout.by_name
        self._rip, self._rflags = ("rip" if "rip" in names else "eip"), "eflags"

    # -- which vCPU, and where it stands ---------------------------------------------------------------------

    async def stopped_vcpu(self, stop: Stopped) -> int | None:
        if stop.signal != SIGINT:
            return self._remote.cpu_of(stop.thread)
        self._remote.forget_selected()
        if self._asked or len(self._remote.threads) < 2:
            return None  # vCPU 0 is what gdbsx says of every pause
        if (hardware := self._int3s.hardware) is not None and hardware.active:
            await hardware.look()
            marked = [cpu for cpu in self._cpus() if hardware.is_marked(cpu)]
            if marked:
                return next((cpu for cpu in marked if hardware.hits(cpu)), marked[0])
        left = await self._dom0.exits() if self._dom0.lazy else {}
        told = next((cpu for cpu, one in left.items() if one.event != "none"), None)
        if told is not None:
            self._event_of = told
            return told
        for cpu in range(len(self._remote.threads)):
            if await self._shows_debug_event(cpu):
                self._event_of = cpu
                return cpu
        return None

    async def _shows_debug_event(self, cpu: int) -> bool:
        """Does this vCPU bear the marks of a #DB of its guest's?"""
        values = await self._values(cpu)
        if not values:
            return False
        rip = values[self._rip]
        if await self._registers_show_one(cpu, rip, values[self._rflags]):
            return True
        code = await self._code(rip - 1, 2)
        return code[:1] == b"\xf1" or code[1:] == b"\xf1"

    async def _registers_show_one(self, cpu: int, rip: int, rflags: int) -> bool:
        last = self._dom0.last(cpu)
        shown = await self._dom0.read(cpu)
        if shown is not None and shown.debug.dr6 is not None:
            new = shown.debug.dr6 & ~(last.dr6 if last is not None and last.dr6 is not None else ~0)
            if new & (B_MASK | BS) or _faults_here(shown.debug, rip):
                return True
        return bool(rflags & TF)

    async def _see_to_the_domain(self, cpu: int, registers: dict[str, int]) -> None:
        """A pause that nobody asked for, and no #DB explains, may be the beginning of the domain's end."""
        if self._event_of == cpu or await self._registers_show_one(cpu, registers["rip"], registers["rflags"]):
            return
        if not await self._dom0.is_there():
            await self._remote.lose(self._remote.dialect.without_guest)

    async def fix_up_stop(self, stop: Stopped, cpu: int, registers: dict[str, int]) -> tuple[Stopped, dict[str, int]]:
        """Behind an int3 of ours RIP goes back to it, and the stop says so (``swbreak`` of the gdb manual), as it says
        which watchpoint of ours DR6 names (``watch``)."""
        marked = False
        if (hardware := self._int3s.hardware) is not None and hardware.active:
            await hardware.look(stepped=self._remote.stepped)
            hardware.stopped = cpu
            marked = hardware.is_marked(cpu)
            watches = [armed for armed in hardware.hits(cpu) if armed.type is not BreakpointKind.EXECUTE]
            if watches:
                return replace(stop, reasons=tuple(_watch(armed) for armed in watches)), registers
        if stop.signal == SIGINT and not self._asked and not marked:
            await self._see_to_the_domain(cpu, registers)
        at = registers["rip"] - 1
        if stop.signal != SIGTRAP or self._remote.stepped or not self._int3s.is_ours(at):
            return stop, registers
        await self._remote.write_registers({self._rip: at})
        return replace(stop, reasons=(BreakReason.SOFTWARE,)), registers | {"rip": at}

    def wants_code_before(self, stop: Stopped) -> bool:
        """At all that the guest brought on itself: INT3 and INT1 lie in front of RIP, and so do accesses."""
        return super().wants_code_before(stop) or not (self._remote.stepped or stop.reasons or self._asked)

    # -- going on --------------------------------------------------------------------------------------------

    async def before_resume(self, seen: LastStop | None) -> dict[str, int]:
        self._asked, self._event_of = False, None
        self._dom0.resumed()
        changed: dict[str, int] = {}
        if seen is not None and isinstance(seen.stop, Stopped):
            changed = await self._leave(seen)
            hardware = self._int3s.hardware
            if not changed and hardware is not None and hardware.stands_at(seen.state.pc):
                changed = await self._pass(seen)
            if seen.code[:1] == bytes([INT3]):  # one of the guest's own: a step over it leaves its event latched
                self._may_idle = max(self._may_idle, 1)
        if self._int3s.hardware is not None:
            await self._int3s.hardware.go()
        self._before = [await self._raw(cpu) for cpu in self._cpus()] if self._may_idle else []
        return changed

    async def _leave(self, seen: LastStop) -> dict[str, int]:
        """From a #DB that would come again at once."""
        state = seen.state
        stuck = seen.before == state.rip
        if not (_is_event(seen.stop) or stuck):
            return {}
        here = shape(seen.code, state.mode)
        if here is not None and "icebp" in here.traits and state.registers.get("cs", 0) & 0xF000 != 0xE000:
            rip = state.rip + len(here.bytes)
            await self._write(state.cpu, self._rip, rip)
            self._say(f"RIP was put behind the INT1 at {state.pc:#x}, which Xen would take again for ever.")
            return {"rip": rip}
        if _faults_here(state.debug, state.pc) or (stuck and state.debug.dr7 is None):
            return await self._pass(seen)
        return {}

    async def _pass(self, seen: LastStop) -> dict[str, int]:
        """Over an instruction breakpoint, by RF."""
        rflags = seen.state.registers["rflags"] | RF
        await self._write(seen.state.cpu, self._rflags, rflags)
        return {"rflags": rflags}

    async def made_no_progress(self, stop: Stop) -> bool:
        if not self._before or self._asked or not isinstance(stop, Stopped):
            return False
        same = [await self._raw(cpu) for cpu in self._cpus()] == self._before
        self._may_idle = max(self._may_idle - 1, 0) if same else 0
        return same

    def on_interrupt(self) -> None:
        self._may_idle = IDLE_AT_FIRST
        self._asked = True

    async def leave(self, *, resume: bool) -> None:
        """gdbsx takes one from the pause count when its client leaves, whatever it was."""
        if not resume and self._dom0.there:
            await self._dom0.pause()
        await self._remote.detach()
        if resume:
            await self._dom0.let_run()
        if self._int3s.hardware is not None:
            await self._int3s.hardware.settle(running=resume)
        if resume:
            return
        if not self._dom0.there:
            raise GdbError(
                "gdbsx lets the domain run when its client leaves; to leave it stopped dr6 needs 'xl pause' (--dom0)."
            )

    async def kill(self) -> None:
        if not self._dom0.there:
            raise Unsupported("kill", "gdbsx can't end a domain: run 'xl destroy DOMAIN' in dom0, or give --dom0.")
        await self._dom0.destroy()

    # -- one vCPU --------------------------------------------------------------------------------------------

    def _cpus(self) -> range:
        return range(max(len(self._remote.threads), 1))

    async def _raw(self, cpu: int) -> bytes:
        """Empty for a vCPU that the guest has not started."""
        await self._remote.select(cpu)
        with suppress(Unsupported):
            return await self._remote.request(messages.READ_REGISTERS, "g")
        return b""

    async def _values(self, cpu: int) -> dict[str, int]:
        return self._remote.layout.decode_g(await self._raw(cpu))

    async def _write(self, cpu: int, name: str, value: int) -> None:
        await self._remote.select(cpu)
        await self._remote.write_registers({name: value})

    async def _code(self, address: int, length: int) -> bytes:
        try:
            return await self._remote.read_memory(address, length)
        except Refused:
            return b""


def _is_event(stop: Stop) -> bool:
    return isinstance(stop, Stopped) and stop.signal == SIGINT


def _watch(hit: SlotSetting) -> Watch:
    return Watch("write" if hit.type is BreakpointKind.WRITE else "access", hit.address)


def _faults_here(debug: DebugState, rip: int) -> bool:
    """Has the guest an execute breakpoint of its own at ``rip``, and was it hit?"""
    if debug.dr6 is None or debug.dr7 is None:
        return False
    return any(
        slot.enabled and debug[slot.number] == rip and debug.dr6 >> slot.number & 1
        for slot in decode_dr7(debug.dr7).slots
        if slot.type is BreakpointKind.EXECUTE
    )
