"""What panes show, read where the guest stands still: the newest stop, what stands around it, code one asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from frontend.clean import clean
from frontend.commands.session import Session
from frontend.commands.source_place import selected_place
from frontend.tui.breakpoint_rows import snapshot
from frontend.tui.event_code import stopped_rip
from frontend.tui.events import (
    BreakpointsChanged,
    Event,
    Gathered,
    Keep,
    Looked,
    Show,
    ShowCode,
    Stop,
    StopShown,
    ValueChanged,
)
from frontend.tui.listing import CodeArea, NameLookup, read_code, where
from frontend.tui.view import CODE
from frontend.tui.window import SourceArea, looker
from gdbstub.debugger.record import StopRecord
from gdbstub.errors import GdbError


def place(symbols: NameLookup, record: StopRecord, run: int = 0) -> Stop:
    """A record with the symbols of its places."""
    if record.ended:
        return Stop(record, run=run)
    ran, stopped = record.explanation.instruction, stopped_rip(record)
    return Stop(
        record,
        where(symbols, record.state.pc),
        "" if ran is None else where(symbols, ran.address),
        "" if stopped is None else where(symbols, stopped),
        plain=record.is_plain_step,
        run=run,
    )


class Gatherer:
    """Reads through one session, and tells ``dispatch``. ``run`` counts the sessions of this screen, from 0."""

    def __init__(self, session: Session, dispatch: Callable[[Event], None], run: int) -> None:
        self._session = session
        self._dispatch = dispatch
        self._run = run
        self._newest: StopRecord | None = None
        self._read = looker(session)
        self.renamed = False
        """Are there names that were not there when the panes were filled?"""

    def show(self, record: StopRecord) -> None:
        self._newest = record
        self._dispatch(StopShown(place(self._session.symbols, record, self._run)))

    async def refresh(self) -> None:
        """Gather what panes show of the newest stop, and what a command may have changed in it."""
        session, debugger = self._session, self._session.debugger
        self._dispatch(Keep(debugger.stops_kept, session.code_kept))
        if not debugger.running and debugger.records and self._newest is not debugger.records[-1]:
            self.show(debugger.records[-1])
        looked = await self._read() if session.look_around else None
        if looked is None:
            self._dispatch(BreakpointsChanged(snapshot(debugger.breakpoints)))
            return
        record, state, window, change = looked
        window = replace(window, source=await self._source())
        if change:
            self._dispatch(ValueChanged(record.number, change))
        if state == record.state and not self.renamed:
            self._dispatch(Gathered(window))
        else:
            self.renamed = False
            self._dispatch(Looked(state, where(session.symbols, state.pc), window))

    async def _source(self) -> SourceArea | None:
        """Of the frame that is looked at."""
        place = await selected_place(self._session)
        if place is None:
            return None
        return SourceArea(clean(place.file), place.line, self._session.source.text(place))

    async def show_code(self, address: int | None) -> None:
        """`code`: bring code to the pane; None brings back that of the stop."""
        if address is None:
            self._dispatch(ShowCode(None))
        else:
            session = self._session
            state = await session.state()
            lines = await read_code(session, session.symbols, address, state.code_mode)
            if not any(line.address == address for line in lines):
                raise GdbError(f"The code at {address:#x} cannot be read.")
            self._dispatch(ShowCode(CodeArea(address, where(session.symbols, address), lines)))
        self._dispatch(Show(CODE))
