"""Which facts were missing where they would have mattered: "DR7: not given"."""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.explain.abilities import holds
from gdbstub.explain.evidence import Action, Known, NoStop, Unknown
from gdbstub.explain.exception_facts import ExceptionFacts
from gdbstub.explain.explanation import Cause
from gdbstub.explain.rules.page_fault import PAGE_FAULT
from gdbstub.explain.stop_facts import StopFacts
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.debug_registers import B_MASK, BS, BT, decode_dr7
from gdbstub.x86.exceptions import VECTORS

WITH_ERROR_CODE = frozenset(row.number for row in VECTORS if row.has_error_code)
"""Real mode pushes none for these either."""
MOST_OF_REPLY = 40
"""Characters that are shown of what is no stop reply."""


def _say(name: str, fact: object) -> Iterator[str]:
    if isinstance(fact, Unknown):
        yield f"{name}: {fact.why}"


def missing(scene: StopFacts, event: ExceptionFacts | None, main: Cause) -> tuple[str, ...]:
    """Facts that were asked for and not known, in the order of the questions."""
    return tuple(_of_event(scene, event, main) if event is not None else _of_stop(scene, main))


def _of_stop(scene: StopFacts, main: Cause) -> Iterator[str]:
    evidence = scene.evidence
    if main.cause in ("shutdown", "internal-error", "interrupt-request"):
        return
    yield from _say("stop reply", evidence.reply)
    if isinstance(scene.reply, NoStop):
        yield f'stop reply: "{scene.reply.raw[:MOST_OF_REPLY]}" is none'
    yield from _say("what was asked of the guest", evidence.action)
    yield from _say("RIP", evidence.after.rip)
    yield from _say("the debugger's breakpoints", evidence.breakpoints)
    dr7 = evidence.after.dr7
    old = scene.abilities.shows_old_dr6
    lazy = holds(old, scene.vendor) and scene.guest == "hvm"
    if (
        old is not None
        and lazy
        and isinstance(evidence.exit_dr6, Unknown)
        and isinstance(evidence.exit_event, Unknown)
        and isinstance(dr7, Known)
        and not decode_dr7(dr7.value).enabled
    ):
        yield old.advice
    if scene.action is Action.STEP:
        yield from _say("RIP before the step", evidence.before.rip)
        yield from _say("the bytes there", evidence.before.bytes)
        yield from _say("CPU mode", evidence.mode)


def _of_event(scene: StopFacts, event: ExceptionFacts, main: Cause) -> Iterator[str]:
    evidence = scene.evidence
    after = evidence.after
    yield from _say("exception frame", evidence.frame)
    if scene.unread:
        why = "" if isinstance(evidence.mode, Known) else f"{evidence.mode.why}; "
        yield f"CPU mode: {why}the code at the saved RIP reads differently in 16-, 32- and 64-bit code"
    elif event.causes and event.causes & BT:
        yield from _say("CPU mode", evidence.mode)
    if event.frame is not None and not scene.unread:
        yield from _code(event, main)
    if event.vector not in (1, None):
        yield from _of_exception(event)
        return
    yield from _say("DR6", after.dr6)
    if event.causes is None:
        return
    if event.causes & B_MASK:
        yield from _say("DR7", after.dr7)
        for n, fact in enumerate((after.dr0, after.dr1, after.dr2, after.dr3)):
            if event.causes >> n & 1:
                yield from _say(f"DR{n}", fact)
        named = () if event.dr7 is None else (slot for slot in event.dr7.slots if event.causes >> slot.number & 1)
        if any(slot.enabled and slot.type is BreakpointKind.IO for slot in named):
            yield from _say("CR4", after.cr4)
    if event.causes & ~B_MASK:
        yield from _say("DR6 before the event", evidence.before.dr6)
    stale = event.causes & BS and event.new(BS) is False and not (event.tf and event.causes == BS)
    if stale and main.confidence == "likely":
        yield "whether DR6.BS was cleared since the last stop, where it was set too"
    if event.causes & BS and scene.vendor not in scene.abilities.drops_btf and event.exact is None:
        yield from _say("DEBUGCTL before the event", evidence.before.debugctl)


def _code(event: ExceptionFacts, main: Cause) -> Iterator[str]:
    """Bytes around the saved RIP. A fault that is the only cause is one of the instruction there, and behind a task
    switch no code leads to RIP."""
    alone = event.vector in (1, None) and event.causes is not None and event.causes.bit_count() == 1
    if alone and main.cause == "task-switch":
        return
    if alone and main.klass == "fault":
        if not event.behind_code:
            yield "the code at the saved RIP: not given"
    elif not event.front:
        yield "the code in front of the saved RIP: not given"


def _of_exception(event: ExceptionFacts) -> Iterator[str]:
    if event.vector == PAGE_FAULT:
        yield from _say("CR2", event.scene.evidence.after.cr2)
    pushes = event.vector in WITH_ERROR_CODE and event.scene.mode_known and event.scene.mode != 16
    if pushes and event.frame is not None and event.frame.error_code is None:
        yield "error code: not in the frame"
