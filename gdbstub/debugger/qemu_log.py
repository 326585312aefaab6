"""QEMU's log, taken by its monitor: to a pipe of ours, where nobody else has it."""

from __future__ import annotations

from typing import Protocol

from gdbstub.errors import GdbError
from gdbstub.remote.target import RemoteTarget

NOWHERE = "/dev/stderr"
"""Where QEMU logs to by itself; there is nothing to log then."""


class CannotLog(GdbError):
    """QEMU's log can't be had; nothing was changed."""


class LogPipe(Protocol):
    """What QEMU writes its log to, and we read."""

    path: str
    ended: bool
    """Has the last writer closed it?"""

    def read_ready(self) -> bytes: ...

    async def wait_readable(self) -> None: ...

    def unlink(self) -> None: ...

    def close(self) -> None: ...

    def logged_before(self) -> tuple[str, str] | None:
        """What QEMU logs by its own command line, and where to; None where it is not seen to have the pipe open."""


async def open_log(remote: RemoteTarget, pipe: LogPipe) -> None:
    """Have QEMU write its log to ``pipe``, and no longer nowhere. The guest has to be stopped. Raises `CannotLog` with
    the reason where that can't be."""
    said = (await ask_monitor(remote, f"logfile {pipe.path}")).strip()
    before = None if said else pipe.logged_before()
    if said or before is None:
        if not said:
            await ask_monitor(remote, f"logfile {NOWHERE}")
        raise CannotLog(
            f"QEMU does not open a log of dr6's on this machine ({said or 'it is not seen to have it open'})."
        )
    items, file = before
    if items or file:
        await ask_monitor(remote, f"logfile {file or NOWHERE}")
        raise CannotLog("QEMU logs by its own options (-d, -D), which dr6 leaves alone.")


async def ask_monitor(remote: RemoteTarget, words: str) -> str:
    """What the monitor says to a command, a refusal too; empty where it did it without a word."""
    try:
        return await remote.monitor(words)
    except GdbError as error:
        return str(error)
