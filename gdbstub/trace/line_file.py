"""Whole lines to a file: a line is there or it is not.

Ctrl-C is held back while bytes are on their way (trio's protection against KeyboardInterrupt), and where a
disk fills up in the middle of a line a regular file is cut back to the last whole one. Lines are collected
in batches for regular files; a terminal or a pipe gets each line at once.
"""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import trio

from gdbstub.trace.errors import TraceError, cannot_open, cannot_write
from gdbstub.trace.extra import columns_extra

BATCH_BYTES = 128 * 1024
STANDARD_OUTPUT = 1
PACKED = ".zst"
"""The suffix of files that are compressed: whole frames of zstd, one for each batch of lines."""


class LineFile:
    """Lines to ``path``, or to standard output for None and ``-``; compressed where it ends in ``.zst``. Every failure
    is a `TraceError`."""

    def __init__(self, path: str | Path | None) -> None:
        self._owned = path is not None and str(path) != "-"
        self.name = str(path) if self._owned else "standard output"
        self._waiting: list[bytes] = []
        self._size = 0
        try:
            self._fd = os.open(self.name, _CREATE, 0o666) if self._owned else STANDARD_OUTPUT
            if self._owned:
                os.set_blocking(self._fd, True)
            self._regular = stat.S_ISREG(os.fstat(self._fd).st_mode)
        except ValueError as error:  # a NUL, or half a character
            raise TraceError(f"Cannot open {self.name} for writing: no file can have this name.") from error
        except OSError as error:
            raise cannot_open(self.name, error) from error
        self._limit = BATCH_BYTES if self._regular else 0
        self._pack: Callable[[bytes], bytes] | None = None
        if self.name.endswith(PACKED):
            with columns_extra("A compressed trace"):
                from gdbstub.trace.columns.arrow import compress
            self._pack, self._limit = compress, BATCH_BYTES

    def write_line(self, text: str) -> None:
        """Queue one line; the newline is added here."""
        line = text.encode("utf-8", "backslashreplace") + b"\n"
        self._waiting.append(line)
        self._size += len(line)
        if self._size > self._limit:
            self.flush()

    @trio.lowlevel.enable_ki_protection
    def flush(self) -> None:
        """Write what waits. After a `TraceError` those lines are gone and the file ends with a whole one."""
        data = b"".join(self._waiting)
        if self._pack is not None and data:
            data = self._pack(data)
        self._waiting.clear()
        self._size = 0
        written = 0
        try:
            while written < len(data):
                try:
                    written += os.write(self._fd, data[written:] if written else data)
                except BlockingIOError:  # somebody made the terminal or pipe that we share non-blocking
                    select.select([], [self._fd], [])
        except OSError as error:
            if self._regular:
                whole = 0 if self._pack is not None else data.rfind(b"\n", 0, written) + 1
                self._cut_back(written - whole)
            raise cannot_write(self.name, error) from error

    def close(self) -> None:
        """Flush and close; again is harmless. The descriptor is closed even where the flush fails."""
        if self._fd < 0:
            return
        try:
            self.flush()
        finally:
            fd, self._fd = self._fd, -1
            if self._owned:
                try:
                    os.close(fd)
                except OSError as error:  # a network file system may say only now that it is full
                    raise cannot_write(self.name, error) from error

    def _cut_back(self, length: int) -> None:
        with suppress(OSError):  # the first error is the one to report
            end = os.lseek(self._fd, 0, os.SEEK_CUR) - length
            os.ftruncate(self._fd, end)
            os.lseek(self._fd, end, os.SEEK_SET)


_CREATE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
"""A pipe is not waited for until somebody reads it: whoever types Ctrl-C meanwhile would not be heard."""
