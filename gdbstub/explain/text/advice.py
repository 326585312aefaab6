"""What the user can do about a stop. One small function a hint."""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.explain.deviations import resume_flag
from gdbstub.explain.evidence import Action
from gdbstub.explain.exception_facts import ExceptionFacts
from gdbstub.explain.quirks.lookup import known_quirk
from gdbstub.explain.rules import debugger_stops
from gdbstub.explain.rules.no_dr6_bits import same_frame
from gdbstub.explain.rules.watchpoints import watched_here
from gdbstub.explain.stop_facts import Finding, StopFacts, known
from gdbstub.x86.debug_registers import BD, BS, BT, DR7_GD
from gdbstub.x86.decode import shape
from gdbstub.x86.registers import TF

STICKY_CAUSES = {BD: {"general-detect"}, BS: {"single-step", "branch-step"}, BT: {"task-switch"}}


BY_ITSELF = " (dr6 does so itself when it goes on from there)"


def _has(found: list[Finding], cause: str, owner: str) -> bool:
    return any(row.cause.cause == cause and row.cause.owner == owner for row in found)


def stuck_on_guest_breakpoint(scene: StopFacts, event: ExceptionFacts | None, found: list[Finding]) -> Iterator[str]:
    if event is None and scene.action is Action.STEP and _has(found, "instruction-breakpoint", "guest"):
        yield (
            "Continue instead of stepping, or clear the guest's DR7 enable bit: each step here ends before the "
            "instruction, and the guest's handler never runs."
        )


def stuck_by_eip(scene: StopFacts, event: ExceptionFacts | None, found: list[Finding]) -> Iterator[str]:
    by_eip = scene.abilities.breaks_by_eip
    hit = event is None and scene.action is Action.CONTINUE and _has(found, "instruction-breakpoint", "guest")
    if by_eip is not None and hit:
        yield by_eip.advice


def stuck_on_own_breakpoint(scene: StopFacts, event: ExceptionFacts | None, found: list[Finding]) -> Iterator[str]:
    first = found[0].cause
    stayed = event is None and scene.action is Action.STEP and scene.rip == scene.came_from
    if stayed and first.owner == "debugger" and first.cause in ("instruction-breakpoint", "software-breakpoint"):
        yield "Take the breakpoint at RIP out for this step: the stub does not step over it."


def do_not_trust_the_address(scene: StopFacts, event: ExceptionFacts | None, found: list[Finding]) -> Iterator[str]:
    by_slot = scene.abilities.watch_by_slot
    guests = scene.watch is not None and any(row.cause.owner == "guest" for row in found)
    if by_slot is not None and guests and not watched_here(scene):
        yield by_slot.advice


def guest_trap_flag_lost(scene: StopFacts, event: ExceptionFacts | None, found: list[Finding]) -> Iterator[str]:
    rflags, clears = known(scene.evidence.before.rflags), scene.abilities.clears_guest_tf
    stepped = event is None and scene.action is Action.STEP
    if clears is not None and stepped and rflags is not None and rflags & TF:
        yield clears.advice


def hidden_guest_breakpoints(scene: StopFacts, event: ExceptionFacts | None, found: list[Finding]) -> Iterator[str]:
    ours = any(row.owner == "debugger" and row.kind.is_hardware for row in scene.breakpoints or ())
    if event is None and scene.abilities.hides_guest_breakpoints and ours and scene.guest_slots(scene.evidence.after):
        yield (
            "The guest's own breakpoints in DR0-DR3 are off while the debugger has hardware breakpoints; "
            "use software breakpoints to keep them."
        )


def fault_repeats(scene: StopFacts, event: ExceptionFacts | None, found: list[Finding]) -> Iterator[str]:
    if event is None or not _has(found, "instruction-breakpoint", "guest"):
        return
    meet, by_step = scene.abilities.breakpoints_meet, scene.abilities.breaks_behind_step
    if meet is not None and resume_flag.ours_at(event):
        yield meet.advice
    elif event.rf:
        if by_step is not None and scene.action is Action.STEP:
            yield by_step.advice
    elif 16 in (event.mode, scene.mode):
        yield (
            "A frame of 16 bits has no RF: let the handler clear the breakpoint, or return by a 32-bit IRET from a "
            "frame that it made; otherwise the breakpoint fires again on return."
        )
    else:
        yield "The handler has to set RF in the saved RFLAGS (or clear the breakpoint), or it fires again on return."


def clear_dr6(scene: StopFacts, event: ExceptionFacts | None, found: list[Finding]) -> Iterator[str]:
    if event is None or event.vector != 1 or event.causes is None or event.old is None or event.at == scene.pc:
        return
    claimed = {row.cause.cause for row in found}
    stale = sum(bit for bit, names in STICKY_CAUSES.items() if event.causes & event.old & bit and not claimed & names)
    if stale:
        yield "BD, BS and BT stay until software clears them: let the handler set DR6 to 0xffff0ff0 each time."


def leaked_trap_flag(scene: StopFacts, event: ExceptionFacts | None, found: list[Finding]) -> Iterator[str]:
    if any(row.cause.owner == "debugger-leak" for row in found):
        yield "Clear TF in the saved RFLAGS: a step of the debugger over PUSHF, INT n or SYSCALL left it there."


