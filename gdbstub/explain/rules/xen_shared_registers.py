"""Phase X: breakpoints of the debugger's own in debug registers that it shares with the guest.

dr6 sets them from dom0 beside the guest's, so Xen reports both alike; which slot is whose, the debugger's table says,
and which was hit, DR6 as the vCPU stopped with it.
"""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.explain.evidence import Action
from gdbstub.explain.explanation import Cause, Confidence
from gdbstub.explain.quirks.lookup import applies, version_of
from gdbstub.explain.rules.stop_reply import SIGINT
from gdbstub.explain.rules.watchpoints import accessed, cause_name, place_of
from gdbstub.explain.stop_facts import Finding, StopFacts, known
from gdbstub.x86.breakpoints import ArmedBreakpoint, BreakpointKind
from gdbstub.x86.debug_registers import B_MASK

SIGTRAP = 5
EXECUTE, DATA = ("SDM 3B 18.3.1.1",), ("SDM 3B 18.3.1.2",)


def shared(scene: StopFacts) -> list[ArmedBreakpoint]:
    """Those of the debugger's whose debug register is known."""
    if not scene.abilities.shares_debug_registers:
        return []
    return [row for row in scene.breakpoints or () if row.owner == "debugger" and row.slot is not None]


def own_bits(scene: StopFacts) -> int:
    """B0 to B3 that are the debugger's."""
    return sum({1 << (row.slot or 0) for row in shared(scene)})


def guest_bits(scene: StopFacts) -> int | None:
    """DR6 as the vCPU stopped with it, without the debugger's bits; None where it is not shown."""
    value = known(scene.evidence.exit_dr6)
    return None if value is None else value & ~own_bits(scene)


def stopped_by(scene: StopFacts) -> bool:
    """A stop that a #DB can be behind: signal 2 in answer to ``c``, or the end of a step."""
    signal = scene.signal
    return (signal == SIGINT and scene.action is Action.CONTINUE) or (signal == SIGTRAP and scene.action is Action.STEP)


def own_hits(scene: StopFacts) -> Iterator[Finding]:
    """Each that DR6 names; and, where the platform loses those bits, one whose condition is met here."""
    if not stopped_by(scene):
        return
    for armed in shared(scene):
        yield from _instruction(scene, armed) if armed.kind is BreakpointKind.EXECUTE else _data(scene, armed)


def _named(scene: StopFacts, armed: ArmedBreakpoint) -> bool:
    return bool((known(scene.evidence.exit_dr6) or 0) >> (armed.slot or 0) & 1)


def _because(scene: StopFacts, armed: ArmedBreakpoint, what: str) -> tuple[tuple[str, ...], Confidence] | None:
    """Why it is ours, and how sure that is; None where nothing says so."""
    slot = f"DR{armed.slot} is the debugger's, set beside the guest's own debug registers: {what}"
    if _named(scene, armed):
        return (f"B{armed.slot} is set in the DR6 that the vCPU stopped with", slot), "certain"
    loses = scene.abilities.loses_hits
    lost = loses is not None and applies("xen-hits-wiped", scene.evidence.platform) and scene.guest == "pv"
    nothing = not (known(scene.evidence.exit_dr6) or 0) & B_MASK
    if loses is None or scene.signal != SIGINT or not lost or not nothing:
        return None
    level: Confidence = "likely" if version_of(known(scene.evidence.platform.version)) else "possible"
    return (slot, f"its condition is met here, and {loses.clause}"), level


def _instruction(scene: StopFacts, armed: ArmedBreakpoint) -> Iterator[Finding]:
    if armed.address != scene.pc or scene.signal != SIGINT:  # behind a step `own_breakpoint` says it
        return
    why = _because(scene, armed, f"a hardware breakpoint at {armed.address:#x}, where RIP stands")
    if why is not None:
        cause = Cause(
            "instruction-breakpoint",
            "debugger",
            "fault",
            why[1],
            why[0],
            (*EXECUTE, *scene.abilities.debug_stop_sources),
            armed.slot,
        )
        yield Finding(cause, scene.decoded(scene.pc), armed.address)


def _data(scene: StopFacts, armed: ArmedBreakpoint) -> Iterator[Finding]:
    culprit, verified = accessed(scene, place_of(armed), armed.kind is BreakpointKind.WRITE)
    name = "a write" if armed.kind is BreakpointKind.WRITE else "an access"
    why = _because(scene, armed, f"{name} watch on {armed.address:#x} ({armed.length} bytes)")
    if why is None or (why[1] != "certain" and not verified):
        return
    because = (*why[0], "the instruction accesses it") if verified else why[0]
    cause = Cause(
        cause_name(armed.kind),
        "debugger",
        "trap",
        why[1],
        because,
        (*DATA, *scene.abilities.debug_stop_sources),
        armed.slot,
    )
    yield Finding(cause, culprit, armed.address)


RULES = (own_hits,)
