"""Phases D and L: why the guest's own handler of vector 1 runs, from DR6, DR7, the frame and the code.

Every bit of DR6 is asked. B0-B3 are replaced by each #DB; BD, BS and BT stay until software clears them, so one that
DR6 had before proves nothing by itself. A rule says ``certain`` only where each fact that could refute it is known.
"""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.explain.abilities import Ability, holds
from gdbstub.explain.evidence import Action
from gdbstub.explain.exception_facts import ExceptionFacts, Executed
from gdbstub.explain.explanation import Cause, CauseName, Class, Confidence
from gdbstub.explain.rules.no_dr6_bits import (
    icebp,
    injected,
    int_1,
    owner,
    resumed,
    returned_to_itself,
    same_frame,
    vector_1_without_bits,
)
from gdbstub.explain.stop_facts import Finding, known
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.debug_registers import B_MASK, BD, BLD, BS, BT, RTM, Slot
from gdbstub.x86.decode import shape
from gdbstub.x86.registers import DEBUGCTL_BTF, TF

INSTRUCTION = ("SDM 3B 18.3.1.1",)
DATA = ("SDM 3B 18.3.1.2",)
SINGLE_STEP = ("SDM 3B 18.3.1.4",)
DR6 = ("SDM 3B 18.2.3",)

SLOT_CAUSES: dict[BreakpointKind, tuple[CauseName, Class]] = {
    BreakpointKind.EXECUTE: ("instruction-breakpoint", "fault"),
    BreakpointKind.WRITE: ("data-write", "trap"),
    BreakpointKind.ACCESS: ("data-access", "trap"),
    BreakpointKind.IO: ("io-breakpoint", "trap"),
}
LEAKS = frozenset(("pushf", "gate"))
TAKES_TF_AWAY = frozenset(("popf", "iret"))


def breakpoints(event: ExceptionFacts) -> Iterator[Finding]:
    """B0-B3: each by what DR7 says its register is for."""
    if event.causes is None or event.causes & B_MASK == 0:
        return
    for n in range(4):
        if not event.causes >> n & 1:
            continue
        if event.dr7 is None:
            yield from _any_kind(event, n)
        elif event.dr7.enabled >> n & 1:
            slot = event.dr7.slots[n]
            if slot.type is BreakpointKind.EXECUTE:
                yield from _execute(event, slot)
            else:
                yield from _data(event, slot)


def _any_kind(event: ExceptionFacts, n: int) -> Iterator[Finding]:
    """DR7 is not known: what the register is for is open."""
    address = event.addresses[n]
    because = (f"DR6.B{n} is set", "DR7 is not known, so what kind of breakpoint it is stays open")
    for kind, (name, klass) in SLOT_CAUSES.items():
        elsewhere = address is not None and event.at is not None and address != event.at
        if kind is BreakpointKind.IO or (kind is BreakpointKind.EXECUTE and elsewhere):
            continue
        yield Finding(Cause(name, owner(event), klass, "possible", because, DR6, n), None, address)


def _execute(event: ExceptionFacts, slot: Slot) -> Iterator[Finding]:
    n = slot.number
    address = event.addresses[n]
    because: tuple[str, ...] = (f"DR6.B{n} is set", f"DR7 enables DR{n} for instructions")
    level: Confidence = "possible"
    if address is not None and event.at is not None:
        if address != event.at:
            return
        because = (*because, "the saved RIP is DRn: the instruction there has not run")
        level = "certain" if event.exact_address else "likely"
    yield Finding(
        Cause("instruction-breakpoint", owner(event), "fault", level, because, INSTRUCTION, n),
        event.next_instruction(),
        event.at if address is None else address,
    )


def _data(event: ExceptionFacts, slot: Slot) -> Iterator[Finding]:
    """Data and I/O. The access is over; which instruction made it is read from what ran before the saved RIP."""
    n = slot.number
    address = event.addresses[n]
    name, klass = SLOT_CAUSES[slot.type]
    because = [f"DR6.B{n} is set", f"DR7 enables DR{n} for {'I/O' if slot.type == 'io' else 'data'}"]
    culprit = None if address is None else accessor(event, slot, address)
    if culprit is not None:
        because.append("the instruction before the saved RIP accesses what it covers")
    level: Confidence = "certain" if culprit is not None else "likely"
    if slot.type is BreakpointKind.IO and not event.de:
        because.append("CR4.DE is not known" if event.de is None else "CR4.DE is 0, which leaves this type undefined")
        level = "likely" if culprit is not None else "possible"
    shown = culprit
    if shown is None and event.came_straight():
        shown = event.likeliest_that(lambda candidate: _could(event, candidate, slot, address))
    guess = shown is not None and shown is not culprit and not shown.exact
    cause = Cause(name, owner(event), klass, level, tuple(because), DATA, n)
    yield Finding(cause, event.instruction(shown), address, guess)


def accessor(event: ExceptionFacts, slot: Slot, address: int) -> Executed | None:
    """The instruction whose operand or port is known to lie in what the breakpoint covers."""
    agrees = event.uses_port if slot.type is BreakpointKind.IO else event.hits
    return event.culprit(lambda candidate: agrees(candidate, slot, address) is True)


