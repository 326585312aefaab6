"""What the architecture model is asked and what it answers: a vCPU in front of an instruction, and the #DB that is due.

Bits are those of DR6 in positive polarity; addresses are linear; None is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from gdbstub.explain.explanation import Class
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.debug_registers import Slot, decode_dr7
from gdbstub.x86.registers import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class VcpuState:
    """A vCPU in front of an instruction. None is unknown; addresses are linear; bits are DR6's in positive polarity.

    ``code`` are the bytes at ``address``, with those of the next instructions behind them. ``base`` is that of CS.
    ``registers`` are the general ones and segment bases; ``executed`` says that they were read after the instruction.
    ``target`` is where RIP stood after it, where that is known. ``shadow``: MOV SS or POP SS ran just before, and
    ``held`` are the traps that it put off. ``fmask`` is MSR C0000084H.
    """

    mode: Mode
    address: int
    code: bytes
    base: int = 0
    rflags: int | None = None
    cpl: int | None = None
    registers: Mapping[str, int]
    executed: bool = False
    dr: tuple[int | None, int | None, int | None, int | None] = (None, None, None, None)
    dr6: int | None = None
    dr7: int | None = None
    de: bool | None = None
    debugctl: int | None = None
    fmask: int | None = None
    vendor: Literal["intel", "amd"] | None = None
    target: int | None = None
    shadow: bool = False
    held: int = 0


class PendingDebugException(NamedTuple):
    """A #DB that the architecture delivers. ``bits`` are its causes in positive polarity; ``maybe`` those which hang on
    what is unknown, or which the architecture leaves open (a match that DR7 does not enable). ``places``: where the
    saved RIP may stand, linear; empty where it is an entry of the kernel. ``rf``: RF in the frame, ``dr6`` as the
    handler reads it; None where that can't be told."""

    klass: Class
    bits: int
    maybe: int
    places: tuple[int, ...]
    rf: bool | None
    dr6: int | None


class Prediction(NamedTuple):
    """``due`` is None where no #DB is due for sure or perhaps. ``held`` are the traps that MOV SS or POP SS puts off to
    the next boundary; ``missing`` names the facts that the answer hangs on."""

    due: PendingDebugException | None
    held: int = 0
    missing: tuple[str, ...] = ()


class Bits(NamedTuple):
    """Causes that are due, and those that may be; ``missing`` says for want of what."""

    sure: int = 0
    maybe: int = 0
    missing: tuple[str, ...] = ()


def join(*all_bits: Bits) -> Bits:
    """All of them; what is due for sure is not counted as possible."""
    sure = maybe = 0
    missing: dict[str, None] = {}
    for bits in all_bits:
        sure, maybe = sure | bits.sure, maybe | bits.maybe
        missing |= dict.fromkeys(bits.missing)
    return Bits(sure, maybe & ~sure, tuple(missing))


def slots(setting: VcpuState, *types: BreakpointKind, enabled: bool = True) -> Iterator[tuple[Slot, int | None]]:
    """The breakpoints of DR7 of these types with their DRn; none where DR7 is not known."""
    if setting.dr7 is None:
        return
    for slot in decode_dr7(setting.dr7).slots:
        if slot.enabled == enabled and slot.type in types:
            yield slot, setting.dr[slot.number]
