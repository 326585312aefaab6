"""What the guest took for itself in a step of the debugger's: its own INT3 or INT n, or a #DB of its own.

Nobody need have caught the vector: the instruction that was stepped over, the guest's TF, DR0-3, DR6 and DR7 before and
after tell. Only where the debugger is not given the guest's events instead.
"""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.explain.evidence import Action, Known
from gdbstub.explain.explanation import Cause, CauseName, Class, Confidence
from gdbstub.explain.quirks.lookup import lacks_icebp
from gdbstub.explain.rules.debugger_stops import ASKED, SINGLE_STEP
from gdbstub.explain.rules.guest_breakpoints import SLOT_CAUSES
from gdbstub.explain.stop_facts import Finding, StopFacts, known
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.debug_registers import B_MASK, BS, covered, decode_dr6
from gdbstub.x86.decode import successors
from gdbstub.x86.error_codes import error_code_text
from gdbstub.x86.exceptions import vector
from gdbstub.x86.instructions import Shape
from gdbstub.x86.operands import touches
from gdbstub.x86.registers import OF, TF

BY_ITSELF = ("icebp", "software-interrupt")
"""Their step ends by the gate, and `debugger_stops` has it."""
RAN = "the instruction ran, and a #DB of the guest's own was delivered behind it"
FAULTED = "the instruction raised an exception instead of running, and the step ended in its handler"
DEBUG, BREAKPOINT, OVERFLOW, UNDEFINED = 1, 3, 4, 6


def taken_in_step(scene: StopFacts) -> Iterator[Finding]:
    """The step ended elsewhere than its instruction leads by itself."""
    stepped, start, rip = scene.stepped_shape, scene.came_from, scene.rip
    if scene.action is not Action.STEP or not scene.trap_reply() or scene.reply is None or not scene.mode_known:
        return
    if stepped is None or start is None or rip is None or rip == start or _leads(scene, stepped, start, rip):
        return
    if "gate" in stepped.traits:
        yield from _by_instruction(scene, stepped)
    elif _gate(scene) not in (None, DEBUG):
        yield from _other_vector(scene, stepped)
    elif ("indirect" not in stepped.traits or _gate(scene) == DEBUG) and not _given_to_the_debugger(scene):
        yield from _debug_exception(scene, stepped)


def _leads(scene: StopFacts, stepped: Shape, start: int, rip: int) -> bool:
    """Whether RIP is where the instruction leads; behind a gate its handler has returned, or never ran."""
    return rip in successors(stepped, start, scene.mode) or rip == start + len(stepped.bytes)


def _given_to_the_debugger(scene: StopFacts) -> bool:
    return scene.abilities.takes_db_while_stepping is not None or scene.abilities.takes_every_db is not None


def _by_instruction(scene: StopFacts, stepped: Shape) -> Iterator[Finding]:
    """INT3, INT n, INTO and INT1. At CPL 3 the gate's DPL may have refused it."""
    name: CauseName = "software-interrupt"
    klass: Class = "none"
    number = stepped.interrupt
    if "int3" in stepped.traits:
        name, klass, number = "software-breakpoint", "trap", BREAKPOINT
        if scene.abilities.takes_int3 is not None:
            return
    elif "icebp" in stepped.traits:
        name, klass, number = "icebp", "trap", DEBUG
        if _given_to_the_debugger(scene):
            return
    elif "into" in stepped.traits and (known(scene.evidence.before.rflags) or 0) & OF:
        name, klass, number = "exception", "trap", OVERFLOW
    if number is None:
        return
    if number == BREAKPOINT:
        name = "software-breakpoint"
    reached = _gate(scene)
    if "icebp" in stepped.traits and reached is None and lacks_icebp(scene.evidence.platform):
        lacks = ("the stepped instruction is INT1 (F1), for which this version raises #UD", "RIP is not behind it")
        cause = Cause("exception", "guest", "fault", "likely", lacks, ("SDM 3A 6.15",), None, UNDEFINED)
        yield Finding(cause, scene.stepped_instruction())
        return
    if reached not in (None, number):
        yield from _other_vector(scene, stepped)  # its gate refused it
        return
    sure = scene.abilities.step_stops_at_handler and known(scene.evidence.cpl) == 0
    level: Confidence = "certain" if sure or reached is not None else "likely"
    because = (f"the stepped instruction raises vector {number}", "RIP is not behind it", *_frame(scene, stepped))
    cause = Cause(name, "guest", klass, level, because, ("SDM 3A 6.4.1",), None, number)
    yield Finding(cause, scene.stepped_instruction())


def _gate(scene: StopFacts) -> int | None:
    """The vector at whose handler the step ended, with a frame that says so; None where nobody looked."""
    return known(scene.evidence.vector) if isinstance(scene.evidence.frame, Known) else None