def _could(event: ExceptionFacts, candidate: Executed, slot: Slot, address: int | None) -> bool:
    """Whether the instruction is of the kind that the breakpoint watches, and is not known to access other places."""
    if slot.type is BreakpointKind.IO:
        return candidate.shape.port_size > 0
    if address is not None and event.hits(candidate, slot, address) is False:
        return False
    return any(operand.writes or slot.type is BreakpointKind.ACCESS for operand in candidate.shape.memory)


def general_detect(event: ExceptionFacts) -> Iterator[Finding]:
    """BD: a fault of the MOV DR at the saved RIP."""
    if event.causes is None or not event.causes & BD:
        return
    following = event.next_shape()
    level: Confidence = "possible"
    because: tuple[str, ...] = ("DR6.BD is set",)
    if following is not None:
        if "mov-dr" not in following.traits:
            return
        because = (*because, "the instruction at the saved RIP accesses a debug register")
        level = "certain" if event.new(BD) else "likely"
    cause = Cause("general-detect", owner(event), "fault", level, because, ("SDM 3B 18.2.4",))
    yield Finding(cause, event.next_instruction())


def single_step(event: ExceptionFacts) -> Iterator[Finding]:
    """BS: TF was set when the instruction began, or (DEBUGCTL.BTF) a branch was taken."""
    if event.causes is None or not event.causes & BS:
        return
    new, tf = event.new(BS), event.tf
    last = _stepped(event)
    level = _step_level(event)
    took_away = last is not None and bool(last.shape.traits & TAKES_TF_AWAY)
    if new is False and tf is False and not took_away and level == "possible":
        return
    because = ["DR6.BS is set"]
    if new:
        because.append("it was clear before")
    if tf is not None:
        because.append(f"TF is {int(tf)} in the saved RFLAGS")
    if not new and not tf and level == "likely":
        because.append("DR6 has no other bit, and neither INT1 nor INT 1 is in front of the saved RIP")
    debugctl = known(event.scene.evidence.before.debugctl)
    name: CauseName = "single-step"
    exact = event.exact
    if debugctl is not None and debugctl & DEBUGCTL_BTF and (exact is None or "branch" in exact.shape.traits):
        name = "branch-step"
        because.append("DEBUGCTL.BTF was set")
    elif level == "certain" and not _no_branch_step(event, debugctl):
        level = "likely"
        because.append("DEBUGCTL.BTF is not known")
    whose = owner(event)
    if whose == "guest" and leaked(event):
        whose = "debugger-leak"
        because.append("the debugger stepped over an instruction that saves TF in the guest's memory")
    elif tf is None and event.dr7 is not None:
        whose = "unknown"
    elif (by_itself := _by_itself(event)) is not None:
        whose, level = "hypervisor", "possible"
        because.append(by_itself.clause)
    guess = last is not None and not last.exact
    yield Finding(Cause(name, whose, "trap", level, tuple(because), SINGLE_STEP), event.instruction(last), None, guess)


def _by_itself(event: ExceptionFacts) -> Ability | None:
    """A step that the platform makes for itself, which the guest gets while hardware breakpoints are armed."""
    scene, exact = event.scene, event.exact
    armed = any(row.owner == "debugger" and row.kind.is_hardware for row in scene.breakpoints or ())
    plain = exact is not None and not exact.shape.traits & (TAKES_TF_AWAY | {"gate", "sysret"})
    by_itself = scene.abilities.steps_by_itself
    could = holds(by_itself, scene.vendor) and armed and event.tf is False and event.new(BS) and plain
    return by_itself if could else None


def _step_level(event: ExceptionFacts) -> Confidence:
    """Some platforms set BS in every #DB that they inject while TF is set, INT1 among them."""
    new, tf = event.new(BS), event.tf
    if event.scene.abilities.adds_bs and (not event.front or event.front[-1] == 0xF1):
        return "possible"
    if new:
        return "certain" if tf else "likely"
    if event.causes is None or not event.front:
        return "possible"
    rival = vector_1_without_bits(event)
    if rival == "likely":
        return "possible"
    if not tf and event.causes == BS and _took_tf_away(event):
        return "certain"
    if not tf:  # TF was taken away by what ran, or BS is old; but then nothing accounts for the #DB
        return "likely" if event.causes == BS else "possible"
    return "likely" if rival or event.causes & (B_MASK | BD) else "certain"


def _took_tf_away(event: ExceptionFacts) -> bool:
    """Whether a POPF or IRET is known to have run last, and TF to have been set in front of it."""
    exact, last = event.exact, known(event.scene.evidence.last_frame)
    if exact is None or not exact.shape.traits & TAKES_TF_AWAY:
        return False
    stepped = exact.address == event.scene.start and event.scene.action is Action.STEP
    flags = known(event.scene.evidence.before.rflags) if stepped else None if last is None else last.rflags
    return bool((flags or 0) & TF)


