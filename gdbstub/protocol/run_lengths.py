"""Run-length encoding, as it stands between ``$`` and ``#``: ``X*c`` is X and then c - 29 more X."""

from __future__ import annotations

import re
from typing import Final

from gdbstub.errors import RemoteProtocolError

MAX_FRAME: Final = 0x40000
"""Twice the largest packet that a stub is known to announce (128 KiB, lldb's); what is longer is not RSP."""

_LONGEST_RUN, _RUN_OF = 97, 29
_RUNS = re.compile(rb"0{8,}|f{8,}")


def compress_hex(digits: bytes) -> bytes:
    """Hex digits with their long runs of ``0`` and ``f`` run-length encoded, as it stands between ``$`` and ``#``;
    `expand_runs` undoes it. Most memory is empty, and a client reads a packet a byte at a time."""
    return _RUNS.sub(_compressed, digits)


def _compressed(found: re.Match[bytes]) -> bytes:
    run = found[0]
    whole, rest = divmod(len(run), 1 + _LONGEST_RUN)
    return (b"%c*~" % run[0]) * whole + _short_run(run[:1], rest)


def _short_run(digit: bytes, length: int) -> bytes:
    """A count of 6 or 7 would be written ``#`` or ``$``: 5 then, and the rest as it is."""
    if length < 4:
        return digit * length
    more = 5 if length - 1 in (6, 7) else length - 1
    return b"%c*%c" % (digit[0], more + _RUN_OF) + digit * (length - 1 - more)


def expand_runs(body: bytes, max_size: int = MAX_FRAME) -> bytes:
    """Undo run-length encoding: ``X*c`` is X and then c - 29 more X. Runs may follow each other.

    Raises `RemoteProtocolError` for a run of nothing, a count outside 3 to 97, or more than ``max_size``
    bytes.
    """
    out = bytearray()
    at = 0
    while (star := body.find(b"*", at)) >= 0:
        out += body[at:star]
        count = body[star + 1] - 29 if star + 1 < len(body) else 0
        if not out or not 3 <= count <= 97:
            raise RemoteProtocolError("A packet has a run length without a byte or a count.")
        out += out[-1:] * count
        if len(out) > max_size:
            raise RemoteProtocolError(f"A packet expands to more than {max_size} bytes.")
        at = star + 2
    out += body[at:]
    return bytes(out)
