"""Phase D: the rarer bits of DR6 behind the guest's own #DB: task switches, bus locks, transactions."""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.explain.exception_facts import ExceptionFacts
from gdbstub.explain.explanation import Cause, Confidence
from gdbstub.explain.rules.no_dr6_bits import owner
from gdbstub.explain.stop_facts import Finding, known
from gdbstub.x86.debug_registers import BLD, BT, RTM
from gdbstub.x86.registers import DEBUGCTL_BLD, DEBUGCTL_RTM

TASK_SWITCH = ("SDM 3B 18.3.1.5", "SDM 3B 18.2.3")
RTM_DEBUG = ("SDM 3B 18.3.3", "SDM 3B 18.2.3")


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
    if event.in_64_bit_code:
        level = "possible"
        because.append("64-bit code has no task switches")
    yield Finding(
        Cause("task-switch", owner(event), "trap", level, tuple(because), TASK_SWITCH), event.next_instruction()
    )


def bus_lock(event: ExceptionFacts) -> Iterator[Finding]:
    """BLD is 0: a locked access crossed a cache line, or was to uncached memory, at CPL > 0."""
    if event.causes is None or not event.causes & BLD:
        return
    culprit = event.culprit(lambda candidate: "lock" in candidate.shape.traits)
    came = culprit is not None and event.came_by(culprit)
    new = event.new(BLD)
    because = ["DR6.BLD is 0 (active low)"]
    if came:
        because.append("the instruction before the saved RIP locks the bus")
    debugctl = event.debugctl
    level: Confidence = "possible"
    if new and event.cpl == 3:
        level = "certain" if came and debugctl is not None else "likely"
    whose = owner(event)
    if debugctl is not None and not debugctl & DEBUGCTL_BLD:
        whose, level = "hypervisor", "likely" if level == "certain" else level
        because.append("DEBUGCTL bit 2 is 0: the guest did not ask for it")
    elif debugctl is None:
        because.append("whether DEBUGCTL bit 2 asks for it is not known")
    sources = ("SDM 3B 18.3.1.6", "SDM 3B 18.2.3", "Linux buslock.rst")
    cause = Cause("bus-lock", whose, "trap", level, tuple(because), sources)
    yield Finding(cause, event.instruction(culprit), None, not came)


def transaction(event: ExceptionFacts) -> Iterator[Finding]:
    """RTM is 0: the #DB came inside a transaction, which was rolled back to its XBEGIN."""
    if event.causes is None or not event.causes & RTM:
        return
    if no_transaction(event) is not None:
        return
    following = event.next_shape()
    because = ["DR6.RTM is 0 (active low)"]
    level: Confidence = "possible"
    if following is not None and "xbegin" in following.traits:
        because.append("the instruction at the saved RIP is XBEGIN")
        known_on = event.dr7 is not None and event.debugctl is not None
        level = "possible" if not known_on else "certain" if event.new(RTM) else "likely"
    cause = Cause("rtm", owner(event), "trap", level, tuple(because), RTM_DEBUG)
    yield Finding(cause, event.next_instruction())


def no_transaction(event: ExceptionFacts) -> str | None:
    """Why no #DB can be of a transaction here: advanced debugging of RTM is off, or the CPU has none."""
    if event.dr7 is not None and not event.dr7.rtm:
        return "DR7.RTM is 0"
    if event.debugctl is not None and not event.debugctl & DEBUGCTL_RTM:
        return "DEBUGCTL bit 15 is 0"
    if event.scene.vendor == "amd":
        return "CPUs of AMD have no RTM"
    return None
