"""Phases D and L: why the guest's own handler of vector 1 runs, from DR6, DR7, the frame and the code.

Every bit of DR6 is asked. B0-B3 are replaced by each #DB; BD, BS and BT stay until software clears them, so one that
DR6 had before proves nothing by itself. A rule says ``certain`` only where each fact that could refute it is known.
"""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.explain.abilities import Ability, holds
from gdbstub.explain.evidence import Action
from gdbstub.explain.exception_facts import ExceptionFacts, Executed
from gdbstub.explain.explanation import Cause, CauseName, Confidence
from gdbstub.explain.rules.guest_breakpoints import DATA, SLOT_CAUSES, accessor, breakpoints
from gdbstub.explain.rules.guest_rare_bits import bus_lock, task_switch, transaction
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
from gdbstub.x86.debug_registers import B_MASK, BD, BS
from gdbstub.x86.decode import shape
from gdbstub.x86.instructions import Instruction
from gdbstub.x86.registers import DEBUGCTL_BTF, TF

SINGLE_STEP = ("SDM 3B 18.3.1.4",)
MAYBE_BRANCH = "DEBUGCTL.BTF is not known"

LEAKS = frozenset(("pushf", "gate"))
TAKES_TF_AWAY = frozenset(("popf", "iret"))
CLEARS_TF = frozenset((*TAKES_TF_AWAY, "sysret", "syscall"))


def general_detect(event: ExceptionFacts) -> Iterator[Finding]:
    """BD: a fault of the MOV DR at the saved RIP."""
    if event.causes is None or not event.causes & BD:
        return
    following = event.next_shape() or event.scene.in_any_mode(event.at)
    level: Confidence = "possible"
    because: tuple[str, ...] = ("DR6.BD is set",)
    if following is not None:
        if "mov-dr" not in following.traits:
            return
        because = (*because, "the instruction at the saved RIP accesses a debug register")
        alone = event.cpl in (0, None) and not event.new(BS)
        level = "certain" if event.new(BD) and alone else "likely"
    cause = Cause("general-detect", owner(event), "fault", level, because, ("SDM 3B 18.3.1.3", "SDM 3B 18.2.4"))
    here = None if following is None or event.at is None else Instruction(event.at, *following[:3])
    yield Finding(cause, here)


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
    if event.writes_dr6 is not None and not new:
        because.append(f"`{event.writes_dr6.shape.text}` in front may have written it")
    if tf:
        because.append("TF is 1 in the saved RFLAGS")
    elif tf is False and (took_away or _may_clear_tf(event)):
        because.append("TF is 0 in the saved RFLAGS, and what ran last may have cleared it")
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
        because.append(MAYBE_BRANCH)
    whose = owner(event)
    if whose == "guest" and leaked(event):
        whose = "debugger-leak"
        because.append("the debugger stepped over an instruction that saves TF in the guest's memory")
    elif tf is None and event.dr7 is not None:
        whose = "unknown"
    elif (by_itself := _by_itself(event)) is not None:
        whose, level = "hypervisor", "possible"
        because.append(by_itself.clause)
    guess, in_front = last is not None and not last.exact, last is not None and event.only_stands_in_front(last)
    if name == "branch-step" and in_front:  # a branch was taken, so RIP did not come by what stands in front of it
        last, guess = None, False
    cause = Cause(name, whose, "trap", level, tuple(because), SINGLE_STEP)
    yield Finding(cause, event.instruction(last), None, guess, in_front)


def _by_itself(event: ExceptionFacts) -> Ability | None:
    """A step that the platform makes for itself, which the guest gets while hardware breakpoints are armed."""
    scene, exact = event.scene, event.exact
    armed = any(row.owner == "debugger" and row.kind != "software" for row in scene.breakpoints or ())
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
        return "certain" if tf else "likely" if _may_clear_tf(event) else "possible"
    if event.causes is None or not event.front:
        return "possible"
    rival = vector_1_without_bits(event)
    if rival == "likely":
        return "possible"
    if not tf and event.causes == BS and _took_tf_away(event):
        return "certain"
    if not tf:  # TF was taken away by what ran, or BS is old; but then nothing accounts for the #DB
        return "likely" if event.causes == BS and _may_clear_tf(event) else "possible"
    return "likely" if rival or event.causes & (B_MASK | BD) else "certain"


def _may_clear_tf(event: ExceptionFacts) -> bool:
    """Whether TF may be clear in the frame because of what ran last: POPF, a return, or SYSCALL; by the look of it, or
    because the code in front of the saved RIP does not run into it."""
    if event.tf is not False or not event.front:
        return False
    last = event.last_instruction() if event.came_straight() else None
    return last is None or bool(last.shape.traits & CLEARS_TF)


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
    last, here = event.last_instruction() if event.came_straight() else None, event.next_shape()
    if event.exact is None and event.rf and here is not None and event.at is not None and "rep" in here.traits:
        return Executed(here, event.at, False)
    if last is None:
        return _stepped_return(event)
    if "gate" in last.shape.traits and "syscall" not in last.shape.traits:
        return None
    if last.exact or here is None or event.at is None:
        return last
    if "popf" in last.shape.traits and event.tf and "rep" in here.traits:
        return Executed(here, event.at, False)
    return last


def _stepped_return(event: ExceptionFacts) -> Executed | None:
    """The IRET that the last handler returned to with TF set: it may have led here. One that begins with TF clear does
    not trap, whatever it loads."""
    last = known(event.scene.evidence.last_frame)
    if last is None or not last.rflags & TF:
        return None
    start = event.linear(last.rip)
    returns = (one for one in event.departures() if "iret" in one.shape.traits and one.address == start)
    return next(returns, None)


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
        if not slot.enabled or slot.type not in ("write", "access") or address is None:
            continue
        culprit = accessor(event, slot, address)
        if culprit is not None:
            reason = f"{event.standing(culprit)} accesses what DR{slot.number} covers"
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