def endless_icebp(scene: StopFacts, event: ExceptionFacts | None, found: list[Finding]) -> Iterator[str]:
    first, leaves = found[0], scene.abilities.leaves_rip_on_icebp
    if leaves is None or first.instruction is None:
        return
    at = scene.pc if event is None else event.at
    shown = scene.abilities.reinjects_db is not None or event is None
    if first.cause.cause == "icebp" and shown and first.instruction.address == at:
        yield leaves.advice


def lost_step(scene: StopFacts, event: ExceptionFacts | None, found: list[Finding]) -> Iterator[str]:
    loses = scene.abilities.loses_step_at_new_rip
    if (
        loses is not None
        and event is None
        and any(debugger_stops.is_step(row.cause, debugger_stops.ELSEWHERE) for row in found)
    ):
        yield loses.advice


def any_bit_stops(scene: StopFacts, event: ExceptionFacts | None, found: list[Finding]) -> Iterator[str]:
    any_bit = scene.abilities.stops_for_any_bit
    ran = event is None and scene.action is Action.CONTINUE
    if any_bit is not None and ran and found[0].cause.cause == "spurious":
        yield any_bit.advice


def taken_fault_repeats(scene: StopFacts, event: ExceptionFacts | None, found: list[Finding]) -> Iterator[str]:
    taken = scene.abilities.takes_every_db is not None
    if taken and event is None and _has(found, "instruction-breakpoint", "guest"):
        yield f"Set RF (0x10000) in RFLAGS before the vCPU goes on, or the same breakpoint stops it again{BY_ITSELF}."


def side_channel(scene: StopFacts, event: ExceptionFacts | None, found: list[Finding]) -> Iterator[str]:
    elsewhere = scene.abilities.debug_registers_elsewhere
    asked = event is None and found[0].cause.cause == "unknown" and known(scene.evidence.after.dr6) is None
    if elsewhere is not None and asked:
        yield elsewhere.advice


def read_as_positive(scene: StopFacts, event: ExceptionFacts | None, found: list[Finding]) -> Iterator[str]:
    if event is not None and event.dr6 is not None and event.dr6.reinjected and event.causes:
        yield (
            "The guest's handler reads this DR6 as it is, and may see a bus lock and RTM in it; without hardware "
            "breakpoints of the debugger it would not."
        )


def handler_watches_itself(scene: StopFacts, event: ExceptionFacts | None, found: list[Finding]) -> Iterator[str]:
    inside = event is not None and event.vector == 1 and event.at is not None and event.at == scene.pc
    if inside and not scene.abilities.repeats_db_in_delivery:
        yield (
            "Keep data breakpoints off the #DB handler's stack, and off the GDT, IDT and TSS: each delivery hits them."
        )


def overwritten_frame(scene: StopFacts, event: ExceptionFacts | None, found: list[Finding]) -> Iterator[str]:
    if event is not None and event.vector == 1 and same_frame(event):
        yield (
            "The handler's stack begins anew at each event (IST), so this frame lies over that of the first #DB: where "
            "that came from is lost, and the handler returns to itself for ever."
        )


def shadow_moved_it(scene: StopFacts, event: ExceptionFacts | None, found: list[Finding]) -> Iterator[str]:
    """A cause of MOV SS or POP SS, seen one instruction later."""
    row = found[0]
    if event is None or row.instruction is None or event.at is None or row.cause.klass != "trap":
        return
    what = shape(row.instruction.bytes, event.mode)
    if what is not None and "mov-ss" in what.traits and event.at != row.instruction.address + len(what.bytes):
        yield "MOV SS and POP SS put their debug traps off: look one instruction further back than RIP says."


def forced_interception(scene: StopFacts, event: ExceptionFacts | None, found: list[Finding]) -> Iterator[str]:
    """What a proposed patch would do to these vectors; for the others it changes the timing only."""
    what = None if event is None else scene.abilities.forced_intercepts.get(event.vector or 0)
    if what is not None and scene.vendor == "amd":
        yield what


def detect_has_no_effect(scene: StopFacts, event: ExceptionFacts | None, found: list[Finding]) -> Iterator[str]:
    """DR7.GD where the platform ignores it: what does not come leaves no trace in a free run."""
    dr7 = known(scene.evidence.after.dr7)
    if dr7 is not None and dr7 & DR7_GD and (quirk := known_quirk(scene, "tcg-no-general-detect")):
        yield f"DR7.GD is set, and a MOV to or from a debug register raises no #DB here all the same.{quirk}"


ADVICE = (
    detect_has_no_effect,
    stuck_on_guest_breakpoint,
    stuck_by_eip,
    stuck_on_own_breakpoint,
    do_not_trust_the_address,
    guest_trap_flag_lost,
    hidden_guest_breakpoints,
    fault_repeats,
    clear_dr6,
    leaked_trap_flag,
    endless_icebp,
    lost_step,
    any_bit_stops,
    taken_fault_repeats,
    side_channel,
    read_as_positive,
    handler_watches_itself,
    overwritten_frame,
    shadow_moved_it,
    forced_interception,
)


def advise(scene: StopFacts, event: ExceptionFacts | None, found: list[Finding]) -> tuple[str, ...]:
    """All hints that hold; ``event`` is None at a stop that is no guest event. ``found`` is not empty."""
    return tuple(hint for rule in ADVICE for hint in rule(scene, event, found))
