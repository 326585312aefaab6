"""The breakpoints of one client. gdb takes all of its own out at every stop and puts them back when it goes: ``z`` only
marks one, and what is still marked when the guest goes is taken out then. So two breakpoints cost no packet a step."""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.debugger.breakpoints import Breakpoint
from gdbstub.debugger.debugger import Debugger
from gdbstub.errors import GdbError, Refused
from gdbstub.protocol.server_messages import BreakpointRequest
from gdbstub.x86.breakpoints import BY_PACKET, BreakpointKind

MOST = 1024
"""Breakpoints of one client."""


class BreakpointKey(NamedTuple):
    """What a client's packets name a breakpoint by."""

    kind: BreakpointKind
    address: int
    length: int


def key_of(request: BreakpointRequest) -> BreakpointKey:
    kind = BY_PACKET[request.kind]
    return BreakpointKey(kind, request.address, request.length if kind.is_watch else 1)


class ClientBreakpoints:
    """Of the client whose participant is number ``owner``."""

    def __init__(self, debugger: Debugger, owner: int) -> None:
        self._debugger = debugger
        self._owner = owner
        self._rows: dict[BreakpointKey, Breakpoint] = {}
        self._stepped_without: set[BreakpointKey] = set()
        """What was marked when the guest was stepped last."""

    def get(self, key: BreakpointKey) -> Breakpoint | None:
        """One that is in the guest, marked or not."""
        row = self._rows.get(key)
        return None if row is None or row.placed is None else row

    async def insert(self, key: BreakpointKey) -> Breakpoint:
        """Raises `GdbError`. The guest has to be stopped."""
        if (former := self._rows.pop(key, None)) is not None:  # of a program that the process runs no more
            await self._debugger.delete_breakpoint(former.number)
        if len(self._rows) >= MOST:
            raise GdbError(f"A client may have {MOST} breakpoints.")
        try:
            row = await self._add(key)
        except Refused:
            if not await self.sweep(every=True):
                raise
            row = await self._add(key)  # one that was marked had the place
        self._rows[key] = row
        return row

    async def _add(self, key: BreakpointKey) -> Breakpoint:
        return await self._debugger.add_breakpoint(
            key.kind if key.kind.is_watch else BreakpointKind.EXECUTE,
            key.address,
            key.length,
            means="hw" if key.kind is BreakpointKind.EXECUTE else "auto",
            text=f"Z{key.kind.packet}",
            owner=self._owner,
        )

    def mark(self, key: BreakpointKey) -> None:
        """The client takes one out."""
        row = self._rows.get(key)
        if row is not None:
            row.removal_pending = True
            row.stays_for_step = not key.kind.is_watch and key not in self._stepped_without

    def stepped_at_once(self) -> None:
        """The guest was stepped, with nothing to be taken out before."""
        self._stepped_without = {key for key, row in self._rows.items() if row.removal_pending}
        for key in self._stepped_without:
            self._rows[key].stays_for_step = False

    async def sweep(self, *, every: bool) -> bool:
        """Take out what is marked; whether there was anything. A step is not disturbed by an execution breakpoint, and
        gdb takes all of them out to step off one: so those stay in for a step unless ``every``, but not for two."""
        marked = {key for key, row in self._rows.items() if row.removal_pending}
        kept = {key for key in marked if not key.kind.is_watch and not every} - self._stepped_without
        self._stepped_without = kept
        for key in kept:
            self._rows[key].stays_for_step = False
        for key in marked - kept:
            await self._debugger.delete_breakpoint(self._rows.pop(key).number)
        return marked != kept
