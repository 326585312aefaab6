"""What an event of the demo guest is, and what the guest's log holds of it."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from gdbstub.explain.explanation import CauseName, Class
    from gdbstub.explain.quirks.lookup import QuirkName

_DR6_CLEAR = 0xFFFF0FF0
B0, B1, B2, B3 = 1, 2, 4, 8
BLD, BD, BS, BT = 1 << 11, 1 << 13, 1 << 14, 1 << 15
_NAMES = {"B0": B0, "B1": B1, "B2": B2, "B3": B3, "BLD": BLD, "BD": BD, "BS": BS, "BT": BT}


class DemoCause(NamedTuple):
    """One cause of a #DB, or what another vector stands for; ``slot`` is the debug register that matched."""

    cause: CauseName
    klass: Class
    slot: int | None = None


class Raised(NamedTuple):
    """One exception that the architecture delivers, as its handler finds it. The owner is the guest, always.

    ``bits`` are set by this event, ``stale`` ones were left in DR6 before it, ``optional`` ones may be set
    too (a breakpoint that matches and is not enabled); all with 1 for "this cause", also BLD. ``rip`` and
    ``cpl`` are what the frame saved.
    """

    vector: int
    rip: str
    causes: tuple[DemoCause, ...]
    bits: int = 0
    cpl: Literal[0, 3] = 0
    rf: bool = False
    error_code: int = 0
    stale: int = 0
    optional: int = 0

    @property
    def dr6(self) -> int:
        """DR6 as the handler reads it, without the optional bits."""
        return _DR6_CLEAR ^ (self.bits | self.stale)

    @property
    def set_bits(self) -> tuple[str, ...]:
        """Names of the DR6 bits that this event sets."""
        return tuple(name for name, bit in _NAMES.items() if self.bits & bit)


class DemoEvent(NamedTuple):
    """One event of the guest. ``needs`` names the CPU feature without which the guest leaves it out."""

    id: int
    name: str
    title: str
    raised: tuple[Raised, ...]
    mode: Literal[32, 64] = 64
    needs: str = ""

    @property
    def instruction(self) -> str:
        """The symbol of the instruction that causes it."""
        return f"ev_{self.name}"


class GuestLogEntry(NamedTuple):
    """One exception as a platform really delivered it."""

    vector: int
    rip: str
    dr6: int
    rf: bool = False
    error_code: int = 0


class Deviation(NamedTuple):
    """What a platform does instead of `DemoEvent.raised`, and why in one clause. ``quirks`` name it where no stop can,
    since nothing is delivered: the first that the platform has."""

    seen: tuple[GuestLogEntry, ...]
    why: str
    quirks: tuple[QuirkName, ...] = ()


class LogRecord(NamedTuple):
    """One record of the guest's `event_log`."""

    vector: int
    dr6: int
    rip: int
    rflags: int
    cs: int
    dr7: int
    error_code: int
    event: int


_RECORD = struct.Struct("<8Q")


def parse_log(memory: bytes) -> tuple[LogRecord, ...]:
    """The records in ``memory``, as read at the symbol `event_log`, up to the first one without an event.

    Raises ValueError where ``memory`` is not whole records.
    """
    if len(memory) % _RECORD.size:
        raise ValueError(f"the log of the demo guest is not whole records of {_RECORD.size} bytes")
    records = []
    for fields in _RECORD.iter_unpack(memory):
        record = LogRecord(*fields)
        if not record.event:
            break
        records.append(record)
    return tuple(records)
