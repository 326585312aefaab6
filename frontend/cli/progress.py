"""How far a long trace is: one line on standard error, only on a terminal, gone at the end."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType

from frontend.cli.streams import write_control

EVERY = 256
"""Rows between two looks at the clock."""
SECONDS = 0.1
WIDTH = 24


class Progress:
    """A context manager; ``total`` is None where the end is not known."""

    def __init__(self, total: int | None) -> None:
        self._total = total
        self._shown = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._began = self._last = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown and self._last > self._began:
            write_control(sys.stderr, "\r\x1b[K")

    def count(self, rows: int) -> None:
        """``rows`` are written."""
        if not self._shown or rows % EVERY:
            return
        now = time.monotonic()
        if now - self._last >= SECONDS:
            self._last = now
            write_control(sys.stderr, f"\r{self._line(rows, now - self._began)}\x1b[K")

    def _line(self, rows: int, seconds: float) -> str:
        rate = rows / seconds if seconds else 0.0
        if not self._total:
            return f"{rows} rows, {rate:.0f}/s"
        done = WIDTH * rows // self._total
        left = (self._total - rows) / rate if rate else 0.0
        return f"{'█' * done}{'░' * (WIDTH - done)} {rows}/{self._total}, {rate:.0f}/s, {left:.0f} s left"
