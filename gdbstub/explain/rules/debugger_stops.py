"""Phase B: stops that the debugger itself brought about by a step or a breakpoint.

The order of proof for a step: the reply is SIGTRAP, a step was asked for, RIP was at an instruction that is known,
and RIP now is where that instruction leads.
"""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.explain.evidence import Action
from gdbstub.explain.explanation import Cause, Confidence
from gdbstub.explain.stop_facts import Finding, StopFacts, known
from gdbstub.protocol.stops import Stopped
from gdbstub.x86.breakpoints import ArmedBreakpoint, BreakpointKind
from gdbstub.x86.decode import shape, successors
from gdbstub.x86.instructions import Shape

SINGLE_STEP = ("SDM 3B 18.3.1.4",)
INSTRUCTION = ("SDM 3B 18.3.1.1",)
BREAKPOINT = ("SDM 3B 18.3.2",)
ASKED = "a step was asked for"


def _step(confidence: Confidence, *because: str, sources: tuple[str, ...] = SINGLE_STEP) -> Cause:
    return Cause("single-step", "debugger", "trap", confidence, because, sources)


def is_step(cause: Cause, how: Cause) -> bool:
    """Whether ``cause`` is the step ``how``, perhaps surer, and with more reasons."""
    same = (cause.cause, cause.owner) == (how.cause, how.owner)
    return same and cause.because[: len(how.because)] == how.because


STEPPED = _step("certain", ASKED, "RIP moved past one instruction")
ITERATED = _step("certain", ASKED, "RCX went down and RIP stayed: one iteration of the REP instruction is done")
JUMPED = _step("certain", ASKED, "the instruction leads to RIP")
SHADOWED = _step(
    "certain",
    ASKED,
    "RIP moved past two instructions: MOV SS and POP SS put debug traps off until after the next one",
)
STAYED = _step("likely", ASKED, "the instruction leads to itself")
MOVED = _step("likely", ASKED, "RIP moved")
ENTERED = _step("likely", ASKED, "the instruction enters a handler, and RIP is not behind it")
ELSEWHERE = _step(
    "likely",
    ASKED,
    "RIP is not where the instruction leads: an exception or an interrupt was delivered during the step",
)
ASKED_ONLY = _step("possible", ASKED)
LEADS_HERE = _step("possible", "RIP is where the instruction before leads")


def single_step(scene: StopFacts) -> Iterator[Finding]:
    """The step that the debugger asked for has ended. Where a step hides a watchpoint, a watch packet says that BS was
    clear, so something else stopped the guest."""
    hides = scene.abilities.step_hides_watch is not None
    if not scene.trap_reply() or scene.action not in (Action.STEP, None) or (hides and scene.watch):
        return
    cause = _step_cause(scene)
    if cause is not None:
        yield Finding(cause, scene.stepped_instruction())


def _step_cause(scene: StopFacts) -> Cause | None:
    stepped, start, rip = scene.stepped_shape, scene.came_from, scene.rip
    if scene.action is None:
        leads = stepped is not None and start is not None and rip in successors(stepped, start, scene.mode)
        return LEADS_HERE if leads and rip != start else None
    if start is None or rip is None:
        return ASKED_ONLY
    if stepped is None:
        return ASKED_ONLY if start == rip else MOVED
    cause = _leads(scene, stepped, start, rip)
    if cause is not None and cause.confidence == "certain" and not (scene.reply is not None and scene.mode_known):
        return cause._replace(confidence="likely")
    return cause


def _leads(scene: StopFacts, stepped: Shape, start: int, rip: int) -> Cause | None:
    """The step from ``start`` over ``stepped`` to ``rip``; None where nothing ran."""
    leads = successors(stepped, start, scene.mode)
    if rip == start:
        return _stayed(scene, stepped, rip in leads)
    if rip in leads:
        return STEPPED if stepped.relative is None else JUMPED
    if "gate" in stepped.traits:
        return JUMPED if scene.abilities.step_stops_at_handler else entered(scene)
    if "indirect" in stepped.traits:
        return JUMPED
    if "mov-ss" in stepped.traits:
        second = shape((known(scene.evidence.before.bytes) or b"")[len(stepped.bytes) :], scene.mode)
        if second is not None and rip in successors(second, start + len(stepped.bytes), scene.mode):
            return SHADOWED
    return ELSEWHERE


def entered(scene: StopFacts) -> Cause:
    """A step into a handler, that ended where this platform ends it."""
    past = scene.abilities.step_goes_past_gate
    return ENTERED if past is None else _step("likely", ASKED, past.clause, sources=(*SINGLE_STEP, *past.sources))


def _stayed(scene: StopFacts, stepped: Shape, may_stay: bool) -> Cause | None:
    if "rep" in stepped.traits:
        before, after = known(scene.evidence.before.rcx), known(scene.evidence.after.rcx)
        if before is None or after is None:
            return ASKED_ONLY
        return ITERATED if after != before else None
    if "gate" in stepped.traits:
        return None
    if may_stay:  # a jump to itself; or a #DB of the guest's that came before it, where the debugger is given those
        return JUMPED if scene.abilities.guest_keeps_db else STAYED
    return ASKED_ONLY if "indirect" in stepped.traits and not _still_pushed(scene, stepped) else None


