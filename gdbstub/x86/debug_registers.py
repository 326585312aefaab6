"""DR6 and DR7: what each bit says, which values cannot be, what may be armed. SDM vol. 3B 18.2; APM vol. 2 13.1.

*Positive polarity* means that a 1 says "this is a cause": P = DR6 xor 0xFFFF0FF0, as in a VMX exit qualification.
BLD (bit 11) and RTM (bit 16) are active low in DR6, the other causes active high.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from gdbstub.x86.breakpoints import BY_RW, BreakpointKind

DR6_INIT = 0xFFFF_0FF0
DR7_INIT = 0x400

B_MASK = 0xF
BLD = 1 << 11
BD = 1 << 13
BS = 1 << 14
BT = 1 << 15
RTM = 1 << 16
STICKY = BD | BS | BT
"""Set by the CPU, never cleared by it; B0-B3 are replaced as a group by each #DB."""
CAUSES = B_MASK | BLD | STICKY | RTM

DR6_FIXED_1 = 0xFFFE_07F0

DR7_LE = 1 << 8
DR7_GE = 1 << 9
DR7_RTM = 1 << 11
DR7_GD = 1 << 13

LENGTHS = (1, 2, 8, 4)
"""LENn = 0, 1, 2, 3."""


class NamedBit(NamedTuple):
    name: str
    mask: int
    meaning: str


DR6_CAUSES = (
    NamedBit("B0", 1, "the condition of DR0 was met"),
    NamedBit("B1", 2, "the condition of DR1 was met"),
    NamedBit("B2", 4, "the condition of DR2 was met"),
    NamedBit("B3", 8, "the condition of DR3 was met"),
    NamedBit("BLD", BLD, "a bus lock was taken"),
    NamedBit("BD", BD, "the next instruction accesses a debug register while DR7.GD is set"),
    NamedBit("BS", BS, "single step: TF was set"),
    NamedBit("BT", BT, "task switch to a TSS whose T flag is set"),
    NamedBit("RTM", RTM, "inside a transactional region"),
)


@lru_cache(maxsize=4096)
def cause_names(positive: int) -> tuple[str, ...]:
    """The names of the causes in a DR6 of positive polarity, from bit 0 upwards."""
    return tuple(bit.name for bit in DR6_CAUSES if positive & bit.mask)


class Dr6(NamedTuple):
    """A DR6 taken apart. ``causes`` is in positive polarity. ``reinjected`` says that all bits that read 1 are 0:
    the value of a #DB whose payload QEMU handed to KVM in DR6's own polarity (QEMU `kvm_handle_debug`), or one
    that is in positive polarity already; BLD and RTM then mean nothing and ``causes`` leaves them out."""

    value: int
    causes: int
    hits: int
    reinjected: bool
    reserved_wrong: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return cause_names(self.causes)


class Reserved(NamedTuple):
    """Bits ``low`` to ``high`` that read ``reads`` on every CPU."""

    low: int
    high: int
    reads: int

    @property
    def mask(self) -> int:
        return (1 << (self.high + 1)) - (1 << self.low)

    @property
    def text(self) -> str:
        which = f"bit {self.low}" if self.low == self.high else f"bits {self.low}-{self.high}"
        return f"{which} must read {self.reads}"

    def wrong(self, value: int) -> bool:
        return value & self.mask != self.mask * self.reads


DR6_RESERVED = (Reserved(4, 10, 1), Reserved(12, 12, 0), Reserved(17, 31, 1), Reserved(32, 63, 0))
DR7_RESERVED = (Reserved(10, 10, 1), Reserved(12, 12, 0), Reserved(14, 15, 0), Reserved(32, 63, 0))


@lru_cache(maxsize=4096)
def decode_dr6(value: int) -> Dr6:
    """Any value of up to 64 bits; never an exception."""
    reinjected = not value & DR6_FIXED_1
    causes = value & (B_MASK | STICKY) if reinjected else (value ^ DR6_INIT) & CAUSES
    wrong = tuple(field.text for field in DR6_RESERVED if field.wrong(value))
    return Dr6(value, causes, causes & B_MASK, reinjected, wrong)


def encode_dr6(causes: int) -> int:
    """The DR6 with exactly these causes (positive polarity) and the fixed bits as the CPU shows them."""
    return (causes & CAUSES) ^ DR6_INIT


def merge_dr6(before: int, new: int) -> int:
    """DR6 after a #DB with the causes ``new`` (positive polarity): B0-B3 are replaced, BD, BS and BT stay,
    BLD and RTM are set back to 1 unless they are new (as KVM's `kvm_deliver_exception_payload` does)."""
    return encode_dr6(((before ^ DR6_INIT) & STICKY) | new)


class Slot(NamedTuple):
    """What DR7 says of one breakpoint register. ``length`` counts for ``execute`` too, where only 1 is legal."""

    number: int
    local: bool
    global_: bool
    type: BreakpointKind
    length: int

    @property
    def enabled(self) -> bool:
        return self.local or self.global_


class Dr7(NamedTuple):
    """A DR7 taken apart. Bit n of ``enabled`` is set when slot n is enabled, locally or globally."""

    value: int
    slots: tuple[Slot, Slot, Slot, Slot]
    enabled: int
    local_exact: bool
    global_exact: bool
    rtm: bool
    general_detect: bool
    reserved_wrong: tuple[str, ...]


def _slot(value: int, number: int) -> Slot:
    field = value >> (16 + 4 * number)
    local, global_ = bool(value >> (2 * number) & 1), bool(value >> (2 * number + 1) & 1)
    return Slot(number, local, global_, BY_RW[field & 3], LENGTHS[(field >> 2) & 3])


