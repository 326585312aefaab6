"""Every error that a user can meet → one sentence and an exit code (docs/formats.md). The only such table."""

from __future__ import annotations

from frontend.cli.exit_codes import FAILED, NO_CONNECTION, UNEXPECTED, USAGE
from gdbstub.errors import GdbError, ProtocolError, TransportError
from gdbstub.trace.errors import NotAsExpected
from transports import BadTarget, CannotOpen, TransportFailure

Failure = GdbError | TransportFailure | BadTarget
FAILURES: tuple[type[Exception], ...] = (GdbError, TransportFailure, BadTarget)

_CODES: tuple[tuple[type[Exception], int], ...] = (
    (BadTarget, USAGE),
    (CannotOpen, NO_CONNECTION),
    (TransportError, NO_CONNECTION),
    (ProtocolError, NO_CONNECTION),
    (TransportFailure, FAILED),
    (NotAsExpected, UNEXPECTED),
    (GdbError, FAILED),
)


def exit_code(error: Exception) -> int:
    """The first row that fits."""
    return next(code for kind, code in _CODES if isinstance(error, kind))
