"""Evidence made ready for rules: values taken out of their facts, bytes found, breakpoints looked up.

A `StopFacts` is any stop. It only rearranges what is in the evidence: nothing here concludes anything.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from gdbstub.explain.any_mode import readable, with_mode
from gdbstub.explain.evidence import Action, CodeBytes, CpuFacts, Evidence, Fact, Known, Unknown
from gdbstub.explain.explanation import Cause
from gdbstub.protocol.stops import Stopped, Watch
from gdbstub.x86.breakpoints import ArmedBreakpoint
from gdbstub.x86.debug_registers import Slot, decode_dr7
from gdbstub.x86.decode import LINEAR_MASKS, LONGEST, instruction, shape, shape_of_any_mode
from gdbstub.x86.instructions import Instruction, Shape
from gdbstub.x86.registers import Mode

T = TypeVar("T")


def known(fact: Fact[T]) -> T | None:
    """The value of a fact, or None. Where None is no value, this is all that a rule needs."""
    return fact.value if isinstance(fact, Known) else None


class Finding(NamedTuple):
    """What a rule yields: a cause, and the instruction that it is about. ``place`` is the address that was
    watched, or the port; ``subject`` replaces it in words."""

    cause: Cause
    instruction: Instruction | None = None
    place: int | None = None
    guess: bool = False
    """``instruction`` was only read backwards: it is what stands there, and another may have jumped here."""
    in_front: bool = False
    """Of a guess: it stands directly in front of the saved RIP, and nothing else says that it ran."""
    misses: bool = False
    """``instruction`` stands in front, and is known to access other places than ``place``."""


def _bytes_at(pieces: tuple[CodeBytes, ...], address: int | None) -> bytes:
    for found in pieces:
        if address is not None and found.address <= address < found.address + len(found.bytes):
            at = address - found.address
            return found.bytes[at : at + LONGEST]
    return b""


class StopFacts:
    """One stop, for rules. ``signal`` and ``watch`` are the reply's, None where it has none or is not known. Addresses
    ``pc`` and ``start`` are linear."""

    __slots__ = (
        "abilities",
        "action",
        "at_handler",
        "breakpoints",
        "came_from",
        "evidence",
        "given",
        "guest",
        "mode",
        "mode_known",
        "pc",
        "reply",
        "rip",
        "signal",
        "start",
        "stepped_shape",
        "unread",
        "vendor",
        "watch",
    )

    def __init__(self, evidence: Evidence) -> None:
        self.given = evidence
        """With the bytes that `readable` takes away."""
        self.unread = False
        """Were bytes given that the modes read differently, and no mode?"""
        if isinstance(evidence.mode, Unknown):
            self.given = with_mode(evidence)
            evidence = readable(self.given)
            self.unread = (self.given.code, self.given.before.bytes) != (evidence.code, evidence.before.bytes)
        self.evidence = evidence
        platform = evidence.platform
        self.abilities = platform.abilities
        self.vendor = known(platform.vendor)
        self.guest = known(platform.guest)
        self.reply = known(evidence.reply)
        stopped = self.reply if isinstance(self.reply, Stopped) else None
        self.signal = None if stopped is None else stopped.signal
        self.watch = None if stopped is None else next((why for why in stopped.reasons if isinstance(why, Watch)), None)
        self.action: Action | None = known(evidence.action)
        mode = known(evidence.mode)
        self.mode_known = mode is not None
        self.mode: Mode = mode or 64
        at_handler = known(evidence.at_handler)
        self.at_handler = not isinstance(evidence.vector, Unknown) if at_handler is None else at_handler
        self.breakpoints: tuple[ArmedBreakpoint, ...] | None = known(evidence.breakpoints)
        self.came_from = known(evidence.before.rip)
        self.rip = known(evidence.after.rip)
        self.start = self.linear(self.came_from, evidence.before)
        self.pc = self.linear(self.rip, evidence.after)
        code = known(evidence.before.bytes)
        self.stepped_shape: Shape | None = None if code is None else shape(code, self.mode)

    def linear(self, rip: int | None, moment: CpuFacts) -> int | None:
        if rip is None or (self.mode == 64 and self.mode_known):
            return rip
        base = known(moment.cs_base)
        if base is None and self.mode == 16:
            selector = known(moment.cs)
            base = None if selector is None else selector << 4
        return (base or 0) + rip & LINEAR_MASKS[self.mode]

    def trap_reply(self) -> bool:
        """Whether the reply allows a debug stop: SIGTRAP, or not known."""
        return self.reply is None or self.signal == 5

    def code_at(self, address: int | None) -> bytes:
        """Guest bytes from ``address`` on (at most 15), empty where none are known."""
        return _bytes_at(self._code(), address)

    def in_any_mode(self, address: int | None) -> Shape | None:
        """The instruction at ``address`` where the mode is not known and every mode reads the same one, but for the
        width of its registers."""
        return shape_of_any_mode(_bytes_at(self.given.code, address)) if self.unread else None

    def code_before(self, address: int | None) -> bytes:
        """Guest bytes in front of ``address`` (at most 20), empty where none are known."""
        for found in self._code():
            if address is not None and found.address < address <= found.address + len(found.bytes):
                at = address - found.address
                return found.bytes[max(0, at - LONGEST - 5) : at]
        return b""

    def _code(self) -> tuple[CodeBytes, ...]:
        pieces = self.evidence.code
        for address, moment in ((self.start, self.evidence.before), (self.pc, self.evidence.after)):
            code = known(moment.bytes)
            if address is not None and code:
                pieces = (*pieces, CodeBytes(address, code))
        return pieces

    def decoded(self, address: int | None) -> Instruction | None:
        """The instruction that stands at ``address``."""
        standing = shape(self.code_at(address), self.mode)
        return None if standing is None or address is None else instruction(standing, address, self.mode)

    def stepped_instruction(self) -> Instruction | None:
        """The instruction at RIP before the resume."""
        if self.stepped_shape is None or self.start is None:
            return None
        return instruction(self.stepped_shape, self.start, self.mode)

    def guest_slots(self, moment: CpuFacts) -> list[tuple[Slot, int | None]]:
        """The enabled breakpoints of the guest's own DR7 with their DRn, none where DR7 is not known."""
        dr7 = known(moment.dr7)
        if dr7 is None:
            return []
        addresses = (moment.dr0, moment.dr1, moment.dr2, moment.dr3)
        return [(slot, known(addresses[slot.number])) for slot in decode_dr7(dr7).slots if slot.enabled]
