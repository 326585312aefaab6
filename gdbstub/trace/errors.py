"""What can go wrong with a trace file, as one sentence."""

from __future__ import annotations

from gdbstub.errors import GdbError


class TraceError(GdbError):
    """A trace could not be written or read; the sentence names the file and what to do."""