def _frame(scene: StopFacts, stepped: Shape) -> tuple[str, ...]:
    """What the frame there says, in a clause."""
    frame = known(scene.evidence.frame)
    if frame is None or scene.came_from is None:
        return ()
    if frame.rip == scene.came_from:
        return ("the saved RIP is that of the stepped instruction",)
    behind = frame.rip in (scene.came_from + len(stepped.bytes), *successors(stepped, scene.came_from, scene.mode))
    return ("the saved RIP is where the stepped instruction leads",) if behind else ()


def _other_vector(scene: StopFacts, stepped: Shape) -> Iterator[Finding]:
    """A fault of the stepped instruction, or an interrupt that came with the step: the gate says which."""
    number, frame = _gate(scene), known(scene.evidence.frame)
    said = _frame(scene, stepped)
    if number is None or frame is None or not said:
        return
    row = vector(number)
    klass: Class = "none"
    if row.kind == "fault" and frame.rip == scene.came_from:
        klass = "fault"
    code = () if frame.error_code is None else (f"error code {error_code_text(number, frame.error_code)}",)
    because = (f"RIP is at the handler of vector {number} ({row.title})", *said, *code)
    yield Finding(
        Cause("exception", "guest", klass, "certain", because, ("SDM 3A 6.15",), None, number),
        scene.stepped_instruction(),
    )


def _debug_exception(scene: StopFacts, stepped: Shape) -> Iterator[Finding]:
    """A #DB of the guest's: by what its DR6 gained, or else by its TF."""
    before, after = known(scene.evidence.before.dr6), known(scene.evidence.after.dr6)
    if before is None or after is None or scene.start is None:
        return
    old, new = decode_dr6(before).causes, decode_dr6(after).causes
    reached = _frame(scene, stepped) if _gate(scene) == DEBUG else ()
    level: Confidence = "certain" if scene.abilities.guest_keeps_db or reached else "likely"
    rflags = known(scene.evidence.before.rflags)
    if new & BS and rflags is not None and rflags & TF:
        fresh = not old & BS
        bits = "BS is new in DR6" if fresh else "BS is set in DR6"
        because = ("the guest itself had TF set before the step", bits, *reached)
        yield _found(scene, Cause("single-step", "guest", "trap", level if fresh or reached else "likely", because))
    behind = (scene.start, scene.start + len(stepped.bytes), *_interrupted(scene))
    registers = known(scene.evidence.before.registers) or {}
    for slot, place in scene.guest_slots(scene.evidence.before):
        if place is None or not new & ~old & B_MASK & 1 << slot.number:
            continue
        name, klass = SLOT_CAUSES[slot.type]
        because = (f"B{slot.number} is new in DR6", f"the guest's own DR{slot.number} is at {place:#x}", *reached)
        if slot.type is BreakpointKind.EXECUTE:
            hit = place in behind
        else:
            writes = slot.type is BreakpointKind.WRITE
            where = covered(place, slot.length)
            hit = bool(touches(stepped, scene.start, where, writes, registers, scene.mode, executed=False))
        if hit:
            yield _found(scene, Cause(name, "guest", klass, level, because, slot=slot.number), place)


def _interrupted(scene: StopFacts) -> tuple[int, ...]:
    """Where the instruction led by the frame of the #DB handler in which the step ended; linear."""
    frame = known(scene.evidence.frame)
    if frame is None or _gate(scene) != DEBUG or scene.start is None or scene.came_from is None:
        return ()
    return (frame.rip + scene.start - scene.came_from,)


def _found(scene: StopFacts, cause: Cause, place: int | None = None) -> Finding:
    told = cause._replace(sources=("SDM 3B 18.2.3",), taken=DEBUG)
    return Finding(told, scene.stepped_instruction(), place)


def settled(scene: StopFacts, found: list[Finding]) -> list[Finding]:
    """``found`` with the debugger's own step as sure as the trap that the guest took behind it: the instruction ran.
    Where it faulted, it did not."""
    for row in found:
        if row.cause.taken is not None and row.cause.cause == "exception" and row.cause.klass == "fault":
            faulted = Cause("single-step", "debugger", "trap", row.cause.confidence, (ASKED, FAULTED), SINGLE_STEP)
            return [row, *_others(found, row), Finding(faulted, row.instruction)]
        if row.cause.taken == DEBUG and row.cause.cause not in BY_ITSELF and row.place != scene.start:
            ran = Cause("single-step", "debugger", "trap", row.cause.confidence, (ASKED, RAN), SINGLE_STEP)
            return [Finding(ran, row.instruction), *_others(found)]
    return found


def _others(found: list[Finding], but: Finding | None = None) -> list[Finding]:
    """All but the debugger's own step."""
    step = ("single-step", "debugger")
    return [one for one in found if (one.cause.cause, one.cause.owner) != step and one is not but]


RULES = (taken_in_step,)
