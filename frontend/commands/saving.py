"""``save breakpoints``: the breakpoints as commands that set them again."""

from __future__ import annotations

import os.path

from frontend.clean import clean
from frontend.commands.breaking import user_rows
from frontend.commands.session import Session
from frontend.commands.table import Arguments, Command, CommandError, refuse_files
from gdbstub.debugger.breakpoints import Breakpoint
from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.exceptions import vector

_WATCHES = {BreakpointKind.WRITE: "watch", BreakpointKind.READ: "rwatch", BreakpointKind.ACCESS: "awatch"}


async def save(session: Session, arguments: Arguments) -> None:
    what, _, path = arguments.text.partition(" ")
    if not what or not "breakpoints".startswith(what) or not path.strip():
        raise CommandError("save takes: save breakpoints FILE.")
    rows = user_rows(session, "")
    if not rows:
        raise CommandError("There is nothing to save: no breakpoints.")
    _write(path.strip(), "\n".join(line for row in rows for line in _lines(row)) + "\n")
    session.out(f"{len(rows)} breakpoint{'s' * (len(rows) > 1)} in {clean(path.strip())}; source reads it.")


def _write(path: str, text: str) -> None:
    try:
        with open(os.path.expanduser(path), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CommandError(f"Cannot write {clean(path)}: {error.strerror}.") from error


def _lines(row: Breakpoint) -> list[str]:
    """What sets it again, as its user wrote it."""
    condition = f" if {row.condition}" if row.condition else ""
    lines = [f"{_how(row)}{condition}"]
    if row.ignore:
        lines.append(f"ignore $bpnum {row.ignore}")
    if row.commands:
        lines += ["commands", *row.commands, "end"]
    if not row.enabled:
        lines.append("disable $bpnum")
    return lines


def _how(row: Breakpoint) -> str:
    once = "t" if row.temporary else ""
    if row.kind is BreakpointKind.CATCH:
        return f"{once}catch {row.vector if row.vector is None else vector(row.vector).number}"
    if row.kind in _WATCHES:
        place = row.text.split("/")[0].strip() if row.text else f"{row.address:#x}"
        return f"{_WATCHES[row.kind]} {place}/{row.length}"
    means = "" if row.means == "auto" else f"{row.means}:"
    return f"{once}break {means}{row.text or f'*{row.address:#x}'}"


COMMANDS = (
    Command(
        "save",
        (),
        "breakpoints FILE",
        "Write the breakpoints down as commands that set them again.",
        save,
        "breakpoints",
        "Places are written as they were given, so they follow symbols that move.",
        needs="",
        without_files=refuse_files,
    ),
)
