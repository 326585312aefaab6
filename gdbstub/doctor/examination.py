"""All probes, one after the other: on the guest that dr6 brings, started again where one ended it; or on the user's,
which gets everything back whatever happens."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager, suppress

import trio

from gdbstub.doctor import known
from gdbstub.doctor.exercise import exercise
from gdbstub.doctor.ground import Ground, OwnGuest, Writable
from gdbstub.doctor.guest_probes import DR7_CLEAR, GUEST_EVENTS
from gdbstub.doctor.judges import HUNG, LOST
from gdbstub.doctor.point_probes import HARDWARE, SOFTWARE, WATCHPOINTS
from gdbstub.doctor.probe import Need, Probe, ProbeLog, VcpuMoment
from gdbstub.doctor.results import ProbedPlatform, Result, judge, untested
from gdbstub.doctor.step_probes import INTERRUPTS, LAST, STEPS
from gdbstub.doctor.suitability import descriptor_address, is_loaded_as, own_breakpoint_in, unsuitable
from gdbstub.doctor.vcpu import Hung, Vcpu
from gdbstub.errors import GdbError, Refused, TransportError
from gdbstub.protocol.stops import Stopped
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.cpu_state import CpuState

PROBES: tuple[Probe, ...] = (*STEPS, *INTERRUPTS, *HARDWARE, *WATCHPOINTS, *SOFTWARE, *GUEST_EVENTS, *LAST)
"""In this order: software breakpoints end the guest on a hypervisor that can't run INT3, so the others come first."""

PROBE_SECONDS = 12.0
"""The most that one probe may take, whatever hangs in it."""
BOOT_SECONDS, BOOT_LOOK = 60.0, 0.1
"""How long our guest may take to be ready (KVM without VMX and SVM takes seconds), and how often it is looked at."""
WAKE_SECONDS = 3.0
TIDY_SECONDS = 5.0
NOT_OURS = "needs handlers of dr6's own guest: dr6 doctor without TARGET"

DEPENDS: tuple[tuple[str, tuple[str, ...], tuple[str, ...], str], ...] = (
    ("software", ("software-step-off", "caught-z0"), (HUNG,), "a software breakpoint ended the guest already"),
    ("own-icebp", ("own-icebp-z1", "own-icebp-z0"), (HUNG,), "INT1 ended the guest already, with nothing armed"),
    ("own-int3", ("own-int3-z1", "own-int3-z0"), (HUNG,), "INT3 ended the guest already, with nothing armed"),
    ("watch-step", ("watch-step-after",), ("not named", LOST, HUNG), "the step before it did not name the watchpoint"),
)
"""Name of a probe, those that it makes pointless, by which outcomes, and why."""

Tell = Callable[[Result], None]
Start = Callable[[], AbstractAsyncContextManager[Vcpu]]


class Examination:
    """The results so far, and what goes wrong beside them. ``tell`` gets each result as it comes."""

    def __init__(self, tell: Tell = lambda result: None, host: str | None = None) -> None:
        self.results: list[Result] = []
        self.problems: list[str] = []
        """What could not be put back, a sentence each."""
        self._tell = tell
        self._host = host
        self._outcomes: dict[str, str | None] = {}

    def _keep(self, result: Result) -> None:
        self.results.append(result)
        self._outcomes[result.probe.name] = result.outcome
        self._tell(result)

    async def own(self, start: Start, guest: OwnGuest, probes: Iterable[Probe] = PROBES) -> None:
        """On the guest of ours that ``start`` boots, as often as it takes. Raises `GdbError` where it does not boot."""
        queue = deque(probes)
        while queue:
            async with start() as vcpu:
                await boot(vcpu, guest)
                ground = Ground(vcpu, guest, await vcpu.look(), stack=True)
                while queue:
                    probe = queue.popleft()
                    if (reason := self._pointless(probe)) is not None:
                        self._keep(untested(probe, reason))
                        continue
                    self._keep(await _tested(ground, probe, ProbedPlatform(vcpu.backend, self._host), ours=True))
                    if not await _is_well(ground):
                        break

    def _pointless(self, probe: Probe) -> str | None:
        """Why ``probe`` could only show again what another has shown; None where it is worth its while."""
        for before, after, outcomes, why in DEPENDS:
            if probe.name in after and self._outcomes.get(before, "") in outcomes:
                return why
        return None

    async def guest(self, ground: Ground, needs: dict[Need, str], probes: Iterable[Probe] = PROBES) -> None:
        """On a guest that is not ours. ``needs`` says why what is not there is not. All is put back at the end; what
        could not be is in `problems`."""
        queue, platform = deque(probes), ProbedPlatform(ground.vcpu.backend, self._host)
        await ground.borrow()
        try:
            while queue:
                probe = queue.popleft()
                reason = next((needs[need] for need in sorted(probe.needs) if need in needs), self._pointless(probe))
                if reason is None and known.find(probe.name, HUNG, platform.backend, platform.host) is not None:
                    reason = f"ends the guest on {platform.host or platform.backend.name}"
                if reason is not None:
                    self._keep(untested(probe, reason))
                    continue
                self._keep(await _tested(ground, probe, platform, ours=False))
                if self.results[-1].outcome == HUNG:
                    self.problems.append(f"The guest does not run any more: {HUNG} in the test of {probe.line}.")
                    break
            ended = self.results[-1].probe.line if self.results else ""
            for probe in queue:
                self._keep(untested(probe, f"the test before ended the guest: {ended}"))
        finally:
            await self._give_back(ground)

    async def _give_back(self, ground: Ground) -> None:
        done = False
        with trio.move_on_after(TIDY_SECONDS, shield=True), suppress(TransportError):
            if ground.vcpu.remote.lost is None and await ground.vcpu.halt():
                self.problems += await ground.give_back()
                done = True
        if not done:
            self.problems.append("The stub does not answer any more, so the guest's memory and registers are not back.")


