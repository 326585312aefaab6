"""What the DR6 and DR7 of the exit itself say, where they are shown and whole: what they name stopped the guest, and
nothing else did.

They stand in for what the other rules could only infer: whether a step's trap came, which breakpoint was met, whose it
is. Of causes that have no bit (INT1, a pause) the others go on telling.
"""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.explain.evidence import Action
from gdbstub.explain.explanation import Cause, Confidence
from gdbstub.explain.rules.debugger_stops import ASKED, INSTRUCTION, SINGLE_STEP
from gdbstub.explain.rules.guest_breakpoints import SLOT_CAUSES
from gdbstub.explain.rules.watchpoints import DATA, accessed
from gdbstub.explain.stop_facts import Finding, StopFacts, known
from gdbstub.x86.breakpoints import ArmedBreakpoint, BreakpointKind, Owner
from gdbstub.x86.debug_registers import B_MASK, BD, BS, Slot, covered, decode_dr6, decode_dr7
from gdbstub.x86.instructions import Instruction
from gdbstub.x86.registers import TF

SIGTRAP = 5
HAVE_BITS = frozenset(
    (
        *("single-step", "branch-step", "instruction-breakpoint", "data-write", "data-access", "io-breakpoint"),
        *("general-detect", "task-switch"),
    )
)
"""Causes that DR6 has bits for: without its bit it was none of these."""
NO_BITS = "the DR6 of the exit names no cause"
RAN_NOTHING = "RIP has not moved: the trap came before the instruction"


def causes_of_exit(scene: StopFacts) -> int | None:
    """The bits of the exit's DR6, in positive polarity; None where nobody shows them whole, or they are not why the
    guest stands here."""
    value = known(scene.evidence.exit_dr6)
    if value is None or scene.abilities.shows_exit is None or scene.signal != SIGTRAP:
        return None
    return None if scene.action in (None, Action.ATTACH) else decode_dr6(value).causes


def settled(scene: StopFacts, found: list[Finding]) -> list[Finding]:
    """``found`` as the exit bears it out; as it was where the exit is not known."""
    bits = causes_of_exit(scene)
    if bits is None:
        return found
    told = [*_steps(scene, bits, found), *_breakpoints(scene, bits, found), *_general_detect(scene, bits, found)]
    kept = [row for row in found if row.cause.cause not in HAVE_BITS and _stands(row)]
    if bits:
        return [*told, *(row for row in kept if row.cause.cause != "icebp")]
    return [_sure(row, NO_BITS) if row.cause.cause == "icebp" else row for row in kept]


def _stands(row: Finding) -> bool:
    """Whether a cause without a bit can be beside this exit: a #DB is no #BP, though RIP may be on an int3."""
    return row.cause.cause != "software-breakpoint" or row.cause.confidence == "possible"


def _sure(row: Finding, reason: str) -> Finding:
    because = tuple(dict.fromkeys((*row.cause.because, reason)))
    return row._replace(cause=row.cause._replace(confidence="certain", because=because))


def _is_set(bit: str) -> str:
    return f"{bit} is set in the DR6 of the exit"


def _steps(scene: StopFacts, bits: int, found: list[Finding]) -> Iterator[Finding]:
    """BS: the debugger's step, and the guest's where it had set TF as well."""
    if not bits & BS:
        return
    steps = [row for row in found if row.cause.cause == "single-step"]
    if scene.action is Action.STEP:
        mine = next((row for row in steps if row.cause.owner == "debugger"), None)
        if mine is None or (scene.rip == scene.came_from and mine.cause.confidence == "possible"):
            stayed = (RAN_NOTHING,) if scene.rip == scene.came_from else ()
            because = (ASKED, _is_set("BS"), *stayed)
            mine = Finding(Cause("single-step", "debugger", "trap", "certain", because, SINGLE_STEP))
        yield _sure(mine, _is_set("BS"))
        yield from (row for row in steps if row.cause.owner != "debugger")
        return
    guests = bool((known(scene.evidence.before.rflags) or 0) & TF)
    owner: Owner = "guest" if guests else "unknown"
    because = (_is_set("BS"), "the debugger had not asked for a step")
    yield Finding(Cause("single-step", owner, "trap", "likely" if guests else "possible", because, SINGLE_STEP))


def _general_detect(scene: StopFacts, bits: int, found: list[Finding]) -> Iterator[Finding]:
    if not bits & BD:
        return
    row = next((row for row in found if row.cause.cause == "general-detect"), None)
    if row is None:
        cause = Cause("general-detect", "guest", "fault", "certain", (), ("SDM 3B 18.3.1.3", "SDM 3B 18.2.4"))
        row = Finding(cause, scene.decoded(scene.pc))
    yield _sure(row, _is_set("BD"))


