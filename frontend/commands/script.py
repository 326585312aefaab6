"""``-ex`` and ``-x`` in order, as gdb's ``-batch`` does: errors are printed, the last command's status counts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from frontend.commands.dispatch import execute
from frontend.commands.session import Session
from frontend.commands.table import CommandError, Quit
from gdbstub.errors import GdbError, ProtocolError, TransportError


async def nothing() -> None:
    """What `run_lines` does after a line, as a rule."""


async def run_lines(
    session: Session,
    lines: Iterable[str],
    complain: Callable[[str], None],
    *,
    strict: bool = False,
    after: Callable[[], Awaitable[None]] = nothing,
) -> int:
    """Execute ``lines``; the exit code: 0, 1 where the last one failed (with ``strict`` the first that fails
    ends all), or what ``quit CODE`` gave, in which case `Quit` passes through. A lost connection passes
    through. ``after`` is awaited behind each line that did not fail.
    """
    status = 0
    for line in lines:
        if not line.strip() and session.collecting is None:
            continue
        try:
            await execute(session, line)
            await after()
            status = 0
        except (TransportError, ProtocolError):
            raise
        except GdbError as error:
            complain(str(error))
            status = 1
            if strict:
                return status
    if session.collecting is not None:
        session.collecting = None
        complain("The last block has no end.")
        status = 1
    return status


__all__ = ["CommandError", "Quit", "run_lines"]
