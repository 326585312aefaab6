"""Where the frame of an exception other than #DB departs from the architecture, one sentence each."""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.explain.exception_facts import ExceptionFacts
from gdbstub.explain.quirks.lookup import QuirkName, known_quirk
from gdbstub.explain.rules.instruction_faults import not_canonical
from gdbstub.explain.rules.page_fault import judge
from gdbstub.explain.stop_facts import Finding, known
from gdbstub.x86.error_codes import ALWAYS_0, EXTERNAL, IN_IDT, SELECTORS
from gdbstub.x86.exceptions import vector

PROTECTION = 13


def page_fault(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """Bits of #PF that exclude each other, or that CR2 and the instruction's operands do not bear out."""
    yield from judge(event).against


def never_zero(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """#DF and #AC with an error code that says something."""
    code = None if event.frame is None else event.frame.error_code
    if code and event.vector in ALWAYS_0:
        yield f"The error code of {vector(event.vector).name} is {code:#x}; hardware pushes 0."


def stack_segment(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """An address of the stack that is not canonical raises #SS(0) (SDM vol. 1 3.3.7.1, vol. 2 PUSH)."""
    what = event.next_shape()
    if event.vector != PROTECTION or event.frame is None or event.frame.error_code != 0 or what is None:
        return
    beyond = not_canonical(event, what)[1]
    if beyond and all(one.operand.pushed for one in beyond):
        yield (
            f"`{what.text}` {beyond[0].does} {beyond[0].address:#x}, which is not canonical, by SS; hardware raises "
            f"#SS with error code 0, not #GP.{known_quirk(event.scene, 'tcg-stack-gp')}"
        )


def external(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """An error code that names a gate which no INT n went through: EXT (SDM vol. 3A 6.13). What came instead of an
    exception names that one."""
    code, what = None if event.frame is None else event.frame.error_code, event.next_shape()
    if code is None or event.vector not in SELECTORS or not code & IN_IDT:
        return
    failed = known(event.scene.evidence.instead_of)
    if failed is not None and code != (due := failed * 8 + IN_IDT + EXTERNAL):
        names: tuple[QuirkName, ...] = ("tcg-no-ext", "tcg-idt-error-code")
        quirk = known_quirk(event.scene, *names[:: -1 if code >> 3 != failed else 1])
        yield (
            f"The error code {code:#x} came since {vector(failed).name} was not delivered; hardware gives {due:#x}."
            f"{quirk}"
        )
    elif failed is None and not code & EXTERNAL and what is not None and "gate" not in what.traits:
        yield (
            f"The error code {code:#x} names a gate, and `{what.text}` goes through none by itself; hardware sets EXT "
            f"then: {code | EXTERNAL:#x}.{known_quirk(event.scene, 'tcg-no-ext')}"
        )


EVENT_RULES = (page_fault, never_zero, stack_segment, external)
