"""What the scripts of all shells are made with."""

from __future__ import annotations

from docs.command_line import SCHEMES

MADE = "# Made by `make docs` from the command line of dr6.\n"
WITH_PATH = ("unix", "serial", "replay")
TARGET_WORDS = tuple(f"{scheme}:" for scheme in SCHEMES)
LISTEN_WORDS = ("localhost:", "unix:")


def filled(template: str, **parts: str) -> str:
    """``template`` with ``@name@`` replaced by the part of that name."""
    for name, text in parts.items():
        template = template.replace(f"@{name}@", text)
    return template
