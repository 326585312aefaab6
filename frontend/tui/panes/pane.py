"""A row of the table of panes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from frontend.tui.panes.text import Page
from frontend.tui.view import ViewState


class Pane(NamedTuple):
    """``key`` is the digit or letter that shows it; ``note`` is a word or two for its title."""

    name: str
    title: str
    key: str
    render: Callable[[ViewState, int, int], Page]
    note: Callable[[ViewState], str]
