"""The code that is looked at, the cursor in it, and the command lines that mean "here"."""

from __future__ import annotations

from frontend.tui.event_code import origin, stopped_rip
from frontend.tui.listing import CodeLine, disassemble, named, operand
from frontend.tui.view import ViewState, number_of
from gdbstub.debugger.record import StopRecord
from gdbstub.x86.breakpoints import BreakpointKind


def code_lines(view: ViewState) -> tuple[CodeLine, ...]:
    """The lines that the code pane shows: where the user went, where an event came from, or around the stop that is
    looked at; those gathered, else those that its record holds itself."""
    record, state, window = view.record, view.state, view.window
    if view.area is not None:
        return view.area.lines
    if record is None or state is None:
        return ()
    if view.shows_event:
        return window.event if window is not None and window.event else _recorded_event(view, record)
    if window is not None and window.lines:
        return window.lines
    ran = record.explanation.instruction
    code = record.code if state.pc == record.state.pc else b""
    found = disassemble(code, state.pc, state.code_mode)
    if ran is not None and (ran.address + len(ran.bytes) == state.pc or (ran.address == state.pc and not found)):
        found = (ran, *found)
    return tuple(named(one, view.names) for one in found)


def _recorded_event(view: ViewState, record: StopRecord) -> tuple[CodeLine, ...]:
    """The instruction that caused an event, and what its evidence has behind it."""
    place, ran = origin(record), record.explanation.instruction
    if place is None:
        return ()
    held = next((code for code in record.evidence.code if 0 <= place.saved - code.address < len(code.bytes)), None)
    behind = b"" if held is None else held.bytes[place.saved - held.address :]
    found = disassemble(behind, place.saved, place.mode)
    if ran is not None and (not found or ran.address != found[0].address):
        found = (ran, *found) if ran.address < place.saved else (*found, ran)
    return tuple(named(one, view.names) for one in found)


def home(view: ViewState) -> int | None:
    """The address that the code pane is about: the one that the user went to, the RIP that an event saved, or RIP."""
    if view.area is not None:
        return view.area.address
    if view.shows_event and view.record is not None:
        return stopped_rip(view.record)
    state = view.state
    return None if state is None else state.pc


def neighbour(view: ViewState, by: int) -> int | None:
    """The address ``by`` instructions from the cursor, for `PutCursor`; None is the pane's own (`home`)."""
    addresses = [code.address for code in code_lines(view)]
    middle = home(view)
    if middle is None or not addresses:
        return None
    now = view.cursor if view.cursor is not None else middle
    at = addresses.index(now) if now in addresses else 0
    target = addresses[min(max(at + by, 0), len(addresses) - 1)]
    return None if target == middle else target


def place(view: ViewState) -> int | None:
    """The address under the cursor, or the pane's own."""
    return view.cursor if view.cursor is not None else home(view)


def toggle_breakpoint(seen: ViewState, now: ViewState) -> str | None:
    """The command line that sets a breakpoint at the cursor, or deletes what is there. The cursor is that of the view
    which the user saw, unless the guest has been stepped since; the breakpoints are those that there are now."""
    stepped = [*map(number_of, seen.stops[-1:])] != [*map(number_of, now.stops[-1:])]
    address = place(now if stepped else seen)
    if address is None:
        return None
    there = any(b.address == address and b.kind is BreakpointKind.EXECUTE for b in now.breakpoints)
    return f"{'clear' if there else 'break'} *{address:#x}"


def run_here(view: ViewState) -> str | None:
    """The command line that runs up to the cursor; None without a cursor."""
    return None if view.cursor is None else f"advance *{view.cursor:#x}"


def go_to_operand(view: ViewState) -> str | None:
    """The command line that shows the code at what the instruction under the cursor names; None where it names no
    address."""
    here = place(view)
    address = next((operand(code) for code in code_lines(view) if code.address == here), None)
    return None if address is None else f"code {address:#x}"
