"""The code that an event interrupted: where it stood, and which instructions may have run last.

Like `StopFacts` it only rearranges what is in the evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from gdbstub.explain.evidence import Action
from gdbstub.explain.interrupted_frame import InterruptedFrame
from gdbstub.explain.stop_facts import StopFacts, known
from gdbstub.x86.debug_registers import BS, decode_dr6
from gdbstub.x86.decode import predecessors, shape, successors
from gdbstub.x86.exceptions import Frame
from gdbstub.x86.instructions import Shape, Trait
from gdbstub.x86.interrupted_registers import interrupted
from gdbstub.x86.registers import TF


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
CHAIN = 6
"""As many instructions as the bytes in front may hold."""
SYSCALL = b"\x0f\x05"
ALIGNED = 16
"""Compilers and assemblers put functions and loops there, with long NOPs in front that nothing runs through."""


class InterruptedCode(InterruptedFrame):
    """What ran before the saved RIP; ``executed`` is what ran last, the likeliest first."""

    __slots__ = (
        "behind_code",
        "executed",
        "front",
        "registers",
        "shadowed",
        "stepped",
    )

    def __init__(self, scene: StopFacts) -> None:
        super().__init__(scene)
        dr6 = known(scene.evidence.after.dr6)
        self.stepped = self.vector == 1 and dr6 is not None and bool(decode_dr6(dr6).causes & BS)
        """Whether DR6 says that the guest was stepping."""
        self.front = scene.code_before(self.at)
        self.behind_code = scene.code_at(self.at)
        self.registers = self._registers()
        self.shadowed: Executed | None = None
        """The MOV SS or POP SS that is known to have run in front of what ran last."""
        self.executed = self._executed()

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
        if self.frame is None or not self.in_64_bit_code or self.cpl or behind is None or saved is None:
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

    def only_stands_in_front(self, what: Executed) -> bool:
        """Whether all that speaks for ``what`` is that its bytes end at the saved RIP, where a branch may have led."""
        behind = self.at is not None and what.address + len(what.shape.bytes) == self.at
        return behind and not what.exact and "syscall" not in what.shape.traits and what != self.handler_began()

    def likeliest(self) -> Shape | None:
        """The instruction that ran last if that is known, else the likeliest reading of the bytes in front."""
        if self.exact is not None:
            return self.exact.shape
        return next(iter(predecessors(self.front, self.mode)), None)

    def _falls_through(self, guess: Executed) -> bool:
        """Whether RIP can stand behind ``guess`` because it ran. INT n and its like save that RIP themselves."""
        return bool(guess.shape.traits & TRAPPING) or self.follows(*guess[:2])

    def _returned(self) -> Executed | None:
        """The instruction that the last handler returned to, if it leads here."""
        last = known(self.scene.evidence.last_frame)
        if last is None or self.frame is None:
            return None
        start = self.linear(last.rip)
        what = shape(self.scene.code_at(start), self.mode)
        if what is None or start is None or (last.cs != self.frame.cs and not what.traits & FAR):
            return None
        stepped = bool(last.rflags & TF) and self.stepped
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
        if self._ends_here(what, start) or (anywhere and "indirect" in what.traits):
            return Executed(what, start, True)
        behind = start + len(what.bytes)
        second = shape(self.scene.code_at(behind), self.mode) if "mov-ss" in what.traits else None
        if second is None or not self._ends_here(second, behind):
            return None
        self.shadowed = Executed(what, start, True)
        return Executed(second, behind, True)

    def _ends_here(self, what: Shape, start: int) -> bool:
        """Whether the saved RIP is behind ``what`` at ``start`` because it ran: it leads there, or its trap saves that
        RIP."""
        return self.follows(what, start) or (bool(what.traits & TRAPPING) and start + len(what.bytes) == self.at)

    def departures(self) -> Iterator[Executed]:
        """Where the bytes in front of the saved RIP don't lead to it: indirect branches and returns at which execution
        is known to have been. One may have led here, and others may have run since."""
        evidence = self.scene.evidence
        last = known(evidence.last_frame)
        places = [None if last is None else self.linear(last.rip)]
        if self.scene.action is Action.CONTINUE:
            places.append(self.scene.start)
        for start in places if self.exact is None and not self.came_straight() else ():
            what = shape(self.scene.code_at(start), self.mode)
            if what is not None and start is not None and "indirect" in what.traits and "gate" not in what.traits:
                yield Executed(what, start, False)

    def chain(self) -> Iterator[Executed]:
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

    @property
    def exact(self) -> Executed | None:
        """The instruction that ran last, if that is known."""
        return self.executed[0] if self.executed and self.executed[0].exact else None

    def shadow(self, last: Executed) -> Executed | None:
        """The MOV SS or POP SS directly before ``last``, if it is known to have run or the bytes there read so."""
        if self.shadowed is not None:
            return self.shadowed
        for before in predecessors(self.scene.code_before(last.address), self.mode):
            if "mov-ss" in before.traits:
                return Executed(before, last.address - len(before.bytes), False)
        return None

    def last_instruction(self) -> Executed | None:
        """The likeliest instruction to have run last."""
        return self.executed[0] if self.executed else None

    def next_shape(self) -> Shape | None:
        return shape(self.behind_code, self.mode)
