"""The code that is looked at, the cursor in it, and the command lines that mean "here"."""

from __future__ import annotations

from frontend.tui.view import ViewState, number_of
from frontend.tui.window import CodeLine, disassemble, named
from gdbstub.x86.breakpoints import BreakpointKind


def code_lines(view: ViewState) -> tuple[CodeLine, ...]:
    """The lines of the stop that is looked at: those gathered, else those that its record holds itself."""
    record, state, window = view.record, view.state, view.window
    if record is None or state is None:
        return ()
    if window is not None and window.lines:
        return window.lines
    ran = record.explanation.instruction
    code = record.code if state.pc == record.state.pc else b""
    found = disassemble(code, state.pc, state.code_mode)
    if ran is not None and (ran.address + len(ran.bytes) == state.pc or (ran.address == state.pc and not found)):
        found = (ran, *found)
    return tuple(named(one, view.names) for one in found)


def neighbour(view: ViewState, by: int) -> int | None:
    """The address ``by`` instructions from the cursor, for `PutCursor`; None is the current instruction."""
    state = view.state
    addresses = [code.address for code in code_lines(view)]
    if state is None or not addresses:
        return None
    now = view.cursor if view.cursor is not None else state.pc
    at = addresses.index(now) if now in addresses else 0
    target = addresses[min(max(at + by, 0), len(addresses) - 1)]
    return None if target == state.pc else target


def place(view: ViewState) -> int | None:
    """The address under the cursor, or of the current instruction."""
    if view.cursor is not None:
        return view.cursor
    state = view.state
    return None if state is None else state.pc


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
