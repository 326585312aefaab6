"""Which exceptions of QEMU's log were delivered: it writes the line before it looks at the gate.

Where the delivery fails another exception follows at the same RIP, in turn #DF, and then the CPU gives up (SDM vol. 3A
6.15, #DF). So each is held back until the next line is there, or nothing more can follow. Plain values, no I/O.
"""

from __future__ import annotations

from collections.abc import Iterator

from gdbstub.backends.qemu.exception_log import LoggedException, LogMark
from gdbstub.x86.error_codes import IN_IDT
from gdbstub.x86.exceptions import GATE_SIZES, FailedDelivery, TripleFault
from gdbstub.x86.registers import EFER_LMA

DOUBLE_FAULT, PAGE_FAULT = 8, 14
SELECTOR_FAULTS = frozenset((10, 11, 12, 13))
REFUSALS = SELECTOR_FAULTS | {DOUBLE_FAULT, PAGE_FAULT}
"""What is raised where a vector can't be delivered: #DF, #TS, #NP, #SS, #GP, #PF."""
CONTRIBUTORY = SELECTOR_FAULTS | {0, PAGE_FAULT}
"""Behind these another one makes a #DF."""


class Deliveries:
    """The exceptions as they come, each with what came instead of it where its delivery failed."""

    def __init__(self) -> None:
        self._held: LoggedException | None = None
        self._chain: tuple[LoggedException, ...] = ()
        self.gave_up: TripleFault | None = None
        """The last triple fault; without vectors where the log does not show them. None where there was none."""

    @property
    def undecided(self) -> bool:
        """Is one held back?"""
        return self._held is not None

    def take(self, came: LoggedException | LogMark) -> Iterator[LoggedException]:
        """Those that are decided now. An INT n that its gate refuses is none: it faults, and that follows."""
        before, self._held = self._held, None
        if isinstance(came, LogMark):
            yield from self._give_up(before)
            return
        instead = None if before is None else came_instead(before, came)
        if before is not None and instead is None:
            self._chain = ()
            yield before
        elif before is not None:
            self._chain = (*self._chain, before)
            if not before.software:
                came = came._replace(instead_of=before.vector)
                yield before._replace(failed=instead)
        self._held = came

    def _give_up(self, before: LoggedException | None) -> Iterator[LoggedException]:
        if before is not None and before.vector == DOUBLE_FAULT and not before.software:
            failed = (*self._chain, before)
            vectors = tuple(one.vector for one in failed)
            self.gave_up = TripleFault(vectors, failed[0].pc, tuple(gate_of(one) for one in failed))
            yield before._replace(failed=FailedDelivery(None))
        else:
            self.gave_up = TripleFault()
            if before is not None:
                yield before
        self._chain = ()

    def settle(self) -> Iterator[LoggedException]:
        """The one that is held back, once nothing can follow."""
        before, self._held, self._chain = self._held, None, ()
        if before is not None:
            yield before

    def end(self) -> Iterator[LoggedException]:
        """The same, where the guest ended behind it. In a log without `LogMark`, a #DF that another exception's failed
        delivery had led to was not delivered either: its handler would have run."""
        if self._chain and self._held is not None and self._held.vector == DOUBLE_FAULT:
            yield from self.take(LogMark.TRIPLE_FAULT)
        else:
            yield from self.settle()


def came_instead(before: LoggedException, after: LoggedException) -> FailedDelivery | None:
    """Whether the delivery of ``before`` failed, if ``after`` is the next one in the log: what came instead."""
    same = (after.cs, after.rip, after.cpl) == (before.cs, before.rip, before.cpl)
    if after.software or after.interrupt or after.vector not in REFUSALS or not same:
        return None
    if after.general != before.general:
        return None
    if before.software or _names(before, after) or _doubles(before, after) or _missed_the_gate(before, after):
        return FailedDelivery(after.vector, after.error_code)
    return None


def _names(before: LoggedException, after: LoggedException) -> bool:
    """By its error code, which QEMU before 8.2 counts in units of 8 bytes where gates have 16."""
    code = after.error_code
    told = after.vector in SELECTOR_FAULTS and bool(code & IN_IDT)
    return told and code >> 3 in (before.vector, before.vector * 2 if _gate_size(before) == 16 else before.vector)


def _doubles(before: LoggedException, after: LoggedException) -> bool:
    return after.vector == DOUBLE_FAULT and after.error_code == 0 and before.vector in CONTRIBUTORY


def _missed_the_gate(before: LoggedException, after: LoggedException) -> bool:
    """A #PF at the gate itself. One at the stack is not told from the instruction's own."""
    gate = gate_of(before)
    return after.vector == PAGE_FAULT and gate <= after.shown.cr2 < gate + _gate_size(before)


def gate_of(logged: LoggedException) -> int:
    """The linear address of the gate that it goes through."""
    return logged.shown.tables.idt[0] + logged.vector * _gate_size(logged)


def _gate_size(logged: LoggedException) -> int:
    return GATE_SIZES[64 if logged.shown.efer & EFER_LMA else 32]
