"""What outlives a screen: how its panes were arranged, what was copied. All of it in ``$XDG_STATE_HOME/dr6``."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from frontend.tui.panes import PANES
from frontend.tui.preferences import USUAL, Preferences, from_json


def state_folder() -> Path:
    """``$XDG_STATE_HOME/dr6`` (XDG base directories: an unset or relative one is ``~/.local/state``)."""
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    return (state if state.is_absolute() else Path.home() / ".local" / "state") / "dr6"


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def read_preferences() -> Preferences:
    """How the panes were arranged last; as usual where nothing says it."""
    try:
        found = from_json(json.loads((state_folder() / "layout.json").read_text("utf-8")), frozenset(PANES))
    except (OSError, ValueError, RecursionError):
        return USUAL
    return USUAL if found is None else found


def write_preferences(wanted: Preferences) -> None:
    """Remember how the panes are arranged, if it can be."""
    with suppress(OSError):
        write_private(state_folder() / "layout.json", json.dumps(wanted.as_json(), indent=1))
