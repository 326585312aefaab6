"""In which mode code runs, where the CPU does not say: the plugin shows selectors, not what is hidden behind them.

Without protection, and in virtual-8086 mode, it is 16-bit code. Else the selector tells, where it is known, and the
lengths of the instructions, as QEMU decoded them, have to fit: one that has another length in that mode refutes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gdbstub.x86.decode import LONGEST, shape
from gdbstub.x86.registers import EFER_LMA, Mode

CR0_PE = 1
RFLAGS_VM = 1 << 17
ENOUGH = 64
"""Instructions that are looked at, for a selector that is not known."""
MODES: tuple[Mode, ...] = (64, 32, 16)
Key = tuple[int, bool, bool, bool]
"""CS; is there protection, virtual-8086 mode, long mode?"""
Code = tuple[int, bytes]


def key_of(cs: int, cr0: int, rflags: int, efer: int) -> Key:
    return cs, bool(cr0 & CR0_PE), bool(rflags & RFLAGS_VM), bool(efer & EFER_LMA)


class CodeModes:
    """Learns the modes of selectors."""

    def __init__(self) -> None:
        self._known: dict[Key, Mode] = {}

    def learn(self, key: Key, mode: Mode) -> None:
        """Somebody who knows has said so."""
        self._known[key] = mode

    def of(self, key: Key, codes: Iterable[Code], *, wide: bool, before: Mode | None = None) -> Mode:
        """The mode of code with this key. ``codes`` are some of it, ``wide``: is more than 32 bits of a register used,
        or R8 to R15? ``before`` is the mode in which the guest came here without loading CS: what is hidden
        behind it stays as it is until then."""
        _, protected, virtual, long = key
        if not protected or virtual:
            return 16
        if wide:
            return 64
        seen = list(codes)[:ENOUGH]
        if before is not None and fits(before, seen):
            return before
        known = self._known.get(key)
        if known is not None and fits(known, seen):
            return known
        found = [mode for mode in MODES if (mode != 64 or long) and fits(mode, seen)]
        mode = self._known[key] = found[0] if found else 64 if long else 32
        return mode


def fits(mode: Mode, codes: Sequence[Code]) -> bool:
    """Has each instruction the length that it has in this mode? What can't be decoded says nothing."""
    for _, text in codes:
        known = shape(text.ljust(LONGEST, b"\0"), mode)  # it may well be longer
        if known is not None and len(known.bytes) != len(text):
            return False
    return True
