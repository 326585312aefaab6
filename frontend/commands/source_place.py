"""Where in the source a session is: at the frame that is looked at, at a stop, at a place that the user names."""

from __future__ import annotations

from frontend.clean import clean
from frontend.commands.session import Session
from frontend.commands.source_view import SourcePlace
from frontend.commands.table import CommandError
from frontend.symbols.engine import TraceFrame

NO_LINES = (
    "No source line is known{of}: that needs a file with debug information (DWARF) that has lines for it, by "
    "--symbols FILE."
)
NO_TEXT = (
    "{place}: the text of {file} is not on this machine; directory DIR or set substitute-path FROM TO says where the "
    "source is."
)


def selected_frame(session: Session, generation: int, cpu: int) -> TraceFrame | None:
    """The frame above the innermost that is looked at, while its trace holds; None for the innermost one."""
    held = session.unwound is not None and session.unwound[0][:2] == (generation, cpu)
    if not session.frame or not held or session.unwound is None:
        return None
    return session.unwound[1].frames[session.frame]


async def selected_place(session: Session) -> SourcePlace | None:
    """The source of the frame that is looked at; None where none is known. A frame that waits for a call stands in the
    line of that call."""
    if not session.source.known:
        return None
    state = await session.state()
    frame = selected_frame(session, session.debugger.generation, state.cpu)
    if frame is None:
        return await session.source.place(state.pc)
    found = await session.source.place(frame.pc if frame.interrupted else frame.pc - 1)
    if frame.source is None or (found is not None and found[::2] == frame.source[:2]):
        return found
    return SourcePlace(frame.source.file, "" if found is None else found.directory, frame.source.line)


async def named_place(session: Session, text: str, near: SourcePlace | None) -> SourcePlace:
    """``N``, ``FILE:N``, ``FILE:FUNCTION``, ``FUNCTION`` or ``*ADDRESS``; a line alone is one of the file of ``near``.
    Raises `CommandError` where there is none."""
    text = text.strip()
    if text.isdigit():
        if near is None:
            raise CommandError("No default source file: list FILE:LINE or list FUNCTION names one.")
        return near._replace(line=int(text))
    file, colon, rest = text.rpartition(":")
    if colon and not text.startswith("*"):
        found = await session.source.file_named(file)
        if found is None:
            raise CommandError(
                f"No source file named {clean(file)}." if session.source.known else NO_LINES.format(of="")
            )
        if rest.isdigit():
            return found._replace(line=int(rest))
        text = rest
    if not text.startswith("*") and session.symbol(text) is None and text.isidentifier():
        raise CommandError(f'Function "{clean(text)}" not defined.')
    place = await session.source.place(address := await session.location(text))
    if place is None:
        raise CommandError(NO_LINES.format(of=f" for {session.place(address)}"))
    return place


async def line_here(session: Session, address: int) -> SourcePlace | None:
    """The line of an address where that is cheap to say: no file, no question."""
    return await session.source.place(address) if session.source.known else None
