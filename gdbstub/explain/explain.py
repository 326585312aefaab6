"""`explain`: evidence in, explanation out. Rules stand in phases; all are asked, and all that hold are reported.

A stop is one of two kinds. Where the guest stands at a handler of its own (``at_handler``) it is a *guest event*,
and DR6, the frame and the code tell why. Everything else is a *debugger event*: the hypervisor took it for us, the
guest's DR6 says nothing about it, and the reply, RIP and our own breakpoints tell why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

from gdbstub.explain.deviations import table
from gdbstub.explain.evidence import Action, Evidence, Unknown
from gdbstub.explain.exception_facts import ExceptionFacts
from gdbstub.explain.explanation import Cause, Confidence, ExitDr6, Explanation, GuestDr6
from gdbstub.explain.rules import (
    debugger_stops,
    guest_db,
    intercepted,
    stop_reply,
    taken_in_step,
    told_by_exit,
    vectors,
    watchpoints,
    xen,
    xen_shared_registers,
)
from gdbstub.explain.rules.confirmed_by_model import agreed
from gdbstub.explain.stop_facts import Finding, StopFacts
from gdbstub.explain.text.advice import advise
from gdbstub.explain.text.missing_facts import missing
from gdbstub.explain.text.summary import summarize
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.debug_registers import BS, DR6_INIT, Dr6, cause_names, decode_dr6

SceneRule = Callable[[StopFacts], Iterator[Finding]]
EventRule = Callable[[ExceptionFacts], Iterator[Finding]]

STOP_PHASES: tuple[tuple[str, tuple[SceneRule, ...]], ...] = (
    ("the kind of stop", stop_reply.RULES),
    ("watchpoints", watchpoints.RULES),
    ("the debugger's own stops", debugger_stops.RULES),
    ("what the guest took in a step", taken_in_step.RULES),
    ("the debugger's own in shared debug registers", xen_shared_registers.RULES),
    ("a #DB that the hypervisor took, told by signal 2", xen.RULES),
    ("the guest's events that the hypervisor took", intercepted.RULES),
)
LAST_PHASE: tuple[SceneRule, ...] = debugger_stops.LAST_RULES
"""Asked only where nothing else holds."""
DEBUG_PHASES: tuple[tuple[str, tuple[EventRule, ...]], ...] = (
    ("#DB", guest_db.RULES),
    ("#DB whose bits the hypervisor lost", xen.EVENT_RULES),
)
EVENT_PHASES: tuple[tuple[str, tuple[EventRule, ...]], ...] = (
    ("other vectors", vectors.RULES),
    *DEBUG_PHASES,
)
DEBUG_RULES = tuple(rule for _, rules in DEBUG_PHASES for rule in rules)
STOP_RULES = tuple(rule for _, rules in STOP_PHASES for rule in rules)

RANK: dict[Confidence, int] = {"certain": 0, "likely": 1, "possible": 2}
NO_EXIT = ExitDr6(None, "unknown")
STEP_EXIT = ExitDr6(DR6_INIT | BS, "reconstructed")
NOTHING = Finding(Cause("unknown", "unknown", "none", "possible", ("the evidence accounts for no cause",)))


def explain(evidence: Evidence) -> Explanation:
    """Why the guest stopped. Never raises; ``causes`` is never empty, the surest first."""
    scene = StopFacts(evidence)
    return _event(scene) if scene.at_handler else _stop(scene)


def _rank(found: Finding) -> int:
    return RANK[found.cause.confidence]


def _merged(found: list[Finding]) -> list[Finding]:
    """One row for each cause, owner and slot: the surest, with the reasons of all."""
    rows: dict[tuple[object, ...], Finding] = {}
    for row in found:
        cause = row.cause
        key = (cause.cause, cause.owner, cause.klass, cause.slot, row.place)
        if key not in rows:
            rows[key] = row
            continue
        first, second = sorted((rows[key], row), key=_rank)
        because = tuple(dict.fromkeys((*first.cause.because, *second.cause.because)))
        rows[key] = first._replace(cause=first.cause._replace(because=because))
    return list(rows.values())


def _stop(scene: StopFacts) -> Explanation:
    found = told_by_exit.settled(scene, [row for rule in STOP_RULES for row in rule(scene)])
    if not found:
        found = [row for rule in LAST_PHASE for row in rule(scene)] or [NOTHING]
    if len(found) > 1:
        found = taken_in_step.settled(scene, _merged(found))
        found.sort(key=_rank)
    evidence = scene.evidence
    main = found[0]
    against = tuple(text for check in table.STOP_RULES for text in check(scene, found))
    plain = main.cause is debugger_stops.STEPPED and len(found) == 1
    dr6 = _left_over(scene, found)
    abilities = scene.abilities
    by_exit = not abilities.steps_by_mtf and isinstance(evidence.exit_dr6, Unknown)
    changes = abilities.hides_guest_breakpoints or abilities.clears_guest_tf is not None
    return Explanation(
        summarize(found, evidence),
        tuple([row.cause for row in found]),
        dr6,
        STEP_EXIT if plain and by_exit and not changes else _exit_dr6(scene, found),
        main.instruction,
        against,
        () if plain and scene.breakpoints is not None else missing(scene, None, main.cause),
        (() if plain and not changes else advise(scene, None, found)) + _own_event(scene, dr6),
    )


def _own_event(scene: StopFacts, dr6: GuestDr6 | None) -> tuple[str, ...]:
    """A step in which the guest got a #DB of its own: it was delivered, and the step ends in the handler."""
    if dr6 is None or not dr6.set or scene.action is not Action.STEP or xen.stopped(scene):
        return ()
    if scene.stepped_shape is not None and "mov-dr" in scene.stepped_shape.traits:
        return ()
    if scene.abilities.merges_step_into_dr6 and dr6.set == ("BS",):
        return ()  # the step's own
    bits = ", ".join(dr6.set)
    return (f"The guest's own DR6 gained {bits} in this step: it was delivered a #DB; catch db to have it explained.",)


