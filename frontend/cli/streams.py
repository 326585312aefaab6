"""The three standard streams, whatever the shell made of them; and where text becomes safe for a terminal.

Everything that a command without a screen prints passes `CleanText`, so no text of a guest, a stub, a file or a client
needs to have been cleaned before (`frontend.clean` makes many of them fit for one line). A screen writes past it, and
draws cleaned text only.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TextIO

from frontend.clean import visible

_CLOSED = ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY))
"""How /dev/null stands in for a stream that is closed: writing results then fails and is said; messages are dropped."""


class CleanText(io.TextIOWrapper):
    """A stream on which only line feeds and tabs control anything; what else cannot be printed is made visible."""

    def write(self, text: str) -> int:
        super().write(visible(text))
        return len(text)

    def write_control(self, text: str) -> None:
        """dr6's own control sequences."""
        super().write(text)


def write_control(stream: TextIO, text: str) -> None:
    """Move the cursor, take a line back: for progress on a terminal. ``text`` is dr6's own."""
    stream.write_control(text) if isinstance(stream, CleanText) else stream.write(text)
    stream.flush()


def settle_streams() -> None:
    """Take the places of streams that are closed, so that no socket or file of ours gets their numbers; and have what
    is printed cleaned, and what the output's encoding does not have written as an escape."""
    for number, how in _CLOSED:
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, how), number)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False, encoding="utf-8")  # noqa: SIM115 - for the whole run
    sys.stdout, sys.stderr = _cleaned(sys.stdout, 1), _cleaned(sys.stderr, 2)


def _cleaned(stream: TextIO | None, number: int) -> TextIO:
    if stream is None:
        return CleanText(io.BufferedWriter(io.FileIO(number, "w", closefd=False)), "utf-8", "backslashreplace")
    if type(stream) is not io.TextIOWrapper or stream.closed:
        return stream  # cleaned already, or a test's
    encoding, lines, through = stream.encoding, stream.line_buffering, stream.write_through
    stream.flush()
    return CleanText(stream.detach(), encoding, "backslashreplace", line_buffering=lines, write_through=through)


def drop_output() -> None:
    """Whatever Python still wants to flush goes nowhere."""
    with contextlib.suppress(OSError):  # no descriptor is left, and then the output is not what failed
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
