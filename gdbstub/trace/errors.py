"""What can go wrong with a trace file, as one sentence."""

from __future__ import annotations

import errno
import os

from gdbstub.errors import GdbError


class TraceError(GdbError):
    """A trace could not be written or read; the sentence names the file and what to do."""


class NotAsExpected(GdbError):
    """What a script expects of the guest does not hold; the sentence says what was seen."""


def reason(error: OSError) -> str:
    """What the operating system says; in more words where a pipe has no reader."""
    if error.errno == errno.ENXIO:
        return "it is a pipe that nobody reads, or no device is there"
    return os.strerror(error.errno) if error.errno else str(error)


def cannot_open(name: str, error: OSError) -> TraceError:
    return TraceError(f"Cannot open {name} for writing: {reason(error)}.")


def cannot_write(name: str, error: OSError) -> TraceError:
    """A trace that ends in the middle."""
    if error.errno == errno.EPIPE:
        return TraceError(f"Nobody reads {name} any more (broken pipe); the trace ends here.")
    return TraceError(
        f"Cannot write to {name}: {reason(error)}; the rows before this are kept, but the trace has no end row."
    )
