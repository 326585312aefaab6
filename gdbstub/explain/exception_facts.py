"""What a vector's handler found, made ready for rules: DR6 taken apart, and the instructions that may have caused it.

Made only where the guest stands at a handler. Like `StopFacts` it only rearranges what is in the evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from gdbstub.explain.evidence import Action, Unknown
from gdbstub.explain.stop_facts import StopFacts, known
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.debug_registers import BS, Slot, covered, decode_dr6, decode_dr7
from gdbstub.x86.decode import LINEAR_MASKS, instruction, predecessors, shape, successors
from gdbstub.x86.exceptions import Frame
from gdbstub.x86.instructions import Instruction, Shape, Trait
from gdbstub.x86.interrupted_registers import interrupted
from gdbstub.x86.operands import touches
from gdbstub.x86.registers import RF, TF, Mode, part


class Executed(NamedTuple):
    """An instruction that ran before the event. ``exact`` says that it is known to be the last one; otherwise it
    was read backwards from the bytes in front of RIP."""

    shape: Shape
    address: int
    exact: bool


TRAPPING = frozenset(("icebp", "int3", "into", "int-n"))
"""Instructions whose own trap saves the RIP behind them."""


FAR: frozenset[Trait] = frozenset(("iret", "sysret", "far"))
"""Instructions that may load another CS."""
WRITES_DR6 = ("mov dr6,", "mov dr4,")
CHAIN = 6
"""As many instructions as the bytes in front may hold."""
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
        "shadowed",
        "vector",
        "writes_dr6",
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
        self.shadowed: Executed | None = None
        """The MOV SS or POP SS that is known to have run in front of what ran last."""
        self.executed = self._executed()
        self.writes_dr6: Executed | None = None
        """A MOV to DR6 in front of the saved RIP, looked for where TF is clear."""
        if not self.tf:
            self.old = self._rewritten(self.old)

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
        ran = None if start is None or stepped is None else self._from(stepped, start, anywhere=True)
        if ran is not None:
            return (ran,)
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
        if last is None or self.frame is None:
            return None
        start = self.linear(last.rip)
        what = shape(self.scene.code_at(start), self.mode)
        if what is None or start is None or (last.cs != self.frame.cs and not what.traits & FAR):
            return None
        stepped = bool(last.rflags & TF) and self.vector == 1 and bool((self.causes or 0) & BS)
        return self._from(what, start, anywhere=stepped and self._by_the_stack(what, last))

    def _by_the_stack(self, what: Shape, last: Frame) -> bool:
        """Whether RSP moved as ``what``, a RET, a JMP or a CALL, moves it. The handler may have cleared TF in its
        frame, and then much can have run since."""
        if "gate" in what.traits or what.traits & {"iret", "sysret"} or self.frame is None:
            return False
        moved = -sum(operand.pushed for operand in what.memory)
        if what.mnemonic in ("ret", "retf", "retfq") and len(what.bytes) > 2:
            moved += int.from_bytes(what.bytes[-2:], "little")
        return None not in (last.rsp, self.frame.rsp) and self.frame.rsp == (last.rsp or 0) + moved

    def _from(self, what: Shape, start: int, *, anywhere: bool) -> Executed | None:
        """What ran last where execution began with ``what`` at ``start``: it, if it leads here, or behind a MOV SS or
        POP SS the next one. ``anywhere`` says that an indirect branch there is known to have led here."""
        if self.follows(what, start) or (anywhere and "indirect" in what.traits):
            return Executed(what, start, True)
        behind = start + len(what.bytes)
        second = shape(self.scene.code_at(behind), self.mode) if "mov-ss" in what.traits else None
        if second is None or not self.follows(second, behind):
            return None
        self.shadowed = Executed(what, start, True)
        return Executed(second, behind, True)

    def _rewritten(self, old: int | None) -> int | None:
        """The causes in DR6 before the event, where a MOV to DR6 ran since ``old`` was read: those that it wrote, or
        None where that is not sure."""
        for ran in self._chain():
            if "mov-dr" in ran.shape.traits and ran.shape.text.startswith(WRITES_DR6):
                self.writes_dr6 = ran
                written = part(ran.shape.text.rpartition(" ")[2], self.registers)
                return None if written is None or not ran.exact else decode_dr6(written).causes
        return old

    def _chain(self) -> Iterator[Executed]:
        """What ran before the saved RIP, the last first, by the likeliest readings; each but the first is a guess."""
        last = self.last_instruction() if self.came_straight() else None
        for _ in range(CHAIN):
            if last is None:
                return
            yield last
            before = predecessors(self.scene.code_before(last.address), self.mode)[:1]
            last = Executed(before[0], last.address - len(before[0].bytes), False) if before else None

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
    def rf(self) -> bool:
        """RF in the frame; False where that is not known."""
        return self.frame is not None and bool(self.frame.rflags & RF)

    @property
    def debugctl(self) -> int | None:
        """DEBUGCTL, of which delivery changes only LBR and BTF; None where it is not known."""
        before = known(self.scene.evidence.before.debugctl)
        return known(self.scene.evidence.after.debugctl) if before is None else before

    @property
    def in_64_bit_code(self) -> bool:
        """Whether the interrupted code is known to be 64-bit code."""
        told = self.scene.mode_known or not isinstance(self.scene.evidence.frame_mode, Unknown)
        return told and self.mode == 64

    @property
    def cpl(self) -> int | None:
        """The privilege level of the interrupted code."""
        return None if self.frame is None else self.frame.cs & 3

    @property
    def exact(self) -> Executed | None:
        """The instruction that ran last, if that is known."""
        return self.executed[0] if self.executed and self.executed[0].exact else None

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

    def shadow(self, last: Executed) -> Executed | None:
        """The MOV SS or POP SS directly before ``last``, if it is known to have run or the bytes there read so."""
        if self.shadowed is not None:
            return self.shadowed
        for before in predecessors(self.scene.code_before(last.address), self.mode):
            if "mov-ss" in before.traits:
                return Executed(before, last.address - len(before.bytes), False)
        return None

    def likeliest_that(self, agrees: Callable[[Executed], bool]) -> Executed | None:
        """The first of `candidates` that ``agrees``."""
        return next((candidate for candidate in self.candidates() if agrees(candidate)), None)

    def culprit(self, agrees: Callable[[Executed], bool]) -> Executed | None:
        """The likeliest instruction that ``agrees`` with a cause."""
        return self.likeliest_that(agrees)

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
