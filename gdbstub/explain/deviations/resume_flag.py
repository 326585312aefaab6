"""RF in frames: what the CPU saves there, and the instruction breakpoints that it takes all the same."""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.explain.deviations.impossible_state import named
from gdbstub.explain.evidence import Action
from gdbstub.explain.exception_facts import ExceptionFacts, Executed
from gdbstub.explain.quirks.lookup import known_quirk
from gdbstub.explain.reconstruct import judged
from gdbstub.explain.rules.taken_in_step import DEBUG
from gdbstub.explain.stop_facts import Finding, StopFacts, known
from gdbstub.x86.exceptions import vector
from gdbstub.x86.instructions import Shape
from gdbstub.x86.registers import RF


def resume_flag(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """RF in the frame: 1 between the iterations of REP, 0 for every other #DB. A 16-bit frame has no room for it."""
    if event.vector != 1 or not event.was_pushed or event.frame is None or not event.frame_has_rf:
        return
    if event.causes is None:
        return
    rf = bool(event.frame.rflags & RF)
    here = event.next_shape()
    repeats = here is not None and "rep" in here.traits
    exact = event.exact
    traps = (row for row in found if row.cause.klass == "trap" and row.cause.confidence != "possible")
    over = any(row.instruction is not None and row.instruction.address == event.at for row in traps)
    iterating = repeats and (over or (exact is not None and exact.address == event.at))
    if iterating and not rf and here is not None and not _used_up(event, here):
        yield (
            "RF is 0 in the frame although iterations of the REP instruction remain; hardware saves 1."
            f"{known_quirk(event.scene, 'tcg-rep-rf', 'emulated-cpu-rep-rf')}"
        )
    elif rf and (row := named(found, "instruction-breakpoint")) is not None and not any(fires_again(event, found)):
        yield _ignored(event.scene, row)
    elif rf and not repeats and named(found, "single-step", "data-write", "data-access", "io-breakpoint", "icebp"):
        yield "RF is 1 in the frame; hardware saves 0 for a trap outside REP, so somebody has set it since."


def ignored_in_step(scene: StopFacts, found: list[Finding]) -> Iterator[str]:
    """The same of a #DB that the guest took in a step of the debugger, which nobody caught."""
    frame = known(scene.evidence.frame)
    if frame is None or not frame.rflags & RF:
        return
    for row in found:
        if row.cause.taken == DEBUG and row.cause.cause == "instruction-breakpoint":
            yield _ignored(scene, row)


def _ignored(scene: StopFacts, row: Finding) -> str:
    quirk = known_quirk(scene, "tcg-step-ignores-rf") if scene.action in (Action.STEP, None) else ""
    return (
        f"RF is 1 in the frame, and DR{row.cause.slot} is an instruction breakpoint, of which hardware takes none "
        f"while RF is 1.{quirk}"
    )


def _used_up(event: ExceptionFacts, here: Shape) -> bool:
    """Whether the REP at the saved RIP is known to have no iterations left."""
    due = judged(event, Executed(here, event.at or 0, False)).prediction.due
    return due is not None and due.rf is False


def fault_flag(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """RF in the frame of a fault other than #DB: 1 (SDM vol. 3B 18.3.1.1). A 16-bit frame has no room for it."""
    if not event.was_pushed or event.vector in (None, 1) or not event.frame_has_rf:
        return
    called = event.front[-2:] == bytes((0xCD, event.vector & 0xFF))
    if vector(event.vector & 0xFF).kind == "fault" and not called and not event.rf:
        yield (
            "RF is 0 in the frame of a fault; hardware saves 1, so that an instruction breakpoint does not fire again."
            f"{known_quirk(event.scene, 'tcg-fault-rf')}"
        )


def fires_again(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """An instruction breakpoint that the last #DB was for too, with a breakpoint of the debugger's on it."""
    last = known(event.scene.evidence.last_frame)
    again = last is not None and event.frame is not None and (last.rip, last.cs) == (event.frame.rip, event.frame.cs)
    if again and named(found, "instruction-breakpoint") and ours_at(event):
        yield (
            "The guest's breakpoint fired again at the same instruction, where the debugger has one too; hardware lets "
            f"the guest go on once its handler has set RF.{known_quirk(event.scene, 'tcg-breakpoints-meet')}"
        )


def ours_at(event: ExceptionFacts) -> bool:
    """Whether a breakpoint of the debugger stands at the saved RIP."""
    rows = event.scene.breakpoints or ()
    return any(row.owner == "debugger" and row.kind.is_execution and row.address == event.at for row in rows)