@lru_cache(maxsize=1024)
def decode_dr7(value: int) -> Dr7:
    """Any value of up to 64 bits; never an exception."""
    slots = (_slot(value, 0), _slot(value, 1), _slot(value, 2), _slot(value, 3))
    return Dr7(
        value,
        slots,
        sum(1 << slot.number for slot in slots if slot.enabled),
        bool(value & DR7_LE),
        bool(value & DR7_GE),
        bool(value & DR7_RTM),
        bool(value & DR7_GD),
        tuple(field.text for field in DR7_RESERVED if field.wrong(value)),
    )


def encode_dr7(slots: tuple[Slot, ...], *, general_detect: bool = False, rtm: bool = False, exact: bool = False) -> int:
    """The DR7 that holds these slots, each at its own number."""
    value = DR7_INIT | DR7_GD * general_detect | DR7_RTM * rtm | (DR7_LE | DR7_GE) * exact
    for slot in slots:
        value |= slot.local << (2 * slot.number) | slot.global_ << (2 * slot.number + 1)
        field = slot.type.rw | LENGTHS.index(slot.length) << 2
        value |= field << (16 + 4 * slot.number)
    return value


class Range(NamedTuple):
    """Addresses (or ports) that a breakpoint covers: ``start`` up to, not including, ``end``."""

    start: int
    end: int

    def meets(self, start: int, length: int) -> bool:
        """Whether an access of ``length`` bytes at ``start`` touches it."""
        return start < self.end and self.start < start + length


def covered(address: int, length: int) -> Range:
    """What DRn = ``address`` with LENn = ``length`` covers: the length masks the low bits (SDM 3B 18.2.5)."""
    start = address & -length
    return Range(start, start + length)


def may_arm(kind: BreakpointKind, address: int, length: int) -> str | None:
    """None where a debug register can hold this, else why not, in one sentence."""
    if kind is BreakpointKind.EXECUTE and length != 1:
        return "An instruction breakpoint has length 1."
    if length not in LENGTHS:
        return f"A debug register covers 1, 2, 4 or 8 bytes, not {length}."
    if kind is BreakpointKind.IO and length == 8:
        return "An I/O breakpoint covers 1, 2 or 4 ports, not 8."
    if address % length:
        return f"A breakpoint of {length} bytes has to start at a multiple of {length}; {address:#x} is not one."
    return None


class BitRow(NamedTuple):
    """One row of a register shown bit by bit. ``bits`` is how manuals write them ("14", "17:16"), ``value`` is as
    the register holds it; ``active`` whether it says something is on (BLD and RTM of DR6: when 0)."""

    name: str
    bits: str
    value: int
    meaning: str
    active: bool


def _reserved_rows(fields: tuple[Reserved, ...], value: int) -> list[BitRow]:
    rows = []
    for field in fields:
        if field.wrong(value):
            bits = str(field.low) if field.low == field.high else f"{field.high}:{field.low}"
            rows.append(BitRow("reserved", bits, (value & field.mask) >> field.low, field.text, True))
    return rows


@lru_cache(maxsize=256)
def describe_dr6(value: int) -> tuple[BitRow, ...]:
    """Every cause bit of DR6 from B0 to RTM, then the groups of reserved bits that are wrong."""
    decoded = decode_dr6(value)
    rows = []
    for name, mask, meaning in DR6_CAUSES:
        low = " (active low)" if mask & (BLD | RTM) else ""
        bit = mask.bit_length() - 1
        rows.append(BitRow(name, str(bit), value >> bit & 1, meaning + low, bool(decoded.causes & mask)))
    return (*rows, *_reserved_rows(DR6_RESERVED, value))


TYPE_MEANING: dict[BreakpointKind, str] = {
    BreakpointKind.EXECUTE: "instruction",
    BreakpointKind.WRITE: "data write",
    BreakpointKind.IO: "I/O read or write (needs CR4.DE)",
    BreakpointKind.ACCESS: "data read or write",
}


@lru_cache(maxsize=256)
def describe_dr7(value: int) -> tuple[BitRow, ...]:
    """L0/G0 … L3/G3, LE, GE, RTM, GD, then R/W and LEN of each slot, then the reserved bits that are wrong."""
    decoded = decode_dr7(value)
    rows: list[BitRow] = []
    for n, local, global_, _, _ in decoded.slots:
        rows.append(BitRow(f"L{n}", str(2 * n), int(local), f"DR{n} enabled, until a task switch", local))
        rows.append(BitRow(f"G{n}", str(2 * n + 1), int(global_), f"DR{n} enabled", global_))
    for name, bit, meaning, on in (
        ("LE", 8, "exact, ignored since the 486", decoded.local_exact),
        ("GE", 9, "exact, ignored since the 486", decoded.global_exact),
        ("RTM", 11, "debugging of transactional regions", decoded.rtm),
        ("GD", 13, "the next access to a debug register raises #DB", decoded.general_detect),
    ):
        rows.append(BitRow(name, str(bit), int(on), meaning, on))
    for slot in decoded.slots:
        n, low = slot.number, 16 + 4 * slot.number
        length = "1 byte" if slot.length == 1 else f"{slot.length} bytes"
        kind = TYPE_MEANING[slot.type]
        rows.append(BitRow(f"R/W{n}", f"{low + 1}:{low}", value >> low & 3, kind, slot.enabled))
        rows.append(BitRow(f"LEN{n}", f"{low + 3}:{low + 2}", value >> (low + 2) & 3, length, slot.enabled))
    return (*rows, *_reserved_rows(DR7_RESERVED, value))
