"""Events of vectors other than 1: #BP, and every other vector that was caught at its handler."""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.explain.evidence import Known
from gdbstub.explain.exception_facts import ExceptionFacts, Executed
from gdbstub.explain.explanation import Cause, Class, Confidence
from gdbstub.explain.rules.instruction_faults import reasons
from gdbstub.explain.rules.page_fault import PAGE_FAULT
from gdbstub.explain.stop_facts import Finding, known
from gdbstub.x86.error_codes import SELECTORS, error_code_text
from gdbstub.x86.exceptions import Vector, bios_irq, vector

CLASSES: dict[str, Class] = {"fault": "fault", "trap": "trap"}
SOURCE = ("SDM 3A chapter 6",)
SOURCES = {
    8: ("SDM 3A 6.15 (#DF)",),
    PAGE_FAULT: ("SDM 3A 4.7", "SDM 3A 6.15 (#PF)"),
    **dict.fromkeys(SELECTORS, ("SDM 3A 6.13", "SDM 3A 6.15")),
    21: ("SDM 3A 6.15 (#CP)",),
    29: ("APM 2 15.36 (not checked)", "Linux uapi/asm/svm.h"),
    30: ("APM 2 8.2 (not checked)",),
}


def breakpoint_instruction(event: ExceptionFacts) -> Iterator[Finding]:
    """#BP: INT3 (CC), a trap; or INT 3 (CD 03), a software interrupt like every other INT n, so of no class."""
    if event.vector != 3:
        return
    klass: Class = "trap"
    level: Confidence = "likely"
    because: tuple[str, ...] = (f"{_told(event)} vector 3",)
    culprit = None
    if event.front[-1:] == b"\xcc":
        culprit = event.culprit(lambda candidate: "int3" in candidate.shape.traits)
        because = (*because, "the byte in front of the saved RIP is CC (INT3)")
    elif event.front[-2:] == b"\xcd\x03":
        klass = "none"
        culprit = event.culprit(lambda candidate: candidate.shape.interrupt == 3)
        because = (*because, "the bytes in front of the saved RIP are CD 03 (INT 3)")
    elif event.front:
        because = (*because, "no INT3 is in front of the saved RIP now")
    if culprit is not None and event.came_by(culprit):
        level = "certain"
    elif culprit is not None:
        because = (*because, "they can as well be the end of another instruction")
    cause = Cause("software-breakpoint", "guest", klass, level, because, ("SDM 3B 18.3.2",))
    place = None if event.at is None or culprit is None else culprit.address
    yield Finding(cause, event.instruction(culprit), place)


def other_vector(event: ExceptionFacts) -> Iterator[Finding]:
    """Any other vector: which, with its error code, and the instruction that the saved RIP tells of."""
    if event.vector is None or event.vector in (1, 3) or not 0 <= event.vector <= 255:
        return
    row = vector(event.vector)
    because = [f"{_told(event)} vector {row.number} ({row.title})"]
    if row.kind == "abort":
        because.append("an abort: the saved RIP need not be that of the instruction to blame")
    code = None if event.frame is None else event.frame.error_code
    if code is not None:
        because.append(f"error code {error_code_text(row.number, code)}")
    failed = known(event.scene.evidence.instead_of)
    if failed is not None:
        because.append(f"it came instead of {vector(failed).name}, which could not be delivered")
    because += reasons(event)
    called = _called(event, row)
    if called is not None:
        because.append(f"INT {row.number:#x} is in front of the saved RIP")
    level: Confidence = "certain"
    irq = bios_irq(row.number, event.scene.mode, event.frame)
    if irq is not None:
        level = "possible"
        because.append(f"IRQ {irq} comes through this vector as well, where the BIOS's layout is kept")
    klass = "none" if called is not None else CLASSES.get(row.kind, "none")
    if called is not None or klass == "trap":
        found = event.instruction(called or event.last_instruction())
    else:
        found = event.next_instruction() if klass == "fault" else None
    cause = Cause("exception", "guest", klass, level, tuple(because), SOURCES.get(row.number, SOURCE))
    yield Finding(cause, found, known(event.scene.evidence.after.cr2) if row.number == PAGE_FAULT else None)


def _told(event: ExceptionFacts) -> str:
    """How the vector is known: by where the guest stands, or by somebody who saw the event and stopped nothing."""
    if isinstance(event.scene.evidence.failed, Known):
        return "the CPU raised"
    return "the guest took" if event.scene.pc is None else "the guest stands at its handler of"


def _called(event: ExceptionFacts, row: Vector) -> Executed | None:
    """The INT n in front of the saved RIP. Such an INT pushes no error code; and where a fault's own RIP is saved, what
    stands in front of it is behind the matter unless it is known to have run."""
    if event.front[-2:] != bytes((0xCD, row.number)) or (
        event.frame is not None and event.frame.error_code is not None
    ):
        return None
    culprit = event.culprit(lambda candidate: candidate.shape.interrupt == row.number)
    return None if culprit is None or (row.kind == "fault" and not culprit.exact) else culprit


RULES = (breakpoint_instruction, other_vector)
