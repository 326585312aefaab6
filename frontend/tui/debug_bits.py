"""The bits of DR6 and DR7 that can be selected: what each means, where that is written, and which stops had it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from frontend.tui.events import Stop
from gdbstub.debugger.record import StopRecord
from gdbstub.x86.debug_registers import DR6_CAUSES, DR6_INIT, describe_dr7


class DebugBit(NamedTuple):
    """``key`` names it on the screen: ``B0``, ``DR7.GD``."""

    key: str
    register: str
    name: str
    number: int
    meaning: str
    source: str

    @property
    def mask(self) -> int:
        return 1 << self.number


BITS: tuple[DebugBit, ...] = (
    *(
        DebugBit(
            bit.name,
            "DR6",
            bit.name,
            bit.mask.bit_length() - 1,
            f"{bit.meaning}{' (0 says so)' if bit.mask & DR6_INIT else ''}",
            "SDM 3B 18.2.3",
        )
        for bit in DR6_CAUSES
    ),
    *(
        DebugBit(f"DR7.{row.name}", "DR7", row.name, int(row.bits), row.meaning, "SDM 3B 18.2.4")
        for name in ("LE", "GE", "GD", "RTM")
        for row in describe_dr7(0)
        if row.name == name
    ),
)


def stops_with(stops: Iterable[Stop], bit: DebugBit) -> list[int]:
    """The numbers of the stops that had it: of DR6, those whose event set it."""
    found = []
    for stop in stops:
        record = stop.record
        if not record.ended and _had(record, bit):
            found.append(record.number)
    return found


def _had(record: StopRecord, bit: DebugBit) -> bool:
    dr6, dr7 = record.explanation.guest_dr6, record.state.debug.dr7
    if bit.register == "DR6":
        return dr6 is not None and bit.name in dr6.set
    return dr7 is not None and bool(dr7 & bit.mask)


def next_bit(selected: str, by: int) -> str:
    """The bit ``by`` places from the one that is selected; round and round, with none in between."""
    ring = ("", *(bit.key for bit in BITS))
    return ring[(ring.index(selected) + by) % len(ring)] if selected in ring else ring[by % len(ring)]