def _stepped(event: ExceptionFacts) -> Executed | None:
    """The instruction that a single step was over. INT n and its like clear TF, so they are never it; a POPF that sets
    TF does not trap, so in front of a REP it was an iteration of that."""
    last = event.last_instruction() if event.came_straight() else None
    if last is None or ("gate" in last.shape.traits and "syscall" not in last.shape.traits):
        return None
    here = event.next_shape()
    if last.exact or here is None or event.at is None:
        return last
    if "popf" in last.shape.traits and event.tf and "rep" in here.traits:
        return Executed(here, event.at, False)
    return last


def _no_branch_step(event: ExceptionFacts, debugctl: int | None) -> bool:
    """Whether this can be no branch step: BTF is off, the platform drops it, or no branch ran."""
    exact = event.exact
    if debugctl is not None or event.scene.vendor in event.scene.abilities.drops_btf:
        return True
    return exact is not None and "branch" not in exact.shape.traits


def leaked(event: ExceptionFacts) -> bool:
    """Whether a step of the debugger can have put TF into the guest's memory."""
    if not event.scene.abilities.steps_by_tf:
        return False
    for stepped in event.scene.evidence.stepped:
        what = shape(stepped.bytes, event.scene.mode)
        if what is not None and what.traits & LEAKS:
            return True
    return False


def task_switch(event: ExceptionFacts) -> Iterator[Finding]:
    """BT: the new task's TSS has its T flag set. Some platforms raise this #DB without BT."""
    without = event.scene.abilities.task_trap_without_bt
    before, after = known(event.scene.evidence.before.tr), known(event.scene.evidence.after.tr)
    switched = before is not None and after is not None and before != after
    if event.causes is None or not (event.causes & BT or (switched and without and event.causes == 0)):
        return
    because = ["DR6.BT is set"] if event.causes & BT else ["DR6 has no bit for a cause"]
    if switched:
        because.append("TR names another task than before")
    new = event.new(BT)
    level: Confidence = "certain" if new and switched else "likely" if new or switched else "possible"
    yield Finding(Cause("task-switch", owner(event), "trap", level, tuple(because), DR6), event.next_instruction())


def bus_lock(event: ExceptionFacts) -> Iterator[Finding]:
    """BLD is 0: a locked access crossed a cache line, or was to uncached memory, at CPL > 0."""
    if event.causes is None or not event.causes & BLD:
        return
    culprit = event.culprit(lambda candidate: "lock" in candidate.shape.traits)
    new = event.new(BLD)
    because = ["DR6.BLD is 0 (active low)"]
    if culprit is not None:
        because.append("the instruction before the saved RIP locks the bus")
    level: Confidence = "possible"
    if new and event.cpl == 3:
        level = "certain" if culprit is not None else "likely"
    sources = ("SDM 3B 18.2.3", "Linux buslock.rst")
    cause = Cause("bus-lock", owner(event), "trap", level, tuple(because), sources)
    yield Finding(cause, event.instruction(culprit or event.last_instruction()))


def transaction(event: ExceptionFacts) -> Iterator[Finding]:
    """RTM is 0: the #DB came inside a transaction, which was rolled back to its XBEGIN."""
    if event.causes is None or not event.causes & RTM:
        return
    following = event.next_shape()
    because = ["DR6.RTM is 0 (active low)"]
    level: Confidence = "possible"
    if following is not None and "xbegin" in following.traits:
        because.append("the instruction at the saved RIP is XBEGIN")
        level = "certain" if event.new(RTM) else "likely"
    cause = Cause("rtm", owner(event), "trap", level, tuple(because), DR6)
    yield Finding(cause, event.next_instruction())


def interrupted_delivery(event: ExceptionFacts) -> Iterator[Finding]:
    """The outer one of two nested #DBs, seen when the inner one's handler has returned: its DR6 is gone."""
    if not resumed(event) or same_frame(event):
        return
    because = ("the #DB before this one came inside this one's delivery", "its handler has cleared DR6 since")
    if event.tf:
        reason = "TF is 1 in the saved RFLAGS"
        cause = Cause("single-step", owner(event), "trap", "likely", (*because, reason), SINGLE_STEP)
        yield Finding(cause, event.instruction(_stepped(event)))
    for slot in event.dr7.slots if event.dr7 is not None else ():
        address = event.addresses[slot.number]
        if not slot.enabled or not slot.type.is_watch or address is None:
            continue
        culprit = accessor(event, slot, address)
        if culprit is not None:
            reason = f"the instruction before the saved RIP accesses what DR{slot.number} covers"
            name, klass = SLOT_CAUSES[slot.type]
            cause = Cause(name, owner(event), klass, "likely", (*because, reason), DATA, slot.number)
            yield Finding(cause, event.instruction(culprit), address)


RULES = (
    general_detect,
    single_step,
    breakpoints,
    task_switch,
    bus_lock,
    transaction,
    icebp,
    int_1,
    interrupted_delivery,
    returned_to_itself,
)
LAST_RULES = (injected,)
