"""The exception frame that a handler found, or what would have been there: the saved RIP, the mode, the flags.

Like `StopFacts` it only rearranges what is in the evidence.
"""

from __future__ import annotations

from gdbstub.explain.evidence import Known
from gdbstub.explain.stop_facts import StopFacts, known
from gdbstub.x86.decode import LINEAR_MASKS
from gdbstub.x86.exceptions import Frame
from gdbstub.x86.registers import RF, TF, VM, Mode


class InterruptedFrame:
    """What was saved of the code that ``vector`` interrupted. ``rip`` is the saved RIP, ``at`` the same, linear."""

    __slots__ = ("at", "exact_address", "frame", "mode", "rip", "scene", "vector")

    def __init__(self, scene: StopFacts) -> None:
        evidence = scene.evidence
        self.scene = scene
        self.vector = known(evidence.vector)
        self.frame: Frame | None = known(evidence.frame) or known(evidence.unpushed)
        self.mode: Mode = known(evidence.frame_mode) or scene.mode
        self.rip = known(evidence.saved_rip) if self.frame is None else self.frame.rip
        self.at, self.exact_address = self._saved_address()

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

    def linear(self, rip: int) -> int | None:
        """An offset in the interrupted CS, linear."""
        at, saved = self.at, self.rip
        return None if at is None or saved is None else at - saved + rip & LINEAR_MASKS[self.mode]

    @property
    def was_pushed(self) -> bool:
        """Is the frame known as it was pushed, and no mere state of the guest whose exception was not delivered?"""
        return isinstance(self.scene.evidence.frame, Known)

    @property
    def tf(self) -> bool | None:
        """TF in the frame, or what would have been there."""
        return None if self.frame is None else bool(self.frame.rflags & TF)

    @property
    def rf(self) -> bool:
        """RF in the frame; False where that is not known."""
        return self.frame is not None and bool(self.frame.rflags & RF)

    @property
    def mode_known(self) -> bool:
        """Is the mode of the interrupted code known?"""
        return self.scene.mode_known or isinstance(self.scene.evidence.frame_mode, Known)

    @property
    def in_64_bit_code(self) -> bool:
        """Whether the interrupted code is known to be 64-bit code."""
        return self.mode_known and self.mode == 64

    @property
    def frame_has_rf(self) -> bool:
        """Whether the frame is known to be one with room for RF, which a 16-bit one has not."""
        return self.mode_known and 16 not in (self.mode, self.scene.mode)

    @property
    def cpl(self) -> int | None:
        """The privilege level of the interrupted code; None also where that may be real mode's, whose selectors have
        none."""
        if self.frame is None:
            return None
        if self.mode == 16 or not self.mode_known:
            return 3 if self.frame.rflags & VM else None
        return self.frame.cs & 3