def _breakpoints(scene: StopFacts, bits: int, found: list[Finding]) -> Iterator[Finding]:
    """B0 to B3 of registers that are armed: the bit of another says no more than that its address was met."""
    if not bits & B_MASK:
        return
    ran_with = known(scene.evidence.exit_dr7)
    whose, why = _whose(scene, ran_with)
    for n in range(4):
        if not bits >> n & 1:
            continue
        if whose != "guest":
            armed = [row for row in _own(scene) if row.slot == n]
            yield from (_own_hit(scene, row, n, found, why) for row in armed)
        if whose != "debugger":
            slots = [(slot, at) for slot, at in scene.guest_slots(scene.evidence.after) if slot.number == n]
            level: Confidence = "certain" if whose == "guest" else "possible"
            yield from (_guests_hit(scene, slot, at, level, found, why) for slot, at in slots)


def _own(scene: StopFacts) -> list[ArmedBreakpoint]:
    return [row for row in scene.breakpoints or () if row.owner == "debugger" and row.kind.is_hardware]


def _whose(scene: StopFacts, ran_with: int | None) -> tuple[Owner | None, tuple[str, ...]]:
    """Whose the enabled debug registers were: the vCPU runs with the debugger's as long as any of those is armed, else
    with the guest's. DR7 of the exit says it; where it fits neither (some emulated exits leave an old one there, or 0)
    the debugger's table does."""
    own = _own(scene)
    guests = known(scene.evidence.after.dr7)
    slots = [] if ran_with is None else [slot for slot in decode_dr7(ran_with).slots if slot.enabled]
    if slots and {(slot.number, slot.type) for slot in slots} == {(row.slot, row.kind) for row in own}:
        return "debugger", (f"DR7 of the exit ({ran_with:#x}) is the debugger's",)
    if slots and not own and guests is not None and slots == [s for s in decode_dr7(guests).slots if s.enabled]:
        return "guest", (f"DR7 of the exit ({ran_with:#x}) is the guest's own",)
    if scene.breakpoints is None:
        return None, ()
    return ("debugger", ()) if own else ("guest", ())


def _own_hit(scene: StopFacts, armed: ArmedBreakpoint, n: int, found: list[Finding], why: tuple[str, ...]) -> Finding:
    row = _found(found, "debugger", n)
    if row is None:
        name, klass = SLOT_CAUSES[armed.kind]
        executes = armed.kind is BreakpointKind.EXECUTE
        culprit = (
            scene.decoded(armed.address) if executes else _accessor(scene, armed.address, armed.length, armed.kind)
        )
        because = (f"DR{n} holds the debugger's {armed.kind} breakpoint at {armed.address:#x}",)
        cause = Cause(name, "debugger", klass, "certain", because, INSTRUCTION if executes else DATA, n)
        row = Finding(cause, culprit, armed.address)
    return _with(row, n, why)


def _guests_hit(
    scene: StopFacts, slot: Slot, place: int | None, level: Confidence, found: list[Finding], why: tuple[str, ...]
) -> Finding:
    n, takes = slot.number, scene.abilities.takes_db_while_stepping
    row = _found(found, "guest", n)
    if row is None:
        name, klass = SLOT_CAUSES[slot.type]
        executes = slot.type is BreakpointKind.EXECUTE
        culprit = scene.decoded(scene.pc) if executes else _accessor(scene, place, slot.length, slot.type)
        because = (f"the guest's own DR{n} is armed", *(() if takes is None else (takes.clause,)))
        cause = Cause(name, "guest", klass, level, because, INSTRUCTION if executes else DATA, n)
        row = Finding(cause, culprit, place)
    sure = _with(row, n, why)
    return sure._replace(cause=sure.cause._replace(confidence=level))


def _accessor(scene: StopFacts, place: int | None, length: int, kind: BreakpointKind) -> Instruction | None:
    return None if place is None else accessed(scene, covered(place, length), kind is BreakpointKind.WRITE)[0]


def _found(found: list[Finding], owner: Owner, n: int) -> Finding | None:
    """What was inferred of that debug register already, with all its reasons."""
    rows = [row for row in found if (row.cause.owner, row.cause.slot) == (owner, n)]
    because = tuple(dict.fromkeys(reason for row in rows for reason in row.cause.because))
    return rows[0]._replace(cause=rows[0].cause._replace(because=because)) if rows else None


def _with(row: Finding, n: int, why: tuple[str, ...]) -> Finding:
    sure = _sure(row, _is_set(f"B{n}"))
    return sure._replace(cause=sure.cause._replace(because=(*sure.cause.because, *why)))
