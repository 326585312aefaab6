"""Stops that say something else than what happened: a watch packet's address, a hidden hit, an event taken away."""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.explain.evidence import Action
from gdbstub.explain.quirks.lookup import known_quirk
from gdbstub.explain.rules import debugger_stops
from gdbstub.explain.rules.told_by_exit import RAN_NOTHING
from gdbstub.explain.rules.watchpoints import watched_here
from gdbstub.explain.rules.xen import stopped
from gdbstub.explain.stop_facts import Finding, StopFacts


def stray_address(scene: StopFacts, found: list[Finding]) -> Iterator[str]:
    """A watch packet for an address that nobody of ours watches."""
    if scene.watch is None or scene.breakpoints is None or watched_here(scene):
        return
    yield (
        f"The stub reports a watchpoint at {scene.watch.address:#x}, where the debugger has none."
        f"{known_quirk(scene, 'kvm-watch-address')}"
    )


def hidden_hit(scene: StopFacts, found: list[Finding]) -> Iterator[str]:
    """A step over an access to one of our watchpoints, of which the reply says nothing."""
    ours = any(row.cause.owner == "debugger" and row.cause.cause in ("data-write", "data-access") for row in found)
    hides = scene.abilities.step_hides_watch is not None
    if hides and scene.action is Action.STEP and scene.reply is not None and scene.watch is None and ours:
        yield (
            "The step also hit a watchpoint of the debugger, and the reply does not say so."
            f"{known_quirk(scene, 'kvm-step-hides-watch')}"
        )


def past_the_gate(scene: StopFacts, found: list[Finding]) -> Iterator[str]:
    """A step that entered a handler and went on in it."""
    if scene.abilities.step_goes_past_gate is None:
        return
    gated = debugger_stops.entered(scene)
    if any(debugger_stops.is_step(row.cause, gated) for row in found):
        yield (
            "The step went on behind the handler's first instruction, or behind the handler."
            f"{known_quirk(scene, 'kvm-step-past-gate')}"
        )


def shadow_stepped(scene: StopFacts, found: list[Finding]) -> Iterator[str]:
    """A step over MOV SS or POP SS that ended directly behind it, as no step by TF does."""
    stepped = scene.stepped_shape
    plain = debugger_stops.is_step(found[0].cause, debugger_stops.STEPPED) and scene.watch is None
    if plain and stepped is not None and "mov-ss" in stepped.traits:
        yield (
            f"The step ended directly behind `{stepped.text}`; hardware traps behind the instruction after it."
            f"{known_quirk(scene, 'tcg-step-mov-ss', 'kvm-emulated-shadow')}"
        )


def stays_on_icebp(scene: StopFacts, found: list[Finding]) -> Iterator[str]:
    """INT1 is a trap: RIP is behind it when its #DB comes."""
    places = [row.instruction.address for row in found if row.cause.cause == "icebp" and row.instruction is not None]
    if scene.pc in places:
        yield (
            "RIP is still on the INT1; hardware has it behind, so this one will come again."
            f"{known_quirk(scene, 'kvm-icebp-reinjected', 'xen-icebp-at-f1')}"
        )


def taken(scene: StopFacts, found: list[Finding]) -> Iterator[str]:
    """The guest's own #DB or #BP, where the debugger takes every one."""
    takes = scene.abilities.takes_every_db is not None
    if takes and any(row.cause.owner == "guest" for row in found) and (stopped(scene) or scene.signal == 5):
        yield f"Hardware delivers this to the guest, which has not seen it.{known_quirk(scene, 'xen-takes-db')}"


def guest_breakpoint_stops(scene: StopFacts, found: list[Finding]) -> Iterator[str]:
    """An execute breakpoint of the guest's own that the platform takes for the debugger's."""
    by_eip = scene.abilities.breaks_by_eip is not None
    if by_eip and scene.action is Action.CONTINUE and _guests_own(found[0]):
        yield (
            "Hardware delivers this #DB to the guest; the emulator stopped for the debugger instead."
            f"{known_quirk(scene, 'tcg-breakpoint-by-eip')}"
        )


def _guests_own(row: Finding) -> bool:
    return row.cause.cause == "instruction-breakpoint" and row.cause.owner == "guest"


def idle_step(scene: StopFacts, found: list[Finding]) -> Iterator[str]:
    cause = found[0].cause
    if scene.action is Action.STEP and (cause.cause == "spurious" or RAN_NOTHING in cause.because):
        yield f"The step ran nothing.{known_quirk(scene, 'tcg-idle-step', 'emulated-cpu-idle-step')}"
