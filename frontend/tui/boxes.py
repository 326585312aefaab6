"""Places on the screen with their sizes."""

from __future__ import annotations

from typing import NamedTuple


class Box(NamedTuple):
    """A place with its size in cells. The title is the first of ``height`` rows."""

    panes: tuple[str, ...]
    width: int
    height: int


Column = tuple[Box, ...]
Arrangement = tuple[Column, ...]
"""Columns from the left, one cell apart."""