def _left_over(scene: StopFacts, found: list[Finding]) -> GuestDr6 | None:
    """The guest's DR6 at a stop of the debugger: all of it is from before, unless one of its own was taken."""
    value = scene.evidence.after.dr6
    if isinstance(value, Unknown):
        return None
    if xen.stopped(scene):
        return _split(decode_dr6(value.value), [row for row in found if row.cause.owner != "debugger"])
    before = scene.evidence.before.dr6
    if isinstance(before, Unknown) or before.value == value.value:
        return _unchanged(value.value)
    return _changed(value.value, before.value)


def _changed(value: int, before: int) -> GuestDr6:
    """A DR6 that is another than when the guest was resumed: the guest got a #DB of its own meanwhile, or wrote it."""
    decoded, old = decode_dr6(value), decode_dr6(before).names
    new = tuple(name for name in decoded.names if name not in old)
    return GuestDr6(value, new, tuple(name for name in decoded.names if name in old), decoded.reserved_wrong)


@lru_cache(maxsize=4096)
def _unchanged(value: int) -> GuestDr6:
    decoded = decode_dr6(value)
    return GuestDr6(value, (), decoded.names, decoded.reserved_wrong)


def _exit_dr6(scene: StopFacts, found: list[Finding]) -> ExitDr6:
    """The DR6 of the exit that the hypervisor handled for us, put together from the debugger's own causes, and the
    guest's where it was given to the debugger with them. A step by the monitor trap flag is no #DB at all."""
    shown = scene.evidence.exit_dr6
    if not isinstance(shown, Unknown):
        return ExitDr6(shown.value, "reported")
    if scene.vendor in scene.abilities.steps_by_mtf and scene.guest != "pv":
        return NO_EXIT
    value, before = 0, False
    with_guests = scene.abilities.takes_db_while_stepping is not None and scene.action is Action.STEP
    for row in found:
        cause = row.cause
        ours = cause.owner == "debugger" or (with_guests and cause.slot is not None)
        if cause.confidence == "possible" or not ours:
            continue
        if cause.cause == "single-step":
            value |= BS
        elif cause.cause in ("instruction-breakpoint", "data-write", "data-access"):
            if cause.slot is None or not 0 <= cause.slot <= 3:
                return NO_EXIT
            before = before or cause.cause == "instruction-breakpoint"
            value |= 1 << cause.slot
    met = _met_behind(scene) if value & BS else set()
    value |= sum(1 << slot for slot in met if slot is not None)
    if None in met or (before and value & BS):  # either the step came back to the breakpoint, or nothing ran
        return NO_EXIT
    return ExitDr6(DR6_INIT | value, "reconstructed") if value else NO_EXIT


