"""The commands that a user wants run each time: ``$XDG_CONFIG_HOME/dr6/init`` (XDG base directories)."""

from __future__ import annotations

import os
from pathlib import Path


def startup() -> tuple[str, ...]:
    """The line that runs it, where it is there; an unset or relative variable means ``~/.config``."""
    home = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    if not home.is_absolute():
        home = Path("~/.config").expanduser()
    path = home / "dr6" / "init"
    return (f"source {path}",) if path.is_file() else ()
