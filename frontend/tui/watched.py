"""The bytes that are watched, before and after: read once when a watch is new, and again when one is hit."""

from __future__ import annotations

from collections.abc import Iterator

from frontend.commands.stop_words import slot_address
from frontend.tui.breakpoint_rows import BreakpointRow
from frontend.tui.listing import Guest, NameLookup, where
from gdbstub.debugger.record import StopRecord
from gdbstub.errors import Refused
from gdbstub.protocol.stops import Stopped, Watch
from gdbstub.x86.debug_registers import covered, decode_dr7

PLAIN_BELOW = 10
"""Numbers from here on are written in hexadecimal."""

Place = tuple[int, int]
"""Address and length."""


class WatchedBytes:
    """What was last read at each watched place. ``change`` is asked at every stop, and reads only what it has to."""

    def __init__(self) -> None:
        self._known: dict[Place, bytes] = {}
        self._before: dict[Place, bytes] = {}
        """What was known when the stop began that was asked about last: it may be asked about again."""
        self._stop = -1

    async def change(
        self, guest: Guest, symbols: NameLookup, record: StopRecord, rows: tuple[BreakpointRow, ...]
    ) -> str:
        """What became of the bytes that this stop is about (``counter 4 → 5``), empty where it is about none."""
        said = []
        if record.number != self._stop:
            self._before, self._stop = dict(self._known), record.number
        for place, name in _hit(record, rows, symbols):
            old, new = self._before.get(place), await self._read(guest, place)
            if new is not None:
                said.append(f"{name} {_shown(new)}" if old in (None, new) else f"{name} {_shown(old)} → {_shown(new)}")
        for row in rows:
            if row.kind.is_watch and row.address is not None and (row.address, row.length) not in self._known:
                await self._read(guest, (row.address, row.length))
        return ", ".join(said)

    async def _read(self, guest: Guest, place: Place) -> bytes | None:
        try:
            self._known[place] = await guest.read_memory(*place)
        except Refused:
            return None
        return self._known[place]


def _shown(data: bytes | None) -> str:
    value = int.from_bytes(data or b"", "little")
    return str(value) if value < PLAIN_BELOW else f"{value:#x}"


def _hit(record: StopRecord, rows: tuple[BreakpointRow, ...], symbols: NameLookup) -> Iterator[tuple[Place, str]]:
    """The places that this stop is about, with their names."""
    if isinstance(record.stop, Stopped) and record.event is None:
        addresses = [reason.address for reason in record.stop.reasons if isinstance(reason, Watch)]
        for row in rows:
            start = row.address
            if row.kind.is_watch and start is not None and any(0 <= a - start < row.length for a in addresses):
                yield (start, row.length), row.text or f"{start:#x}"
    yield from _guests_own(record, symbols)


def _guests_own(record: StopRecord, symbols: NameLookup) -> Iterator[tuple[Place, str]]:
    """Those of the guest's own data breakpoints."""
    debug = record.state.debug
    if record.event is None or record.ended or debug.dr7 is None:
        return
    for cause in record.explanation.causes:
        if cause.slot is None or cause.owner != "guest" or cause.cause not in ("data-write", "data-access"):
            continue
        address, length = slot_address(debug, cause.slot), decode_dr7(debug.dr7).slots[cause.slot].length
        if address is not None:
            start = covered(address, length).start
            yield (start, length), f"DR{cause.slot} {where(symbols, start) or f'{start:#x}'}"
