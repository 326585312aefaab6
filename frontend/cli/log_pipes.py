"""`transports` and `gdbstub` are strangers: what one of them raises, the other does not know."""

from __future__ import annotations

from gdbstub.errors import GdbError
from transports import CannotListen, LogPipe


def make_log_pipe() -> LogPipe:
    """What a QEMU of this machine can write its log to. Raises `GdbError`."""
    try:
        return LogPipe()
    except CannotListen as error:
        raise GdbError(str(error)) from error
