"""Steps of the debugger held against the architecture model: a #DB of the guest's own that was due, and did not come.

After a step RIP tells whether the guest got it: delivery would have gone to its handler. Why it did not, the quirks of
the platform say.
"""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.explain.evidence import Action
from gdbstub.explain.model.predict import predict
from gdbstub.explain.model.saved_rip import places_behind
from gdbstub.explain.model.vcpu_state import PendingDebugException
from gdbstub.explain.quirks.lookup import QuirkName, known_quirk
from gdbstub.explain.reconstruct import in_front_of_the_step
from gdbstub.explain.stop_facts import Finding, StopFacts, known
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.debug_registers import B_MASK, BD, BS, DR7_GD, cause_names, covered
from gdbstub.x86.decode import shape
from gdbstub.x86.instructions import Shape
from gdbstub.x86.operands import touches
from gdbstub.x86.registers import TF

ENABLES = 0xFF
"""L0-G3 of DR7."""


def undelivered(scene: StopFacts, found: list[Finding]) -> Iterator[str]:
    """A step that ended where its instruction leads, or on it, while a #DB of the guest's own was due there."""
    if scene.action is not Action.STEP or not _may_be_due(scene) or scene.stepped_shape is None:
        return
    setting = in_front_of_the_step(scene)
    due = None if setting is None else predict(setting).due
    if setting is None or due is None or scene.pc is None or not due.bits:
        return
    places = due.places if due.klass == "trap" else (scene.start, *places_behind(setting, scene.stepped_shape))
    if scene.pc in places:
        yield _sentence(scene, scene.stepped_shape, due)


def _may_be_due(scene: StopFacts) -> bool:
    """Whether the guest had TF, DR7 or GD set when it was stepped: the rest of the model is for these only."""
    rflags, dr7 = known(scene.evidence.before.rflags), known(scene.evidence.before.dr7)
    return bool((rflags or 0) & TF or (dr7 or 0) & (ENABLES | DR7_GD))


def _sentence(scene: StopFacts, stepped: Shape, due: PendingDebugException) -> str:
    text = f"`{stepped.text}`"
    ran = scene.rip != scene.came_from or due.klass == "trap"
    if due.bits == BD and ran:
        quirk = known_quirk(scene, "kvm-hides-general-detect", "tcg-no-general-detect")
        return f"{text} ran although DR7.GD was set; hardware raises #DB before it.{quirk}"
    names = ", ".join(cause_names(due.bits))
    if due.klass == "fault" and ran:
        return (
            f"{text} ran although the guest's own breakpoint stands on it ({names}); hardware raises #DB before it."
            f"{_why(scene, stepped, due)}"
        )
    where = "before" if due.klass == "fault" else "behind"
    return (
        f"Hardware delivers a #DB of the guest's own {where} {text} ({names}); the guest did not get it in this step."
        f"{_why(scene, stepped, due)}"
    )


def _why(scene: StopFacts, stepped: Shape, due: PendingDebugException) -> str:
    """The known reason: the first that the platform has."""
    names: list[QuirkName] = []
    if stepped.port_size and not due.bits & ~B_MASK:
        names.append("kvm-no-io-hits")
    if due.bits & B_MASK and not due.bits & BS and _own_hardware(scene):
        names.append("kvm-hides-guest-breakpoints")
    names += ["kvm-step-takes-db", "xen-takes-db"]
    if "sti" in stepped.traits and due.bits == BS:
        names.append("tcg-sti-hides-step")
    if due.klass == "fault" and due.bits & B_MASK:
        names.append("tcg-step-over-breakpoint")
    if _unaligned(scene, due.bits):
        names.append("tcg-unaligned-data")
    return known_quirk(scene, *names)


def _unaligned(scene: StopFacts, bits: int) -> bool:
    """Whether one of these data breakpoints has an address that is no multiple of its length."""
    rows = scene.guest_slots(scene.evidence.after)
    return any(bits >> slot.number & 1 and place is not None and place % slot.length for slot, place in rows)


def _own_hardware(scene: StopFacts) -> bool:
    return any(armed.owner == "debugger" and armed.kind.is_hardware for armed in scene.breakpoints or ())


def beside_ours(scene: StopFacts, found: list[Finding]) -> Iterator[str]:
    """A watchpoint of the debugger's and a data breakpoint of the guest's on one access, of which ours alone is
    reported."""
    ours = [row.instruction for row in found if row.cause.owner == "debugger" and row.cause.klass == "trap"]
    if scene.watch is None or not scene.abilities.own_watch_first or not ours or ours[0] is None:
        return
    access = ours[0]
    what = shape(access.bytes, scene.mode)
    stepped = scene.action is Action.STEP
    registers = known((scene.evidence.before if stepped else scene.evidence.after).registers) or {}
    for slot, place in scene.guest_slots(scene.evidence.after):
        if what is None or place is None or not slot.type.is_watch:
            continue
        range_ = covered(place, slot.length)
        writes = slot.type is BreakpointKind.WRITE
        if touches(what, access.address, range_, writes, registers, scene.mode, executed=not stepped):
            yield (
                f"The guest's own DR{slot.number} covers what `{access.text}` accesses, so hardware delivers it a #DB "
                f"too (B{slot.number}); it did not get it.{known_quirk(scene, 'tcg-own-watch-first')}"
            )
