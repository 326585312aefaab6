"""Paths that the labs need."""

from __future__ import annotations

import os
from pathlib import Path


def short_path(path: Path) -> str:
    """A name of the socket that fits into its 108 bytes."""
    return os.path.relpath(path) if len(str(path)) > 100 else str(path)
