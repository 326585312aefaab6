"""What a vector's handler found, made ready for rules: DR6 taken apart, and the instructions that may have caused it.

Made only where the guest stands at a handler. Like `StopFacts` it only rearranges what is in the evidence.
"""

from __future__ import annotations

from collections.abc import Callable

from gdbstub.explain.interrupted_code import Executed, InterruptedCode
from gdbstub.explain.stop_facts import StopFacts, known
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.debug_registers import Slot, covered, decode_dr6, decode_dr7
from gdbstub.x86.decode import instruction, shape
from gdbstub.x86.instructions import Instruction
from gdbstub.x86.operands import touches
from gdbstub.x86.registers import part

__all__ = ["ExceptionFacts", "Executed"]

WRITES_DR6 = ("mov dr6,", "mov dr4,")


class ExceptionFacts(InterruptedCode):
    """What the guest's handler of ``vector`` found. ``causes`` are DR6's in positive polarity, None if unknown;
    ``old`` the same of the DR6 before. ``at`` is the saved RIP, linear."""

    __slots__ = ("addresses", "causes", "de", "dr6", "dr7", "old", "writes_dr6")

    def __init__(self, scene: StopFacts) -> None:
        super().__init__(scene)
        after, before = scene.evidence.after, scene.evidence.before
        dr6, old, dr7 = known(after.dr6), known(before.dr6), known(after.dr7)
        self.dr6 = None if dr6 is None else decode_dr6(dr6)
        self.causes = None if self.dr6 is None else self.dr6.causes
        self.old = None if old is None else decode_dr6(old).causes
        self.dr7 = None if dr7 is None else decode_dr7(dr7)
        self.addresses = tuple(known(fact) for fact in (after.dr0, after.dr1, after.dr2, after.dr3))
        cr4 = known(after.cr4)
        self.de = None if cr4 is None else bool(cr4 & 8)
        self.writes_dr6: Executed | None = None
        """A MOV to DR6 in front of the saved RIP, looked for where TF is clear."""
        if not self.tf:
            self.old = self._rewritten(self.old)

    def _rewritten(self, old: int | None) -> int | None:
        """The causes in DR6 before the event, where a MOV to DR6 ran since ``old`` was read: those that it wrote, or
        None where that is not sure."""
        for ran in self.chain():
            if "mov-dr" in ran.shape.traits and ran.shape.text.startswith(WRITES_DR6):
                self.writes_dr6 = ran
                written = part(ran.shape.text.rpartition(" ")[2], self.registers)
                return None if written is None or not ran.exact else decode_dr6(written).causes
        return old

    def new(self, bit: int) -> bool | None:
        """Whether a sticky bit was set by this event: False if DR6 had it before or has it not, None if unknown."""
        if self.causes is None:
            return None
        if not self.causes & bit:
            return False
        return None if self.old is None else not self.old & bit

    @property
    def debugctl(self) -> int | None:
        """DEBUGCTL, of which delivery changes only LBR and BTF; None where it is not known."""
        before = known(self.scene.evidence.before.debugctl)
        return known(self.scene.evidence.after.debugctl) if before is None else before

    def candidates(self) -> list[Executed]:
        """What may have caused a trap here, the likeliest first: what ran last, a REP string instruction that RIP still
        stands on, a MOV SS or POP SS before the last instruction, which defers its traps by one, and then the other
        readings of the bytes in front. RF in the frame of a trap says that the REP was it (SDM vol. 3B 18.3.1.1)."""
        found, others = list(self.executed[:1]), list(self.executed[1:])
        here = self.next_shape()
        if self.exact is None and here is not None and self.at is not None and "rep" in here.traits:
            found.insert(0 if self.rf else len(found), Executed(here, self.at, False))
        for last in self.executed[:1]:
            shadow = self.shadow(last)
            if shadow is not None:
                found.append(shadow)
        return found + others

    def came_by(self, candidate: Executed) -> bool:
        """Whether execution is thought to have come by ``candidate``: it is known to have, or the code in front of the
        saved RIP runs into it, or RIP still stands on it. Another reading of the same bytes never ran."""
        if candidate.exact or candidate.address == self.at:
            return True
        return candidate not in self.executed[1:] and self.came_straight()

    def standing(self, candidate: Executed) -> str:
        """Where ``candidate`` stands, in words: RIP stays on a REP until its last iteration."""
        return f"the instruction {'at' if candidate.address == self.at else 'before'} the saved RIP"

    def likeliest_that(self, agrees: Callable[[Executed], bool]) -> Executed | None:
        """The first of `candidates` that ``agrees``."""
        return next((candidate for candidate in self.candidates() if agrees(candidate)), None)

    def culprit(self, agrees: Callable[[Executed], bool]) -> Executed | None:
        """The likeliest instruction that ``agrees`` with a cause."""
        return self.likeliest_that(agrees)

    def instruction(self, executed: Executed | None) -> Instruction | None:
        return None if executed is None else instruction(executed.shape, executed.address, self.mode)

    def next_instruction(self) -> Instruction | None:
        """The instruction at the saved RIP, which has not run."""
        standing = shape(self.behind_code, self.mode)
        return None if standing is None or self.at is None else instruction(standing, self.at, self.mode)

    def hits(self, candidate: Executed, slot: Slot, address: int) -> bool | None:
        """Whether ``candidate`` accessed what a data breakpoint covers; None where that can't be told."""
        place = covered(address, slot.length)
        return touches(
            candidate.shape,
            candidate.address,
            place,
            slot.type is BreakpointKind.WRITE,
            self.registers,
            self.mode,
            executed=True,
        )

    def uses_port(self, candidate: Executed, slot: Slot, address: int) -> bool | None:
        """Whether ``candidate`` is an IN or OUT on a port that an I/O breakpoint covers; None: port not known."""
        if not candidate.shape.port_size:
            return False
        port = candidate.shape.port
        if port is None:
            port = part("dx", self.registers)
        return None if port is None else covered(address, slot.length).meets(port, candidate.shape.port_size)
