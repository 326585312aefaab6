"""What the user can do about a stop. One small function a hint."""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.x86.debug_registers import BD, BS, BT
from gdbstub.x86.event import Event
from gdbstub.x86.evidence import Action
from gdbstub.x86.registers import TF
from gdbstub.x86.scene import Found, Scene, known

STICKY_CAUSES = {BD: {"general-detect"}, BS: {"single-step", "branch-step"}, BT: {"task-switch"}}


def _has(found: list[Found], cause: str, owner: str) -> bool:
    return any(row.cause.cause == cause and row.cause.owner == owner for row in found)


def stuck_on_guest_breakpoint(scene: Scene, event: Event | None, found: list[Found]) -> Iterator[str]:
    if event is None and scene.action is Action.STEP and _has(found, "instruction-breakpoint", "guest"):
        yield (
            "Continue instead of stepping, or clear the guest's DR7 enable bit: each step here ends before the "
            "instruction, and the guest's handler never runs."
        )


def stuck_on_own_breakpoint(scene: Scene, event: Event | None, found: list[Found]) -> Iterator[str]:
    first = found[0].cause
    stayed = event is None and scene.action is Action.STEP and scene.rip == scene.came_from
    if stayed and first.owner == "debugger" and first.cause in ("instruction-breakpoint", "software-breakpoint"):
        yield "Take the breakpoint at RIP out for this step: the stub does not step over it."


def do_not_trust_the_address(scene: Scene, event: Event | None, found: list[Found]) -> Iterator[str]:
    if scene.reply.watch is not None and scene.kvm and found[0].cause.owner == "guest":
        yield "Do not trust the address in the stop reply; the guest's own DR0-DR3 name the place."


def guest_trap_flag_lost(scene: Scene, event: Event | None, found: list[Found]) -> Iterator[str]:
    rflags = known(scene.evidence.before.rflags)
    if event is None and scene.kvm and scene.action is Action.STEP and rflags is not None and rflags & TF:
        yield "The guest was stepping itself; a step of the debugger makes KVM clear its TF. Set it again to go on."


def hidden_guest_breakpoints(scene: Scene, event: Event | None, found: list[Found]) -> Iterator[str]:
    ours = any(row.owner == "debugger" and row.kind != "software" for row in scene.breakpoints or ())
    if event is None and scene.kvm and ours and scene.guest_slots(scene.evidence.after):
        yield (
            "The guest's own breakpoints in DR0-DR3 are off while the debugger has hardware breakpoints; "
            "use software breakpoints to keep them."
        )


def fault_repeats(scene: Scene, event: Event | None, found: list[Found]) -> Iterator[str]:
    if event is not None and _has(found, "instruction-breakpoint", "guest"):
        yield "The handler has to set RF in the saved RFLAGS (or clear the breakpoint), or it fires again on return."


def clear_dr6(scene: Scene, event: Event | None, found: list[Found]) -> Iterator[str]:
    if event is None or event.causes is None or event.old is None:
        return
    claimed = {row.cause.cause for row in found}
    stale = sum(bit for bit, names in STICKY_CAUSES.items() if event.causes & event.old & bit and not claimed & names)
    if stale:
        yield "BD, BS and BT stay until software clears them: let the handler set DR6 to 0xffff0ff0 each time."


def leaked_trap_flag(scene: Scene, event: Event | None, found: list[Found]) -> Iterator[str]:
    if any(row.cause.owner == "debugger-leak" for row in found):
        yield "Clear TF in the saved RFLAGS: stepping over PUSHF, INT n or SYSCALL under KVM leaves it there."


def endless_icebp(scene: Scene, event: Event | None, found: list[Found]) -> Iterator[str]:
    first = found[0]
    if first.cause.cause == "icebp" and scene.kvm and first.instruction is not None:
        at = scene.pc if event is None else event.at
        if first.instruction.address == at:
            yield "Take the debugger's hardware breakpoints out and don't step, or move RIP past the F1: it repeats."


ADVICE = (
    stuck_on_guest_breakpoint,
    stuck_on_own_breakpoint,
    do_not_trust_the_address,
    guest_trap_flag_lost,
    hidden_guest_breakpoints,
    fault_repeats,
    clear_dr6,
    leaked_trap_flag,
    endless_icebp,
)


def advise(scene: Scene, event: Event | None, found: list[Found]) -> tuple[str, ...]:
    """All hints that hold; ``event`` is None at a stop that is no guest event. ``found`` is not empty."""
    return tuple(hint for rule in ADVICE for hint in rule(scene, event, found))
