"""The guest's own debug events that the hypervisor took for the debugger, so that the guest never saw them.

Some hand every #DB to the debugger while it steps, some for as long as it is attached (`Abilities`).
"""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.explain.evidence import Action
from gdbstub.explain.explanation import Cause, CauseName, Confidence
from gdbstub.explain.model.predict import predict
from gdbstub.explain.reconstruct import in_front_of_the_step
from gdbstub.explain.rules.debugger_stops import completed, stayed
from gdbstub.explain.rules.watchpoints import accessed, cause_name
from gdbstub.explain.stop_facts import Finding, StopFacts, known
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.debug_registers import BS, DR7_GD, Slot, covered
from gdbstub.x86.decode import shape
from gdbstub.x86.registers import TF

STUCK = "a step was asked for and RIP has not moved"


def _live_slots(scene: StopFacts, *, beside_ours: bool = False) -> list[tuple[Slot, int]]:
    """The guest's own breakpoints that were live: none while the vCPU runs with the debugger's registers."""
    if not beside_ours and any(
        armed.owner == "debugger" and armed.kind.is_hardware for armed in scene.breakpoints or ()
    ):
        return []
    return [(slot, at) for slot, at in scene.guest_slots(scene.evidence.after) if at is not None]


def _level(scene: StopFacts) -> Confidence:
    """A breakpoint of the debugger that is not known of could have hidden the guest's."""
    return "possible" if scene.breakpoints is None else "likely"


def instruction_breakpoint(scene: StopFacts) -> Iterator[Finding]:
    """A step that stays where it is because the guest's own execute breakpoint faults before the instruction."""
    takes = scene.abilities.takes_db_while_stepping
    if takes is None or not stayed(scene):
        return
    for slot, address in _live_slots(scene):
        if slot.type is BreakpointKind.EXECUTE and address == scene.pc:
            because = (STUCK, f"the guest's own DR{slot.number} breaks on this instruction", takes.clause)
            cause = Cause(
                "instruction-breakpoint",
                "guest",
                "fault",
                _level(scene),
                because,
                ("SDM 3B 18.3.1.1", *takes.sources),
                slot.number,
            )
            yield Finding(cause, scene.decoded(scene.pc), address)


def compared_with_eip(scene: StopFacts) -> Iterator[Finding]:
    """The guest's own execute breakpoint in code whose CS has a base, where the platform stops at the linear address
    but holds EIP against it: the stop goes to the debugger, and again at each resume."""
    by_eip = scene.abilities.breaks_by_eip
    if by_eip is None or scene.action is not Action.CONTINUE or scene.signal != 5 or scene.pc == scene.rip:
        return
    if scene.breakpoints is None or any(armed.address == scene.pc for armed in scene.breakpoints):
        return
    for slot, address in _live_slots(scene, beside_ours=True):
        if slot.type is BreakpointKind.EXECUTE and address == scene.pc:
            because = (
                f"RIP stands on the guest's own DR{slot.number}, and no breakpoint of the debugger is there",
                by_eip.clause,
            )
            name: CauseName = "instruction-breakpoint"
            sources = ("SDM 3B 18.3.1.1", *by_eip.sources)
            cause = Cause(name, "guest", "fault", "certain", because, sources, slot.number)
            yield Finding(cause, scene.decoded(scene.pc), address)


def data_breakpoint(scene: StopFacts) -> Iterator[Finding]:
    """The stepped instruction accessed what a data breakpoint of the guest covers."""
    takes = scene.abilities.takes_db_while_stepping
    if takes is None or not completed(scene):
        return
    for slot, address in _live_slots(scene):
        if not slot.type.is_watch:
            continue
        culprit, verified = accessed(scene, covered(address, slot.length), slot.type is BreakpointKind.WRITE)
        if verified:
            because = (f"the stepped instruction accesses what the guest's own DR{slot.number} covers", takes.clause)
            name = cause_name(slot.type)
            sources = ("SDM 3B 18.3.1.2", *takes.sources)
            yield Finding(Cause(name, "guest", "trap", _level(scene), because, sources, slot.number), culprit, address)


