"""Steps of the guest's own that came one instruction late: the trap of the first was not seen."""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.explain.evidence import Action
from gdbstub.explain.exception_facts import ExceptionFacts
from gdbstub.explain.explanation import Cause
from gdbstub.explain.quirks.lookup import known_quirk
from gdbstub.explain.stop_facts import Finding, known
from gdbstub.x86.decode import predecessors, shape
from gdbstub.x86.instructions import Shape
from gdbstub.x86.registers import TF


def single_step(found: list[Finding]) -> Cause | None:
    causes = (row.cause for row in found if row.cause.confidence != "possible")
    return next((cause for cause in causes if cause.cause == "single-step"), None)


def late_trap(event: ExceptionFacts, found: list[Finding]) -> Iterator[str]:
    """The trap of an instruction that began with TF set did not come, and the next one's did."""
    for start in _stepped_from(event) if single_step(found) is not None else ():
        first = shape(event.scene.code_at(start), event.mode)
        if first is None or "mov-ss" in first.traits or event.follows(first, start):
            continue
        second = shape(event.scene.code_at(start + len(first.bytes)), event.mode)
        if second is not None and event.follows(second, start + len(first.bytes)):
            yield _late(event, first, second)
            return


def _late(event: ExceptionFacts, first: Shape, second: Shape) -> str:
    why = ", whose shadow holds off interrupts only" if "sti" in first.traits else ""
    quirk = known_quirk(event.scene, "tcg-sti-hides-step") if "sti" in first.traits else ""
    due = f"hardware traps after {first.mnemonic.upper()} too{why}"
    return f"One trap covers `{first.text}` and `{second.text}`; {due}.{quirk}"


def _stepped_from(event: ExceptionFacts) -> Iterator[int]:
    """Where an instruction began with TF set that is not the one in front of the saved RIP: as stepped, as the last
    handler returned to it, or an STI behind the POPF that set TF."""
    scene = event.scene
    if scene.action is Action.STEP and scene.start is not None:
        if (known(scene.evidence.before.rflags) or 0) & TF:
            yield scene.start
        return
    last = known(scene.evidence.last_frame)
    if last is not None and last.rflags & TF and event.tf and event.frame is not None and last.cs == event.frame.cs:
        start = event.linear(last.rip)
        first = shape(scene.code_at(start), event.mode)
        if start is not None and first is not None and _cannot_fault(event, first):
            yield start  # another may have raised an exception, whose handler went on behind it
    behind = _sti_behind_popf(event)
    if behind is not None:
        yield behind


PLAIN = frozenset(
    (
        *("nop", "mov", "movzx", "movsx", "movsxd", "lea", "add", "sub", "adc", "sbb", "and", "or", "xor", "cmp"),
        *("test", "inc", "dec", "not", "neg", "shl", "shr", "sar", "rol", "ror", "xchg", "bswap", "cdq", "cqo"),
        *("cwde", "cdqe", "clc", "stc", "cmc", "cld", "std", "cpuid", "sti", "in", "out"),
    )
)
"""On registers alone they raise no exception; STI, IN and OUT at CPL 0."""


def _cannot_fault(event: ExceptionFacts, what: Shape) -> bool:
    control = what.traits & {"mov-dr", "mov-ss", "descriptor", "lock"} or " cr" in what.text
    if what.mnemonic not in PLAIN or what.memory or control:
        return False
    return event.cpl == 0 or "sti" in what.traits or not what.traits


def _sti_behind_popf(event: ExceptionFacts) -> int | None:
    """Where an STI stands behind the POPF that set TF and in front of the instruction that ran last, which the last
    handler did not return to: then STI ran with TF set, and its trap was not seen."""
    ran, last = event.last_instruction(), known(event.scene.evidence.last_frame)
    if ran is None or ran.exact or last is None or not event.tf:
        return None
    chain = []
    address = ran.address
    for _ in range(2):
        before = predecessors(event.scene.code_before(address), event.mode)[:1]
        if not before:
            return None
        address -= len(before[0].bytes)
        chain.append(before[0].traits)
    return address + 1 if "sti" in chain[0] and "popf" in chain[1] else None
