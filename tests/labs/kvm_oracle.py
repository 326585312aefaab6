"""KVM's own DR6 and DR7 of each exit, held against what dr6 says: with them, and as if nobody had read them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from gdbstub.debugger.record import StopRecord
from gdbstub.explain.evidence import ABSENT, Known
from gdbstub.explain.explain import explain
from gdbstub.explain.explanation import Explanation
from gdbstub.x86.debug_registers import B_MASK, BD, BS, decode_dr6, decode_dr7

HELD = BS | BD | B_MASK
NO_CAUSES = ("unknown", "spurious")


@dataclass
class Verdict:
    """Of the stops of one session. ``same``: what dr6 infers is what KVM had; ``unknown``: dr6 infers nothing;
    ``wrong``: something else. ``told_wrong`` and ``told_unknown`` are of what dr6 says knowing the exit."""

    stops: int = 0
    same: int = 0
    unknown: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    told_unknown: list[str] = field(default_factory=list)
    told_wrong: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        return [*self.wrong, *self.told_wrong, *self.told_unknown]

    def __str__(self) -> str:
        return (
            f"{self.stops} stops whose exit KVM tells: inferred {self.same} same, {len(self.unknown)} unknown, "
            f"{len(self.wrong)} wrong; told {len(self.told_unknown)} unknown, {len(self.told_wrong)} wrong"
        )


def held(records: Iterable[StopRecord]) -> Verdict:
    """Each stop of ``records`` whose exit was read."""
    verdict = Verdict()
    for record in records:
        exit_dr6 = record.evidence.exit_dr6
        if not isinstance(exit_dr6, Known) or record.event is not None:
            continue
        verdict.stops += 1
        where = f"#{record.number} {record.action} at {record.state.pc:#x}, exit DR6 {exit_dr6.value:#x}"
        _told(verdict, record, where, exit_dr6.value)
        _inferred(verdict, record, where, exit_dr6.value)
    return verdict


def _told(verdict: Verdict, record: StopRecord, where: str, exit_dr6: int) -> None:
    answer = record.explanation
    if answer.causes[0].cause in NO_CAUSES:
        verdict.told_unknown.append(f"{where}: {answer.summary}")
    elif bits_of(answer) != _counted(record, exit_dr6):
        verdict.told_wrong.append(f"{where}: {answer.summary}")


def _inferred(verdict: Verdict, record: StopRecord, where: str, exit_dr6: int) -> None:
    answer = explain(replace(record.evidence, exit_dr6=ABSENT, exit_dr7=ABSENT))
    value = answer.exit_dr6.value
    if value is None:
        verdict.unknown.append(f"{where}: {answer.summary}")
    elif _counted(record, value) == _counted(record, exit_dr6):
        verdict.same += 1
    else:
        verdict.wrong.append(f"{where}: inferred {value:#x}: {answer.summary}")


def bits_of(answer: Explanation) -> int:
    """The bits of DR6 that the causes stand for."""
    bits = 0
    for cause in answer.causes:
        if cause.cause == "single-step":
            bits |= BS
        elif cause.cause == "general-detect":
            bits |= BD
        elif cause.slot is not None:
            bits |= 1 << cause.slot
    return bits


def _counted(record: StopRecord, exit_dr6: int) -> int:
    """Without the B bits of registers that DR7 does not enable: those are no causes, and the address that was met may
    be one that the debugger had there before (SDM 3B 18.2.3)."""
    bits = decode_dr6(exit_dr6).causes & HELD
    exit_dr7 = record.evidence.exit_dr7
    return bits & ~(B_MASK & ~decode_dr7(exit_dr7.value).enabled) if isinstance(exit_dr7, Known) else bits
