"""The three standard streams, whatever the shell made of them."""

from __future__ import annotations

import contextlib
import io
import os
import sys

_CLOSED = ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY))
"""How /dev/null stands in for a stream that is closed: writing results then fails and is said; messages are dropped."""


def settle_streams() -> None:
    """Take the places of streams that are closed, so that no socket or file of ours gets their numbers; and let what
    the output's encoding does not have be written as an escape."""
    for number, how in _CLOSED:
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, how), number)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False, encoding="utf-8")  # noqa: SIM115 - for the whole run
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False, encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False, encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not stream.closed:
            stream.reconfigure(errors="backslashreplace")


def drop_output() -> None:
    """Whatever Python still wants to flush goes nowhere."""
    with contextlib.suppress(OSError):  # no descriptor is left, and then the output is not what failed
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