def guest_trap_flag(scene: StopFacts) -> Iterator[Finding]:
    """The guest had set TF itself when the debugger stepped."""
    takes, clears = scene.abilities.takes_db_while_stepping, scene.abilities.clears_guest_tf
    if (
        takes is None
        or clears is None
        or scene.action is not Action.STEP
        or not (known(scene.evidence.before.rflags) or 0) & TF
    ):
        return
    setting = in_front_of_the_step(scene)
    due = None if setting is None else predict(setting).due
    if due is not None and (due.bits | due.maybe) & BS and not stayed(scene):
        level: Confidence = "likely" if due.bits & BS else "possible"
        because = (
            "the guest itself had TF set before the step",
            takes.clause,
            clears.clause,
        )
        sources = ("SDM 3B 18.3.1.4", *clears.sources)
        yield Finding(Cause("single-step", "guest", "trap", level, because, sources), scene.stepped_instruction())


def general_detect(scene: StopFacts) -> Iterator[Finding]:
    """A step that stays on a MOV DR while DR7.GD is set; the guest has seen it where it is given its own #DBs."""
    abilities = scene.abilities
    takes = abilities.takes_db_while_stepping or abilities.takes_every_db
    dr7 = known(scene.evidence.after.dr7)
    here = shape(scene.code_at(scene.pc), scene.mode)
    if (
        abilities.guest_keeps_db
        or not stayed(scene)
        or here is None
        or "mov-dr" not in here.traits
        or dr7 is None
        or not dr7 & DR7_GD
    ):
        return
    because: tuple[str, ...] = (STUCK, "the instruction there accesses a debug register and DR7.GD is set")
    sources: tuple[str, ...] = ("SDM 3B 18.3.1.3", "SDM 3B 18.2.4")
    if takes is not None:
        because, sources = (*because, takes.clause), (*sources, *takes.sources)
    cause = Cause("general-detect", "guest", "fault", "likely" if takes else "possible", because, sources)
    yield Finding(cause, scene.decoded(scene.pc))


def icebp(scene: StopFacts) -> Iterator[Finding]:
    """A step that stays on an INT1, where the platform leaves RIP on it."""
    leaves = scene.abilities.leaves_rip_on_icebp
    here = shape(scene.code_at(scene.pc), scene.mode)
    if not stayed(scene) or here is None or "icebp" not in here.traits or leaves is None:
        return
    because = (STUCK, "the instruction there is INT1 (F1), whose exit leaves RIP on it")
    cause = Cause("icebp", "guest", "trap", "likely", because, leaves.sources)
    yield Finding(cause, scene.decoded(scene.pc))


def int3(scene: StopFacts) -> Iterator[Finding]:
    """The guest's own INT3, where the debugger takes every one; RIP is behind it."""
    pc, takes = scene.pc, scene.abilities.takes_int3
    if takes is None or scene.action is not Action.CONTINUE or scene.signal != 5 or pc is None:
        return
    if any(armed.kind is BreakpointKind.SOFTWARE and armed.address == pc - 1 for armed in scene.breakpoints or ()):
        return
    if scene.code_before(pc)[-1:] != b"\xcc":
        return
    because = (
        "the byte in front of RIP is CC and no breakpoint of the debugger",
        "the guest's #BP handler has not run",
    )
    cause = Cause("software-breakpoint", "guest", "trap", "likely", because, takes.sources)
    if scene.breakpoints is None:
        because = ("the byte in front of RIP is CC", "the debugger's breakpoints are not known")
        cause = Cause("software-breakpoint", "unknown", "trap", "possible", because, takes.sources)
    yield Finding(cause, scene.decoded(pc - 1), pc - 1)


RULES = (instruction_breakpoint, compared_with_eip, data_breakpoint, guest_trap_flag, general_detect, icebp, int3)