def _still_pushed(scene: StopFacts, stepped: Shape) -> bool:
    """Whether an instruction that moves RSP has left it where it was: then it has not run."""
    before, after = known(scene.evidence.before.rsp), known(scene.evidence.after.rsp)
    return before is not None and before == after and any(operand.pushed for operand in stepped.memory)


def completed(scene: StopFacts) -> bool:
    """Whether the step is known to have ended where its instruction leads."""
    return scene.action is Action.STEP and _step_cause(scene) in (STEPPED, ITERATED, JUMPED, SHADOWED)


def may_have_run(scene: StopFacts) -> bool:
    """Whether a step can have run its instruction: RIP has moved, or it may end where it began."""
    return scene.action is Action.STEP and _step_cause(scene) not in (None, ASKED_ONLY)


def stayed(scene: StopFacts) -> bool:
    """Whether a step ended where it began, and no iteration of a REP was done."""
    if scene.action is not Action.STEP or scene.came_from is None or scene.rip != scene.came_from:
        return False
    return _step_cause(scene) is not ITERATED


def own_breakpoint(scene: StopFacts) -> Iterator[Finding]:
    """RIP stands on a breakpoint of the debugger, or behind its int3, as the backend leaves it."""
    behind = scene.abilities.int3_leaves_rip_behind
    if not scene.breakpoints or scene.pc is None or not scene.trap_reply() or _steps_over_it(scene):
        return
    for armed in scene.breakpoints:
        if armed.owner != "debugger":
            continue
        if armed.kind is BreakpointKind.SOFTWARE and behind and armed.address == scene.pc:
            yield from _stepped_onto(scene, armed)
        elif armed.kind is BreakpointKind.SOFTWARE and armed.address == scene.pc - behind:
            level, because = _stands_on(scene)
            reason = f"the debugger's software breakpoint stands at {armed.address:#x}"
            cause = Cause("software-breakpoint", "debugger", "trap", level, (reason, because), BREAKPOINT)
            yield Finding(cause, scene.decoded(armed.address), armed.address)
        elif armed.kind is BreakpointKind.EXECUTE and armed.address == scene.pc:
            level, because = _stands_on(scene)
            reason = f"the debugger's hardware breakpoint stands at {armed.address:#x}"
            cause = Cause(
                "instruction-breakpoint",
                "debugger",
                "fault",
                level,
                (reason, because),
                INSTRUCTION,
                armed.slot,
            )
            yield Finding(cause, scene.decoded(armed.address), armed.address)


def _stepped_onto(scene: StopFacts, armed: ArmedBreakpoint) -> Iterator[Finding]:
    """RIP is on an int3 of the debugger's only where a step came there: a hit has it behind."""
    if scene.code_before(armed.address)[-1:] == b"\xcc":
        return  # one of the guest's own in front of it accounts for the stop
    level, because = _stands_on(scene)
    level = "likely" if level == "certain" else level
    reason = f"the debugger's software breakpoint stands at {armed.address:#x}"
    cause = Cause("software-breakpoint", "debugger", "trap", level, (reason, because), BREAKPOINT)
    yield Finding(cause, scene.decoded(armed.address), armed.address)


def _steps_over_it(scene: StopFacts) -> bool:
    """Whether a step that ran nothing did not stop for a breakpoint, since it overrides them."""
    return scene.abilities.steps_off_breakpoints is not None and stayed(scene)


def _stands_on(scene: StopFacts) -> tuple[Confidence, str]:
    if scene.action is Action.STEP:
        if stayed(scene):
            return "likely", "the step ran nothing: the breakpoint at RIP fires before it (lift it first)"
        return "possible", "a step ended here; the breakpoint itself has not been taken yet"
    if scene.action is None or scene.reply is None:
        return "possible", "RIP stands there"
    if scene.action is Action.INTERRUPT and not (isinstance(scene.reply, Stopped) and scene.reply.reasons):
        return "possible", "RIP stands there, but the guest had been asked to stop"
    return "certain", "the guest ran and stopped with RIP there"


def nothing_ran(scene: StopFacts) -> Iterator[Finding]:
    """A step or a resume that stopped where it began, and nothing of the debugger or the guest accounts for it."""
    if scene.signal != 5 or scene.watch is not None or scene.breakpoints is None or scene.rip is None:
        return
    ours = any(armed.owner == "debugger" and armed.address in (scene.pc, scene.rip) for armed in scene.breakpoints)
    over = scene.abilities.steps_off_breakpoints
    because: tuple[str, ...]
    if over is not None and stayed(scene):
        because = ("a step was asked for", "RIP has not moved", over.clause)
    elif ours:
        return
    elif stayed(scene):
        because = (
            "a step was asked for",
            "RIP has not moved, and no breakpoint of the debugger stands there",
        )
    elif scene.action is Action.CONTINUE:
        because = ("the stub reports SIGTRAP", "no breakpoint or watchpoint of the debugger accounts for it")
    else:
        return
    yield Finding(Cause("spurious", "unknown", "none", "possible", because, scene.abilities.debug_stop_sources))


RULES = (single_step, own_breakpoint)
LAST_RULES = (nothing_ran,)
