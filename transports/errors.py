"""What a transport says to the user. Each text is one sentence: which side, what failed, what to do.

A stream that breaks later says so as every trio stream does, with `trio.BrokenResourceError`; `PeerDied` and
the replayer's errors are kinds of it that know more.
"""

from __future__ import annotations

import trio


class TransportFailure(Exception):
    """The root of what `transports` raises by itself; never raised as such."""


class CannotOpen(TransportFailure):
    """There is no stream to the target: it was refused, it is not there, or we may not open it."""


class CannotListen(TransportFailure):
    """No client could connect there: the place is taken, or it is not ours to take."""


class CannotInterrupt(TransportFailure):
    """A running guest cannot be stopped through this transport."""


class HelperFailed(TransportFailure):
    """A program in dom0 did not do what was asked; ``printed`` is what it wrote to its standard output."""

    def __init__(self, text: str, printed: str = "") -> None:
        super().__init__(text)
        self.printed = printed


class PeerDied(trio.BrokenResourceError):
    """The program behind the stream (a command, a QEMU) ended, and this is how."""


class CannotRecord(TransportFailure):
    """The file of a recording cannot be written."""
