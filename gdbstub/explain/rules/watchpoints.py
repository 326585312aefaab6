"""Phase W: watchpoints. What a watch packet means, and the hits that a stub does not tell of.

A packet names the address as programmed, not as accessed; some stubs take it from the debugger's table even where a
breakpoint of the guest hit, and a step can hide a hit (`Abilities`).
"""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.explain.evidence import Action
from gdbstub.explain.explanation import Cause, CauseName, Confidence
from gdbstub.explain.rules.debugger_stops import may_have_run
from gdbstub.explain.rules.unaligned_store import Beside, store_beside
from gdbstub.explain.stop_facts import Finding, StopFacts, known
from gdbstub.x86.breakpoints import ArmedBreakpoint, BreakpointKind, Owner
from gdbstub.x86.debug_registers import Range, covered
from gdbstub.x86.decode import instruction, predecessors, shape
from gdbstub.x86.instructions import Instruction, Shape
from gdbstub.x86.operands import touches

DATA = ("SDM 3B 18.3.1.2",)


def own_watches(scene: StopFacts) -> list[ArmedBreakpoint]:
    rows = scene.breakpoints or ()
    return [row for row in rows if row.owner == "debugger" and row.kind.is_watch]


def place_of(armed: ArmedBreakpoint) -> Range:
    """What the watch covers: a debug register masks the low bits, TCG takes any start and length."""
    return Range(armed.address, armed.address + max(1, armed.length))


def cause_name(kind: BreakpointKind) -> CauseName:
    return "data-write" if kind is BreakpointKind.WRITE else "data-access"


def stored_beside(scene: StopFacts, armed: ArmedBreakpoint) -> Beside | None:
    """The store in front of RIP that misses the watch, as some emulators report it all the same."""
    if scene.pc is None:
        return None
    registers = known(scene.evidence.after.registers) or {}
    return store_beside(scene.code_before(scene.pc), scene.pc, registers, scene.mode, place_of(armed))


def watched_here(scene: StopFacts) -> list[ArmedBreakpoint]:
    """The debugger's watches that the address in the reply lies in."""
    said = scene.watch
    return [] if said is None else [row for row in own_watches(scene) if place_of(row).meets(said.address, 1)]


def packet(scene: StopFacts) -> Iterator[Finding]:
    """The reply names a watchpoint."""
    if scene.watch is None:
        return
    kind, address = BreakpointKind(scene.watch.kind), scene.watch.address
    reported = f"the stub reports {scene.watch.key} at {address:#x}"
    own = watched_here(scene)
    for armed in own:
        culprit, verified = accessed(scene, place_of(armed), armed.kind is BreakpointKind.WRITE)
        because: tuple[str, ...] = (
            reported,
            f"the debugger's watch on {armed.address:#x} ({armed.length} bytes) covers it",
        )
        strays = not verified and stored_beside(scene, armed) is not None
        sure = scene.abilities.watches_are_its_own and not strays
        level: Confidence = "certain" if verified or sure else "likely"
        if verified:
            because = (*because, "the instruction accesses it")
        cause = Cause(cause_name(armed.kind), "debugger", "trap", level, because, DATA, armed.slot)
        yield Finding(cause, culprit, armed.address, misses=strays)
    if own:
        return
    if scene.breakpoints is None:
        cause = Cause(cause_name(kind), "debugger", "trap", "possible", (reported,), DATA)
        yield Finding(cause, accessed(scene, Range(address, address + 1), kind is BreakpointKind.WRITE)[0], address)
    else:
        yield from _guests(scene, reported, kind)


def _guests(scene: StopFacts, reported: str, kind: BreakpointKind) -> Iterator[Finding]:
    """No watch of ours: where the packet goes by the slot it is the guest's own, named with an address of the
    debugger's table."""
    because = (reported, "no watchpoint of the debugger covers that address")
    by_slot = scene.abilities.watch_by_slot
    sources = DATA if by_slot is None else (*DATA, *by_slot.sources)
    slots = [
        (slot, at) for slot, at in scene.guest_slots(scene.evidence.after) if slot.type.is_watch and at is not None
    ]
    for slot, address in slots:
        culprit, verified = accessed(scene, covered(address, slot.length), slot.type is BreakpointKind.WRITE)
        reason = f"the guest's own DR{slot.number} watches {address:#x}"
        level: Confidence = "likely" if verified else "possible"
        cause = Cause(cause_name(slot.type), "guest", "trap", level, (*because, reason), sources, slot.number)
        yield Finding(cause, culprit, address)
    if not slots:
        owner: Owner = "unknown" if by_slot is None else "guest"
        yield Finding(Cause(cause_name(kind), owner, "trap", "possible", because, sources))


def accessed(scene: StopFacts, place: Range, writes_only: bool) -> tuple[Instruction | None, bool]:
    """The instruction that accessed ``place``, and whether its operand says so. After a step it is the one
    stepped over; otherwise, and where a step was lost in a handler, the likeliest in front of RIP (or the REP string
    instruction at RIP)."""
    stepped = scene.stepped_shape
    past = scene.abilities.step_goes_past_gate
    lost = past is not None and stepped is not None and "gate" in stepped.traits
    if scene.action is Action.STEP and not lost:
        registers = known(scene.evidence.before.registers)
        if stepped is None or scene.start is None:
            return None, False
        hit = registers is not None and touches(
            stepped, scene.start, place, writes_only, registers, scene.mode, executed=False
        )
        return scene.stepped_instruction(), bool(hit)
    registers = known(scene.evidence.after.registers) or {}
    readings = _readings(scene)
    for what, address in readings:
        if touches(what, address, place, writes_only, registers, scene.mode, executed=True):
            return instruction(what, address, scene.mode), True
    for what, address in readings:
        if any(operand.writes or not writes_only for operand in what.memory):
            return instruction(what, address, scene.mode), False
    return None, False


def _readings(scene: StopFacts) -> list[tuple[Shape, int]]:
    if scene.pc is None:
        return []
    found = [(what, scene.pc - len(what.bytes)) for what in predecessors(scene.code_before(scene.pc), scene.mode)]
    here = shape(scene.code_at(scene.pc), scene.mode)
    if here is not None and "rep" in here.traits:
        found.append((here, scene.pc))
    return found + [(what, at - len(what.bytes)) for what, at in _shadows(scene, found[:1])]


def _shadows(scene: StopFacts, last: list[tuple[Shape, int]]) -> list[tuple[Shape, int]]:
    """A MOV SS or POP SS in front of the last instruction, with the address behind it: its trap comes one late."""
    return [
        (before, at)
        for _, at in last
        for before in predecessors(scene.code_before(at), scene.mode)
        if "mov-ss" in before.traits
    ]


def hidden_by_step(scene: StopFacts) -> Iterator[Finding]:
    """A step over an access that one of the debugger's watchpoints covers, where the stub reports only the step."""
    hides = scene.abilities.step_hides_watch
    if scene.action is not Action.STEP or scene.watch is not None or hides is None or not may_have_run(scene):
        return
    for armed in own_watches(scene):
        culprit, verified = accessed(scene, place_of(armed), armed.kind is BreakpointKind.WRITE)
        if verified:
            because = (
                f"the instruction accesses the debugger's watch on {armed.address:#x}",
                hides.clause,
            )
            cause = Cause(
                cause_name(armed.kind), "debugger", "trap", "likely", because, (*DATA, *hides.sources), armed.slot
            )
            yield Finding(cause, culprit, armed.address)


RULES = (packet, hidden_by_step)