def _met_behind(scene: StopFacts) -> set[int | None]:
    """The debug registers of instruction breakpoints where a step has ended, where they are the CPU's own: the trap
    behind one instruction sets the bits of the next one as well (SDM 3B 18.2.3)."""
    if scene.abilities.takes_db_while_stepping is None:
        return set()
    own = [row for row in scene.breakpoints or () if row.kind.is_hardware]
    if own:
        return {row.slot for row in own if row.kind is BreakpointKind.EXECUTE and row.address == scene.pc}
    slots = scene.guest_slots(scene.evidence.after)
    return {slot.number for slot, at in slots if slot.type is BreakpointKind.EXECUTE and at == scene.pc}


def _event(scene: StopFacts) -> Explanation:
    event = ExceptionFacts(scene)
    rules = DEBUG_RULES if event.vector in (1, None) else vectors.RULES
    found = [row for rule in rules for row in rule(event)]
    if not found:
        last = guest_db.LAST_RULES if rules is DEBUG_RULES else ()
        found = [row for rule in last for row in rule(event)] or [_no_cause(event)]
    found = agreed(event, found)
    found.sort(key=_rank)
    borne_out = {row.instruction for row in found if not row.guess}
    found = [row._replace(guess=row.guess and row.instruction not in borne_out) for row in found]
    against = tuple(text for check in table.EVENT_RULES for text in check(event, found))
    return Explanation(
        summarize(found, scene.evidence),
        tuple(row.cause for row in found),
        _guest_dr6(event, found),
        NO_EXIT,
        None if found[0].guess else found[0].instruction,
        against,
        missing(scene, event, found[0].cause),
        advise(scene, event, found),
    )


def _no_cause(event: ExceptionFacts) -> Finding:
    if event.causes is None:
        because = "DR6 is not known, and the code in front of the saved RIP shows no cause"
    elif event.causes:
        because = f"DR6 shows {', '.join(cause_names(event.causes))}, which the other registers do not bear out"
    else:
        because = "DR6 shows no cause, and the code in front of the saved RIP is not known to be INT1"
    return Finding(Cause("unknown", "unknown", "none", "possible", (because,)))


CAUSE_BITS = {
    "general-detect": "BD",
    "single-step": "BS",
    "branch-step": "BS",
    "task-switch": "BT",
    "bus-lock": "BLD",
    "rtm": "RTM",
}


def _guest_dr6(event: ExceptionFacts, found: list[Finding]) -> GuestDr6 | None:
    """The guest's DR6 with the bits that this event set told from those left over."""
    if event.dr6 is None:
        return None
    return _split(event.dr6, found if event.vector in (1, None) else [])


def _split(dr6: Dr6, found: list[Finding]) -> GuestDr6:
    claimed = {CAUSE_BITS.get(row.cause.cause) or f"B{row.cause.slot}" for row in found}
    return GuestDr6(
        dr6.value,
        tuple(name for name in dr6.names if name in claimed),
        tuple(name for name in dr6.names if name not in claimed),
        dr6.reserved_wrong,
    )
