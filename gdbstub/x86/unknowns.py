"""Which facts were missing where they would have mattered: "DR7: not given"."""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.x86.debug_registers import B_MASK, BS
from gdbstub.x86.event import Event
from gdbstub.x86.evidence import Action, Unknown
from gdbstub.x86.explanation import Cause
from gdbstub.x86.scene import Scene


def _say(name: str, fact: object) -> Iterator[str]:
    if isinstance(fact, Unknown):
        yield f"{name}: {fact.why}"


def missing(scene: Scene, event: Event | None, main: Cause) -> tuple[str, ...]:
    """Facts that were asked for and not known, in the order of the questions."""
    return tuple(_of_event(scene, event) if event is not None else _of_stop(scene, main))


def _of_stop(scene: Scene, main: Cause) -> Iterator[str]:
    evidence = scene.evidence
    if main.cause in ("shutdown", "internal-error", "interrupt-request"):
        return
    yield from _say("stop reply", evidence.reply)
    yield from _say("what was asked of the guest", evidence.action)
    yield from _say("RIP", evidence.after.rip)
    yield from _say("the debugger's breakpoints", evidence.breakpoints)
    if scene.action is Action.STEP:
        yield from _say("RIP before the step", evidence.before.rip)
        yield from _say("the bytes there", evidence.before.bytes)
        yield from _say("CPU mode", evidence.mode)


def _of_event(scene: Scene, event: Event) -> Iterator[str]:
    evidence = scene.evidence
    after = evidence.after
    yield from _say("exception frame", evidence.frame)
    if event.frame is not None and not event.front:
        yield "the code in front of the saved RIP: not given"
    if event.vector not in (1, None):
        return
    yield from _say("DR6", after.dr6)
    if event.causes is None:
        return
    if event.causes & B_MASK:
        yield from _say("DR7", after.dr7)
        for n, fact in enumerate((after.dr0, after.dr1, after.dr2, after.dr3)):
            if event.causes >> n & 1:
                yield from _say(f"DR{n}", fact)
        if event.dr7 is not None and any(
            event.causes >> slot.number & 1 and slot.enabled and slot.type == "io" for slot in event.dr7.slots
        ):
            yield from _say("CR4", after.cr4)
    if event.causes & ~B_MASK:
        yield from _say("DR6 before the event", evidence.before.dr6)
    intel_kvm = scene.kvm and scene.vendor == "intel"
    if event.causes & BS and not scene.tcg and not intel_kvm and event.exact is None:
        yield from _say("DEBUGCTL before the event", evidence.before.debugctl)
