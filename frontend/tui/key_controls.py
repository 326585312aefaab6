"""What a key can move, as its action sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from frontend.tui.events import Event
from frontend.tui.view import ViewState


class Controls(Protocol):
    """What a key can move. All calls are synchronous."""

    @property
    def view(self) -> ViewState: ...

    def dispatch(self, event: Event) -> None:
        """Change the view."""

    def submit(self, line: str) -> None:
        """Have a command line executed."""

    def submit_here(self, line: Callable[[ViewState], str | None]) -> None:
        """Have a command line executed that is made of the view when its turn comes."""

    def interrupt(self) -> None:
        """Stop the running guest, or clear the prompt."""

    def leave(self) -> None:
        """Ask how to leave."""

    def scroll(self, lines: int = 0, pages: int = 0) -> None:
        """Scroll the pane that has the keys (the messages while the prompt has them)."""

    def next_pane(self, by: int) -> None:
        """Give the keys to another pane, or back to the prompt."""

    def show_pane(self, key: str) -> None:
        """Bring the pane with this number to the front and give it the keys."""

    def type(self, text: str) -> None:
        """Give the prompt the keys, with ``text`` in it."""

    def hide_pane(self) -> None:
        """Hide the pane that has the keys."""

    def move_byte(self, rows: int = 0, by: int = 0) -> None:
        """Select another byte of the memory pane."""

    def resize_pane(self, rows: int = 0, cells: int = 0) -> None:
        """Make the pane that has the keys larger or smaller."""

    def move_pane(self, by: int) -> None:
        """Exchange the pane that has the keys with another."""

    def copy(self) -> None:
        """Copy the last answer, or the pane that has the keys."""

    def redraw(self) -> None:
        """Draw the whole screen again."""

    def toggle_mouse(self) -> None:
        """Take the mouse from the terminal, or give it back."""
