"""What a command ends with (docs/formats.md)."""

from __future__ import annotations

DONE, FAILED, USAGE, NO_CONNECTION, UNEXPECTED, INTERRUPTED = 0, 1, 2, 3, 4, 130
NOT_BEGUN = "Nothing was recorded: dr6 was interrupted before the trace began."
"""With the last of them, of a trace that has no file."""
