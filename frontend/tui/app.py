"""The screen, put together: `run_tui`. No logic of its own."""

from __future__ import annotations

import base64
import os
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.output import ColorDepth, Output

from frontend.commands import complete
from frontend.commands.session import Session
from frontend.tui.completer import CommandCompleter, Offer
from frontend.tui.controls import Run, Screen
from frontend.tui.events import Arrange
from frontend.tui.glyphs import has_utf8
from frontend.tui.host import TerminatedError, later, run
from frontend.tui.key_bindings import make_key_bindings
from frontend.tui.layout import make_layout
from frontend.tui.saved import read_preferences, state_folder, write_preferences, write_private
from frontend.tui.style import make_style
from frontend.tui.view import PROMPT
from frontend.tui.worker import Reopen, Worker

CALM_SECONDS = 0.05
"""What is over sooner than this (a step) does not show as running; while a guest stops thousands of times a second, the
screen is drawn at most this often."""
ESCAPE_SECONDS = 0.05
"""How long an Escape byte may still become an Alt key."""
SEQUENCE_SECONDS = 0.3
"""How long an Escape key waits for the key that makes it Alt, where a terminal has no Alt."""

MOST_COPIED = 74_994
"""Characters of base64 that xterm takes in OSC 52 at most."""
SIGNALLED = 128
"""Added to the number of the signal that ended us, as shells do."""

OpenSession = Callable[[], AbstractAsyncContextManager[Session]]


class KeptHistory(FileHistory):
    """A file of command lines. Where it can't be read or written (a full disk, a read-only home), the
    history is that of this session only."""

    def load_history_strings(self) -> Iterable[str]:
        try:
            return list(super().load_history_strings())
        except OSError:
            return []

    def store_string(self, string: str) -> None:
        try:
            super().store_string(string)
        except OSError:
            return


def history_path() -> Path:
    return state_folder() / "history"


def open_history() -> History:
    path = history_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return InMemoryHistory()
    return KeptHistory(path)


def color_depth() -> ColorDepth:
    """The terminal's own 16 colours, or none with ``NO_COLOR``."""
    return ColorDepth.from_env() or ColorDepth.DEPTH_4_BIT


def copy(app: Application[None], text: str) -> str:
    """Give ``text`` to the terminal's clipboard, and put it into a file, since nothing says whether the terminal took
    it; how that went."""
    data = base64.b64encode(text.encode()).decode()
    if len(data) <= MOST_COPIED:
        app.output.write_raw(f"\x1b]52;c;{data}\x07")
        app.output.flush()
    path = state_folder() / "copied"
    try:
        write_private(path, text)
    except OSError as error:
        return f"{len(text)} characters, to the terminal alone: {path} cannot be written ({error.strerror})."
    if len(data) > MOST_COPIED:
        return f"{len(text)} characters, too many for the terminal; they are in {path}."
    return f"{len(text)} characters, also in {path}."


def make_application(
    screen: Screen,
    offer: Offer,
    history: History,
    input: Input | None = None,
    output: Output | None = None,
) -> Application[None]:
    """The application that shows ``screen``. It draws when the view changed, never by the clock."""

    def accept(line: Buffer) -> bool:
        """Enter: True keeps the text, because it could not be taken."""
        return not screen.take(Run(tuple(line.text.splitlines()) or ("",)))

    buffer = Buffer(
        completer=CommandCompleter(offer),
        history=history,
        multiline=False,
        accept_handler=accept,
        enable_history_search=True,
        read_only=Condition(lambda: screen.view.focus != PROMPT or screen.view.question is not None),
    )
    app: Application[None] = Application(
        layout=make_layout(screen, buffer),
        key_bindings=make_key_bindings(screen, buffer),
        style=make_style(),
        color_depth=color_depth(),
        full_screen=True,
        mouse_support=Condition(lambda: screen.mouse),
        include_default_pygments_style=False,
        terminal_size_polling_interval=None,
        input=input,
        output=output,
    )
    app.ttimeoutlen = ESCAPE_SECONDS
    app.timeoutlen = SEQUENCE_SECONDS
    screen.on_change = app.invalidate
    screen.on_change_soon = later(app, CALM_SECONDS, screen.draw)
    screen.ascii = not has_utf8(os.environ)
    screen.on_theme = lambda theme: setattr(app, "style", make_style(theme))
    screen.on_copy = lambda text: copy(app, text)
    screen.on_redraw = app.renderer.clear
    screen.prompt = buffer
    screen.size = lambda: (app.output.get_size().columns, app.output.get_size().rows)
    return app


def run_tui(
    open_session: OpenSession,
    *,
    startup: tuple[str, ...] = (),
    owned: bool = False,
    reopen: Reopen | None = None,
    welcome: str = "",
) -> int:
    """Open a session and show it until the user leaves; the exit code (128 + number after a signal).

    ``open_session`` is entered in trio before the screen is taken, so that its errors are raised here on an
    untouched terminal; the session has to be attached. ``startup`` are command lines to execute first, ``welcome`` is
    what to say then. ``owned``
    says that the guest ends with the session, so that nobody is asked how to leave it; ``reopen`` attaches again to a
    stub that was lost, and raises `GdbError` where it is not there. On the way out the
    session's own exit runs, in a cancelled scope where the screen ended first (a bug, SIGTERM, SIGHUP).
    """
    try:
        return run_screen(Screen(owned=owned), open_session, startup, open_history(), reopen=reopen, welcome=welcome)
    except TerminatedError as error:
        with suppress(OSError):  # standard error may be the terminal that is gone
            print(f"dr6: {error}", file=sys.stderr)
        return SIGNALLED + error.number
    except KeyboardInterrupt:  # before the screen was there; later Ctrl-C is a key
        return SIGNALLED + signal.SIGINT


def run_screen(
    screen: Screen,
    open_session: OpenSession,
    startup: tuple[str, ...],
    history: History,
    input: Input | None = None,
    output: Output | None = None,
    reopen: Reopen | None = None,
    welcome: str = "",
) -> int:
    """`run_tui` on a given screen, terminal (by default the process's own) and history."""
    sessions: list[Session] = []

    def offer(text: str) -> list[tuple[str, str]]:
        return complete(sessions[-1], text) if sessions else []

    app = make_application(screen, offer, history, input, output)

    async def main(show: Callable[[], None]) -> int:
        async with open_session() as session:
            sessions.append(session)
            worker = Worker(screen, session, reopen)
            preferences = read_preferences()
            screen.on_theme(preferences.theme)
            screen.dispatch(Arrange(preferences))
            show()
            try:
                return await worker.serve(startup, welcome)
            finally:
                write_preferences(screen.view.preferences)

    return run(app, main) or 0
