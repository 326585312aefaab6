"""The breakpoints, catches and displays of a session as the command lines that set them again in another."""

from __future__ import annotations

from frontend.commands.session import Session
from gdbstub.debugger.breakpoints import Breakpoint
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.exceptions import vector

_BREAKS = {"auto": "break", "hw": "hbreak", "sw": "break"}
_WATCHES = {BreakpointKind.WRITE: "watch", BreakpointKind.READ: "rwatch", BreakpointKind.ACCESS: "awatch"}


def lines_again(session: Session) -> tuple[str, ...]:
    """In the order of their numbers."""
    lines: list[str] = []
    rows = [row for _, row in sorted(session.debugger.breakpoints.items()) if not row.hidden]
    for row in rows:
        lines.append(_setting(session, row))
        if row.ignore:
            lines.append(f"ignore $bpnum {row.ignore}")
        if not row.enabled:
            lines.append("disable $bpnum")
        if row.commands:
            lines += ["commands", *row.commands, "end"]
    for display in session.displays.values():
        lines.append(f"display{f'/{display.format}' if display.format else ''} {display.expression}")
    if session.panes.memory:
        lines.append(f"memory {session.panes.memory}")
    return tuple(lines)


def _setting(session: Session, row: Breakpoint) -> str:
    condition = f" if {row.condition}" if row.condition else ""
    once = "t" if row.temporary else ""
    if row.kind is BreakpointKind.CATCH:
        which = vector(row.vector or 0)
        return f"{once}catch {which.mnemonic or which.number}{condition}"
    if row.kind is BreakpointKind.EXECUTE:
        means = "sw:" if row.means == "sw" else ""
        return f"{once}{_BREAKS[row.means]} {means}{_place(session, row, '*')}{condition}"
    return f"{_WATCHES[row.kind]} {_place(session, row, '')}/{row.length}{condition}"


def _place(session: Session, row: Breakpoint, star: str) -> str:
    """A symbol stays one, since it may be elsewhere next time; what else was typed is the address that it meant."""
    name = row.text.partition("/")[0]
    known = session.symbols.lookup(name) if name else None
    return name if known is not None and known == row.address else f"{star}{row.address or 0:#x}"


def count_words(lines: tuple[str, ...]) -> str:
    """``2 breakpoints, 1 display``: what the lines set."""
    kinds = {"breakpoint": ("break", "hbreak", "tbreak", "thbreak"), "watchpoint": tuple(_WATCHES.values())}
    kinds |= {"catchpoint": ("catch", "tcatch"), "display": ("display",)}
    counted = {
        kind: sum(line.split()[0].partition("/")[0] in words for line in lines if line.strip())
        for kind, words in kinds.items()
    }
    return ", ".join(f"{count} {kind}{'s' * (count > 1)}" for kind, count in counted.items() if count)
