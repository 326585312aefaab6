"""What a lab is doing, and for how long: one line on a terminal, else a plain line for each step."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TextIO

LOOK = 0.5
"""Seconds between two looks at the clock, on a terminal."""
DETAIL = 60
"""Columns for what is told beside a step."""


class Progress:
    """``with Progress("kvm-amd") as progress: progress.step("Linux boots")``; it writes to standard error."""

    def __init__(self, name: str, out: TextIO | None = None) -> None:
        self._name = name
        self._out = sys.stderr if out is None else out
        self._tty = self._out.isatty()
        self._began = time.monotonic()
        self._doing = self._detail = ""
        self._over = threading.Event()
        self._clock = threading.Thread(target=self._tick, daemon=True)

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._began

    def __enter__(self) -> Progress:
        if self._tty:
            self._clock.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._tty:
            self._clock.join()
            self._out.write("\r\x1b[K")
            self._out.flush()

    def step(self, doing: str) -> None:
        """The lab now does this: a few words in the present tense."""
        self._doing, self._detail = doing, ""
        self._show()

    def detail(self, text: str) -> None:
        """How far the step is, in its own words; shown on a terminal only."""
        if self._tty:
            self._detail = f": {text}"[:DETAIL]
            self._show()

    def say(self, text: str) -> None:
        """A line that stays."""
        print(f"{self._erase()}{self._name}: {text}", file=self._out, flush=True)

    def _tick(self) -> None:
        while not self._over.wait(LOOK):
            self._show()

    def _show(self) -> None:
        line = f"{self._name}: {self.seconds:6.1f} s  {self._doing}{self._detail}"
        self._out.write(f"\r{line}\x1b[K" if self._tty else f"{line}\n")
        self._out.flush()

    def _erase(self) -> str:
        return "\r\x1b[K" if self._tty else ""
