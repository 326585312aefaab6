"""Events of vectors other than 1: #BP, and every other vector that was caught at its handler."""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.x86.event import Event, Executed
from gdbstub.x86.exceptions import Vector, describe_error_code, vector
from gdbstub.x86.explanation import Cause, Class, Confidence
from gdbstub.x86.scene import Found, known

FETCH = 1 << 4
"""I/D of a #PF's error code: SDM vol. 3A 4.7."""
CLASSES: dict[str, Class] = {"fault": "fault", "trap": "trap"}


def breakpoint_instruction(event: Event) -> Iterator[Found]:
    """#BP: INT3 (CC), or INT 3 (CD 03)."""
    if event.vector != 3:
        return
    culprit = None
    level: Confidence = "likely"
    because: tuple[str, ...] = ("the guest stands at its handler of vector 3",)
    if event.front[-1:] == b"\xcc":
        culprit = event.culprit(lambda candidate: "int3" in candidate.shape.traits)
        level, because = "certain", (*because, "the byte in front of the saved RIP is CC (INT3)")
    elif event.front[-2:] == b"\xcd\x03":
        culprit = event.culprit(lambda candidate: candidate.shape.interrupt == 3)
        level, because = "certain", (*because, "the bytes in front of the saved RIP are CD 03 (INT 3)")
    elif event.front:
        because = (*because, "no INT3 is in front of the saved RIP now")
    cause = Cause("software-breakpoint", "guest", "trap", level, because, ("SDM 3B 18.3.2",))
    place = None if event.at is None or culprit is None else culprit.address
    yield Found(cause, event.instruction(culprit), place)


def other_vector(event: Event) -> Iterator[Found]:
    """Any other vector: which, with its error code, and the instruction that the saved RIP tells of."""
    if event.vector is None or event.vector in (1, 3) or not 0 <= event.vector <= 255:
        return
    row = vector(event.vector)
    because = [f"the guest stands at its handler of vector {row.number} ({row.title})"]
    if event.frame is not None and event.frame.error_code is not None:
        because.append(f"error code {describe_error_code(row.number, event.frame.error_code)}")
    cr2 = known(event.scene.evidence.after.cr2)
    if row.number == 14 and cr2 is not None:
        because.append(f"CR2 is {cr2:#x}")
        if cr2 == event.at and not ((event.frame and event.frame.error_code) or 0) & FETCH:
            because.append(
                "that is the saved RIP: an instruction fetch, which the error code tells only where NX is on"
            )
    called = _called(event, row)
    if called is not None:
        because.append(f"INT {row.number:#x} is in front of the saved RIP")
    klass = CLASSES.get(row.kind, "none")
    if called is not None or klass == "trap":
        found = event.instruction(called or event.last_instruction())
    else:
        found = event.next_instruction() if klass == "fault" else None
    cause = Cause("exception", "guest", klass, "certain", tuple(because), ("SDM 3A chapter 6",))
    yield Found(cause, found, cr2 if row.number == 14 else None)


def _called(event: Event, row: Vector) -> Executed | None:
    if event.front[-2:] != bytes((0xCD, row.number)):
        return None
    return event.culprit(lambda candidate: candidate.shape.interrupt == row.number)


RULES = (breakpoint_instruction, other_vector)
