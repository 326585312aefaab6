"""A program on a terminal: a tmux of our own with one window."""

from __future__ import annotations

import contextlib
import itertools
import re
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import trio

_NUMBERS = itertools.count()
"""Each tmux has a socket of its own: one that was told to end still answers for a moment, and refuses."""
SECONDS = 60.0
LOOK = 0.05
"""Seconds between two looks at a screen that isn't yet what it is to be."""


class Screen:
    """``socket`` is tmux's."""

    def __init__(self, socket: Path) -> None:
        self._tmux = ("tmux", "-S", str(socket), "-f", "/dev/null")

    def run(self, *words: str) -> str:
        return subprocess.run([*self._tmux, *words], check=True, capture_output=True, text=True).stdout

    def text(self) -> str:
        return self.run("capture-pane", "-p")

    def keys(self, *keys: str) -> None:
        self.run("send-keys", *keys)

    def resize(self, width: int, height: int) -> None:
        self.run("resize-window", "-x", str(width), "-y", str(height))

    def fact(self, name: str) -> str:
        """A format of tmux: ``alternate_on``, ``cursor_flag``, ``mouse_any_flag``, ``pane_pid``."""
        return self.run("display-message", "-p", f"#{{{name}}}").strip()

    async def wait_until(self, holds: Callable[[str], object]) -> str:
        """The first screen for which ``holds``; it fails with the last one that was seen."""
        text = ""
        with trio.move_on_after(SECONDS):
            while True:
                text = self.text()
                if holds(text):
                    return text
                await trio.sleep(LOOK)
        raise AssertionError(f"after {SECONDS:g} seconds the screen is still\n{text}")

    async def wait(self, pattern: str) -> str:
        return await self.wait_until(lambda text: re.search(pattern, text, re.MULTILINE))


def frame_holds(text: str, width: int, height: int) -> bool:
    """Is this a whole screen of that size: a status bar on top, the keys at the bottom, no line too long?"""
    lines = text.split("\n")[:height]
    return (
        len(lines) == height
        and lines[0].startswith(" STOPPED")
        and lines[-1].startswith("F1 help")
        and max(map(len, lines)) <= width
        and max(map(len, lines)) > width - 4
    )


@contextlib.asynccontextmanager
async def screen(directory: Path, command: str, width: int = 80, height: int = 24) -> AsyncIterator[Screen]:
    """``command`` of a shell on a terminal of that size."""
    shown = Screen(directory / f"tmux-{next(_NUMBERS)}")
    size = ("-x", str(width), "-y", str(height))
    shown.run(
        "new-session",
        "-d",
        *size,
        "-e",
        "NO_COLOR=",
        "-e",
        f"XDG_STATE_HOME={directory / 'state'}",
        "sh",
        "-c",
        command,
    )
    try:
        yield shown
    finally:
        shown.run("kill-server")


def descendants(pid: int) -> dict[int, str]:
    """The processes below ``pid``: id → name."""
    found: dict[int, str] = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found[int(child)] = Path(f"/proc/{child}/comm").read_text().strip()
        found |= descendants(int(child))
    return found