async def boot(vcpu: Vcpu, guest: OwnGuest) -> None:
    """Let our guest run until it stands in its arena."""
    with trio.move_on_after(BOOT_SECONDS):
        while True:
            moved = await vcpu.move("c", BOOT_LOOK, everybody=True, hang=BOOT_SECONDS)
            if not isinstance(moved.stop, Stopped):
                raise GdbError("The guest of dr6 doctor ended before its first test; it needs a CPU with 64-bit mode.")
            if (await vcpu.look()).rip == guest.arena:
                return
    raise GdbError(f"The guest of dr6 doctor was not ready within {BOOT_SECONDS:g} seconds; does this QEMU run it?")


async def _tested(ground: Ground, probe: Probe, platform: ProbedPlatform, *, ours: bool) -> Result:
    """One probe; what nobody knows of the platform is tried again before it is believed."""
    first = judge(probe, await _exercise(ground, probe, ours=ours), platform)
    if first.status != "new" or first.outcome == HUNG:
        return first
    second = judge(probe, await _exercise(ground, probe, ours=ours), platform)
    if second.outcome == first.outcome:
        return second
    return second._replace(why=f"The first of two tries was otherwise: {first.outcome}.")


async def _exercise(ground: Ground, probe: Probe, *, ours: bool) -> ProbeLog:
    """Run it within its bound. On a guest of ours a stub that goes away is an end like any other: we have another."""
    try:
        with trio.move_on_after(PROBE_SECONDS):
            return await exercise(ground, probe)
    except Hung:
        pass
    except TransportError:
        if not ours:
            raise
    return ENDED


ENDED = ProbeLog(VcpuMoment("start", None, None, 0, {}), moments=(VcpuMoment("end", None, None, 0, {}),))


async def _is_well(ground: Ground) -> bool:
    """Can the next probe be run on this guest? Not in HLT, nor with debug registers of its own left armed."""
    vcpu = ground.vcpu
    with trio.move_on_after(TIDY_SECONDS):
        try:
            if not await vcpu.halt():
                return False
            await ground.settle()
            state = await vcpu.look()
        except GdbError:
            return False
        return not state.halted and state.debug.dr7 in (None, DR7_CLEAR)
    return False


async def awake(vcpu: Vcpu) -> CpuState:
    """The state of a vCPU that is not in HLT: a guest that waits is let run until it goes on behind its HLT, on
    whichever vCPU does first. Raises `GdbError` where none does."""
    state = await vcpu.look()
    if not state.halted:
        return state
    refusal = await vcpu.arm(BreakpointKind.EXECUTE, state.pc, 1)
    if refusal is None:
        try:
            moved = await vcpu.move("c", WAKE_SECONDS, everybody=True)
        finally:
            with trio.CancelScope(shield=True):
                if await vcpu.halt():
                    await vcpu.disarm(BreakpointKind.EXECUTE, state.pc, 1)
        cpu = vcpu.remote.cpu_of(moved.stop.thread) if isinstance(moved.stop, Stopped) else None
        vcpu.cpu = vcpu.cpu if cpu is None else cpu
        state = await vcpu.look()
        if not state.halted:
            return state
    raise GdbError(
        f"vCPU {vcpu.cpu} waits in HLT and nothing wakes it, so nothing was tested; stop the guest where it runs code, "
        "and try again."
    )


async def lay_ground(vcpu: Vcpu, writable: Writable) -> tuple[Ground, dict[Need, str]]:
    """Ground on a guest that is not ours, and why some probes can't be run there. Raises `GdbError`."""
    state = await awake(vcpu)
    if (reason := unsuitable(state)) is not None:
        raise GdbError(f"Nothing was tested: {reason}.")
    needs: dict[Need, str] = {"handlers": NOT_OURS}
    ground = Ground(vcpu, None, state, stack=True)
    if state.cpl != 0:
        needs["kernel"] = f"the guest is in user mode (CPL {state.cpl})" if state.cpl else "the CPL is not known"
    if (reason := await _no_stack(ground, writable)) is not None:
        ground.stack = False
        needs["stack"] = reason
    if not await _ss_reloads(vcpu, state):
        needs["ss"] = "SS can't be loaded again without a change"
    number = own_breakpoint_in(state, ground.spans)
    if number is not None:
        raise GdbError(f"Nothing was tested: the guest's own DR{number} is armed where the tests would be.")
    return ground, needs


async def _no_stack(ground: Ground, writable: Writable) -> str | None:
    if ground.overlaps:
        return "code and stack are in the same place"
    for address, length in ground.stack_spans:
        try:
            await ground.vcpu.remote.read_memory(address, length)
        except Refused:
            return "there is no memory at RSP"
        for byte in (address, address + length - 1):
            if not await writable(ground.state, byte):
                return "the guest may not write at RSP, as far as its page tables tell"
    return None


async def _ss_reloads(vcpu: Vcpu, state: CpuState) -> bool:
    address = descriptor_address(state)
    if address is None:
        return False
    try:
        return is_loaded_as(state, await vcpu.remote.read_memory(address, 8))
    except Refused:
        return False
