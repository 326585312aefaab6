"""What was set in a guest, kept by target from one session of the screen to the next.

A file a target in ``$XDG_STATE_HOME/dr6/targets``, of command lines that ``restore`` runs. It is written when what is
set has changed, so that a screen that is killed has kept it too; a file that cannot be read as one is none.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

from frontend.commands.again import count_words, lines_again
from frontend.commands.restoring import missing
from frontend.commands.session import Session
from frontend.tui.saved import state_folder, write_private

MOST_TARGETS, MOST_LINES, LONGEST = 50, 500, 1 << 18
VERSION = 1


def path_of(target: str) -> Path:
    """The file of a target. Its name is a digest: a target may hold any character."""
    return state_folder() / "targets" / f"{hashlib.sha256(target.encode()).hexdigest()[:24]}.json"


def read(target: str) -> tuple[str, ...]:
    """The lines that were kept for ``target``; none where the file is missing, damaged or of another target."""
    try:
        with open(path_of(target), "rb") as file:
            found = json.loads(file.read(LONGEST + 1)[:LONGEST])
    except (OSError, ValueError, RecursionError):
        return ()
    if not isinstance(found, dict) or found.get("version") != VERSION or found.get("target") != target:
        return ()
    lines = found.get("lines")
    if not isinstance(lines, list) or not all(isinstance(line, str) and "\n" not in line for line in lines):
        return ()
    return tuple(lines[:MOST_LINES])


def write(target: str, lines: tuple[str, ...]) -> None:
    """Keep ``lines``, as a whole or not at all; no lines leave no file. The oldest targets go when there are too many.
    Where nothing can be written, nothing is kept."""
    path = path_of(target)
    text = json.dumps({"version": VERSION, "target": target, "lines": lines[:MOST_LINES]}, indent=1)
    with suppress(OSError):
        if not lines:
            path.unlink(missing_ok=True)
        elif len(text) <= LONGEST:
            part = path.with_suffix(f".{os.getpid()}.part")
            write_private(part, text)
            part.replace(path)
            _forget_oldest(path.parent)


def _forget_oldest(folder: Path) -> None:
    files = sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime)
    for file in files[: max(0, len(files) - MOST_TARGETS)]:
        file.unlink(missing_ok=True)


class LastTime:
    """What one session keeps for the next. Nothing is written before something was set here that was not at first."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._kept: tuple[str, ...] | None = None

    def begin(self) -> str:
        """The startup lines are through: what to say of last time, if anything."""
        session = self._session
        if not session.live or session.shared is not None:
            return ""
        self._kept = lines_again(session)
        session.panes.last_time = read(session.debugger.target)
        lines = missing(session)
        words = count_words(lines)
        them = "it" if words.startswith("1 ") and "," not in words else "them"
        return f"{words} of last time: restore brings {them} back." if words else ""

    def keep(self) -> None:
        """After a command: write what is set now, where that is new."""
        session = self._session
        if self._kept is None or session.debugger.ended or session.debugger.lost is not None:
            return
        lines = lines_again(session)
        if lines != self._kept:
            self._kept = lines
            write(session.debugger.target, lines)
