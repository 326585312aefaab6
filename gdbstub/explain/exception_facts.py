"""What a vector's handler found, made ready for rules: DR6 taken apart, and the instructions that may have caused it.

Made only where the guest stands at a handler. Like `StopFacts` it only rearranges what is in the evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from gdbstub.explain.evidence import Action
from gdbstub.explain.stop_facts import StopFacts, known
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.debug_registers import Slot, covered, decode_dr6, decode_dr7
from gdbstub.x86.decode import LINEAR_MASKS, instruction, predecessors, shape, successors
from gdbstub.x86.exceptions import Frame
from gdbstub.x86.instructions import Instruction, Shape
from gdbstub.x86.interrupted_registers import interrupted
from gdbstub.x86.operands import touches
from gdbstub.x86.registers import TF, Mode, part


class Executed(NamedTuple):
    """An instruction that ran before the event. ``exact`` says that it is known to be the last one; otherwise it
    was read backwards from the bytes in front of RIP."""

    shape: Shape
    address: int
    exact: bool


TRAPPING = frozenset(("icebp", "int3", "into", "int-n"))
"""Instructions whose own trap saves the RIP behind them."""


SYSCALL = b"\x0f\x05"
ALIGNED = 16
"""Compilers and assemblers put functions and loops there, with long NOPs in front that nothing runs through."""


class ExceptionFacts:
    """What the guest's handler of ``vector`` found. ``causes`` are DR6's in positive polarity, None if unknown;
    ``old`` the same of the DR6 before. ``at`` is the saved RIP, linear."""

    __slots__ = (
        "addresses",
        "at",
        "behind_code",
        "causes",
        "de",
        "dr6",
        "dr7",
        "exact_address",
        "executed",
        "frame",
        "front",
        "mode",
        "old",
        "registers",
        "rip",
        "scene",
        "vector",
    )

    def __init__(self, scene: StopFacts) -> None:
        evidence = scene.evidence
        after, before = evidence.after, evidence.before
        self.scene = scene
        self.vector = known(evidence.vector)
        self.frame: Frame | None = known(evidence.frame)
        self.mode: Mode = known(evidence.frame_mode) or scene.mode
        dr6, old, dr7 = known(after.dr6), known(before.dr6), known(after.dr7)
        self.dr6 = None if dr6 is None else decode_dr6(dr6)
        self.causes = None if self.dr6 is None else self.dr6.causes
        self.old = None if old is None else decode_dr6(old).causes
        self.dr7 = None if dr7 is None else decode_dr7(dr7)
        self.addresses = tuple(known(fact) for fact in (after.dr0, after.dr1, after.dr2, after.dr3))
        cr4 = known(after.cr4)
        self.de = None if cr4 is None else bool(cr4 & 8)
        self.rip = known(evidence.saved_rip) if self.frame is None else self.frame.rip
        self.at, self.exact_address = self._saved_address()
        self.front = scene.code_before(self.at)
        self.behind_code = scene.code_at(self.at)
        self.registers = self._registers()
        self.executed = self._executed()

    def _saved_address(self) -> tuple[int | None, bool]:
        """Linear, and whether the base of the interrupted CS is known."""
        rip, cs = self.rip, None if self.frame is None else self.frame.cs
        if rip is None or self.mode == 64:
            return rip, self.scene.mode_known
        if self.frame is not None and self.frame.cs_base is not None:
            return self.frame.cs_base + rip & LINEAR_MASKS[32], True
        for moment in (self.scene.evidence.before, self.scene.evidence.after):
            base = known(moment.cs_base)
            if base is not None and cs is not None and known(moment.cs) == cs:
                return base + rip & LINEAR_MASKS[32], True
        base = cs << 4 if self.mode == 16 and cs is not None else 0
        return base + rip & LINEAR_MASKS[32], False

    def _registers(self) -> Mapping[str, int]:
        """The general registers as the interrupted code left them: delivery changes only RSP, CS and SS."""
        registers, frame = known(self.scene.evidence.after.registers), self.frame
        if registers is None or frame is None:
            return {}
        return interrupted(registers, frame, self.mode, None if self.at is None else self.at - frame.rip)

    def _executed(self) -> tuple[Executed, ...]:
        """What ran just before the saved RIP, the likeliest first: as stepped, as the last handler returned to it,
        else every reading of the bytes in front."""
        scene = self.scene
        if self.at is None:
            return ()
        stepped = scene.stepped_shape
        start = scene.start if scene.action is Action.STEP else None
        if start is not None and stepped is not None and self._leads_here(stepped, start):
            return (Executed(stepped, start, True),)
        returned = self._returned()
        if returned is not None:
            return (returned,)
        began = self.handler_began()
        if began is not None:
            return (began,)
        if self.at == scene.pc:  # a #DB inside the delivery of another: nothing ran in between
            return ()
        readings = [what for what in predecessors(self.front, self.mode) if any(what.bytes)]  # zeros are padding
        found = (Executed(what, self.at - len(what.bytes), False) for what in readings)
        guesses = tuple(guess for guess in found if self._falls_through(guess))
        return (*self._system_call(guesses), *guesses)

    def handler_began(self) -> Executed | None:
        """The handler's own first instruction, if the guest was resumed in front of it and it leads here."""
        scene = self.scene
        code = known(scene.evidence.before.bytes)
        if scene.action is not Action.CONTINUE or scene.start is None or scene.start != scene.pc or not code:
            return None
        what = shape(code, self.mode)
        if what is None or scene.mode != self.mode or not self.follows(what, scene.start) or self.at == scene.start:
            return None
        return Executed(what, scene.start, False)

    def _system_call(self, guesses: tuple[Executed, ...]) -> tuple[Executed, ...]:
        """SYSCALL, where the bytes in front of the saved RIP do not run into it and RCX and R11 are as SYSCALL leaves
        them: RIP behind itself, and RFLAGS, of which FMASK takes bits away (SDM vol. 2B)."""
        behind, saved = self.registers.get("rcx"), self.registers.get("r11")
        if self.frame is None or self.mode != 64 or self.cpl or behind is None or saved is None:
            return ()
        code = self.scene.code_before(behind)[-2:]
        if self._runs_in(guesses) or code != SYSCALL or self.frame.rflags & ~(saved | 2):
            return ()
        what = shape(code, 64)
        return () if what is None else (Executed(what, behind - 2, False),)

    def _runs_in(self, guesses: tuple[Executed, ...]) -> bool:
        """Whether the likeliest reading of the bytes in front of the saved RIP runs into it, and is no padding."""
        likeliest = predecessors(self.front, self.mode)[:1]
        if not likeliest or not guesses or guesses[0].shape != likeliest[0]:
            return False
        padding = likeliest[0].mnemonic == "nop" and len(likeliest[0].bytes) > 1
        return not (padding and self.at is not None and self.at % ALIGNED == 0)

    def came_straight(self) -> bool:
        """Whether the likeliest reading of the bytes in front of the saved RIP runs into it. Behind a jump, a return or
        a system call the code came from elsewhere, and other readings are worth nothing."""
        first = self.last_instruction()
        if self.exact is not None or first is None:
            return first is not None
        return "syscall" in first.shape.traits or first == self.handler_began() or self._runs_in(self.executed)

    def likeliest(self) -> Shape | None:
        """The instruction that ran last if that is known, else the likeliest reading of the bytes in front."""
        if self.exact is not None:
            return self.exact.shape
        return next(iter(predecessors(self.front, self.mode)), None)

    def _falls_through(self, guess: Executed) -> bool:
        """Whether RIP can stand behind ``guess`` because it ran. INT n and its like save that RIP themselves."""
        return bool(guess.shape.traits & TRAPPING) or self.follows(*guess[:2])

    def linear(self, rip: int) -> int | None:
        """An offset in the interrupted CS, linear."""
        at, saved = self.at, self.rip
        return None if at is None or saved is None else at - saved + rip & LINEAR_MASKS[self.mode]

    def _returned(self) -> Executed | None:
        """The instruction that the last handler returned to, if it leads here."""
        last = known(self.scene.evidence.last_frame)
        if last is None or self.frame is None or last.cs != self.frame.cs:
            return None
        start = self.linear(last.rip)
        what = shape(self.scene.code_at(start), self.mode)
        if what is None or start is None:
            return None
        return Executed(what, start, True) if self.follows(what, start) else None

    def _leads_here(self, what: Shape, start: int) -> bool:
        """Whether ``what`` at ``start`` can have led to the saved RIP (any indirect branch can)."""
        return "indirect" in what.traits or self.follows(what, start)

    def follows(self, what: Shape, start: int) -> bool:
        """Whether the saved RIP is one of the places that ``what`` at linear ``start`` leads to by itself."""
        at, rip = self.at, self.rip
        return at is not None and rip is not None and rip in successors(what, start - at + rip, self.mode)

    def new(self, bit: int) -> bool | None:
        """Whether a sticky bit was set by this event: False if DR6 had it before or has it not, None if unknown."""
        if self.causes is None:
            return None
        if not self.causes & bit:
            return False
        return None if self.old is None else not self.old & bit

    @property
    def tf(self) -> bool | None:
        """TF in the frame."""
        return None if self.frame is None else bool(self.frame.rflags & TF)

    @property
    def cpl(self) -> int | None:
        """The privilege level of the interrupted code."""
        return None if self.frame is None else self.frame.cs & 3

    @property
    def exact(self) -> Executed | None:
        """The instruction that ran last, if that is known."""
        return self.executed[0] if self.executed and self.executed[0].exact else None

    def candidates(self) -> list[Executed]:
        """What may have caused a trap here: `executed`, then a REP string instruction that RIP still stands on, then
        a MOV SS or POP SS before the last instruction, which defers its traps by one."""
        found = list(self.executed)
        here = self.next_shape()
        if self.exact is None and here is not None and self.at is not None and "rep" in here.traits:
            found.append(Executed(here, self.at, False))
        for last in self.executed[:1]:
            shadow = self.shadow(last)
            if shadow is not None:
                found.append(shadow)
        return found

    def shadow(self, last: Executed) -> Executed | None:
        """The MOV SS or POP SS directly before ``last``, if the bytes there read so."""
        for before in predecessors(self.scene.code_before(last.address), self.mode):
            if "mov-ss" in before.traits:
                return Executed(before, last.address - len(before.bytes), False)
        return None

    def likeliest_that(self, agrees: Callable[[Executed], bool]) -> Executed | None:
        """The first of `candidates` that ``agrees``."""
        return next((candidate for candidate in self.candidates() if agrees(candidate)), None)

    def culprit(self, agrees: Callable[[Executed], bool]) -> Executed | None:
        """The likeliest instruction that ``agrees`` with a cause. Of readings backwards that all do the longest: a
        shorter one begins inside of it, behind a prefix or an opcode's first byte."""
        fitting = [candidate for candidate in self.candidates() if agrees(candidate)]
        if not fitting or fitting[0].exact:
            return fitting[0] if fitting else None
        ends = fitting[0].address + len(fitting[0].shape.bytes)
        same = [one for one in fitting if one.address + len(one.shape.bytes) == ends]
        return max(same, key=lambda one: len(one.shape.bytes))

    def instruction(self, executed: Executed | None) -> Instruction | None:
        return None if executed is None else instruction(executed.shape, executed.address, self.mode)

    def last_instruction(self) -> Executed | None:
        """The likeliest instruction to have run last."""
        return self.executed[0] if self.executed else None

    def next_instruction(self) -> Instruction | None:
        """The instruction at the saved RIP, which has not run."""
        standing = shape(self.behind_code, self.mode)
        return None if standing is None or self.at is None else instruction(standing, self.at, self.mode)

    def next_shape(self) -> Shape | None:
        return shape(self.behind_code, self.mode)

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
