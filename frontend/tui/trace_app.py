"""The screen over a trace: the rows around the one that is looked at, that one whole, and a prompt.

A screen of its own, not that of a session: there is no guest, so nothing waits, and each key is a line of the prompt.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from typing import Protocol

import trio
from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import BufferControl, Dimension, FormattedTextControl, HSplit, Layout, VSplit, Window
from prompt_toolkit.output import Output

from frontend.clean import clean
from frontend.commands import Quit
from frontend.tui.host import TerminatedError, run
from frontend.tui.style import make_style
from gdbstub.errors import GdbError

PROMPT_TEXT = "(dr6) "
KEY_BAR = " F7 on  Shift-F7 back  F9 next event  Shift-F9 one before  PgUp PgDn  F1 help  Ctrl-D leave"
KEYS = {
    "f7": "stepi",
    "escape down": "stepi",
    "f19": "reverse-stepi",
    "escape up": "reverse-stepi",
    "f9": "continue",
    "escape pagedown": "continue",
    "f21": "reverse-continue",
    "escape pageup": "reverse-continue",
    "pagedown": "stepi 20",
    "pageup": "reverse-stepi 20",
    "f2": "why",
    "f1": "help",
}
"""Key → the line that it stands for."""
SIGNALLED = 128


class Walked(Protocol):
    """What is shown."""

    at: int

    def run(self, line: str) -> list[str]: ...
    def around(self, above: int, below: int) -> list[tuple[int, str]]: ...
    def whole(self) -> list[str]: ...


class TraceScreen:
    """What stands where; ``size`` says how many columns and rows there are."""

    def __init__(self, console: Walked) -> None:
        self.console = console
        self.answer: list[str] = []
        """What the last line said, over the row; empty: the row is shown."""
        self.message = ""
        self.code: int | None = None
        """Set once the user leaves."""

    def take(self, line: str) -> None:
        """Carry out a line."""
        self.answer, self.message = [], ""
        before = self.console.at
        try:
            said = self.console.run(line)
        except GdbError as error:
            self.message = str(error)
        except Quit as end:
            self.code = end.code
        else:
            if self.console.at == before and len(said) > 1:
                self.answer = said
            elif said:
                self.message = said[-1] if len(said) > 1 or self.console.at == before else ""

    def rows(self, height: int) -> list[tuple[bool, str]]:
        """The list: which line is looked at, and the lines."""
        try:
            found = self.console.around((height - 1) // 2, height // 2)
        except GdbError as error:
            return [(False, str(error))]
        return [(number == self.console.at, text) for number, text in found]

    def below(self) -> list[str]:
        """The row as a whole, or an answer."""
        try:
            return self.answer or self.console.whole()
        except GdbError as error:
            return [str(error)]


def run_trace_screen(
    console: Walked, startup: Sequence[str], input: Input | None = None, output: Output | None = None
) -> int:
    """Until the user leaves; the exit code (128 + number after a signal). ``startup`` are lines to begin with."""
    screen = TraceScreen(console)
    for line in startup:
        screen.take(line)
        if screen.code is not None:
            return screen.code
    try:
        run(make_trace_application(screen, input, output), _show)
    except TerminatedError as error:
        print(f"dr6: {error}", file=sys.stderr)
        return SIGNALLED + error.number
    except KeyboardInterrupt:
        return SIGNALLED + signal.SIGINT
    return screen.code or 0


async def _show(show: Callable[[], None]) -> None:
    show()
    await trio.sleep_forever()


def make_trace_application(
    screen: TraceScreen, input: Input | None = None, output: Output | None = None
) -> Application[None]:
    """It draws when a key was pressed, never by the clock."""

    def take(line: str) -> None:
        screen.take(line)
        if screen.code is not None:
            app.exit()

    def accept(line: Buffer) -> bool:
        take(line.text)
        return False

    def height() -> int:
        return max(3, app.output.get_size().rows * 2 // 5)

    def listed() -> StyleAndTextTuples:
        wide = app.output.get_size().columns
        return [
            ("class:selected" if here else "", f"{'>' if here else ' '} {clean(text)}"[:wide].ljust(wide) + "\n")
            for here, text in screen.rows(height())
        ]

    prompt = Buffer(multiline=False, accept_handler=accept)
    root = HSplit(
        [
            Window(FormattedTextControl(listed), height=lambda: Dimension.exact(height())),
            Window(char="─", height=1, style="class:rule"),
            Window(FormattedTextControl(lambda: "\n".join(map(clean, screen.below()))), wrap_lines=True),
            Window(FormattedTextControl(lambda: clean(screen.message) or KEY_BAR), height=1, style="class:status"),
            VSplit(
                [
                    Window(FormattedTextControl(PROMPT_TEXT), width=len(PROMPT_TEXT), style="class:prompt"),
                    Window(BufferControl(prompt), height=1),
                ]
            ),
        ]
    )
    app: Application[None] = Application(
        layout=Layout(root),
        key_bindings=_bindings(screen, prompt, take),
        style=make_style(),
        full_screen=True,
        terminal_size_polling_interval=None,
        input=input,
        output=output,
    )
    return app


def _bindings(screen: TraceScreen, prompt: Buffer, take: Callable[[str], None]) -> KeyBindings:
    bindings = KeyBindings()
    empty = Condition(lambda: not prompt.text)

    def press(keys: str, line: str, *, only_empty: bool = False) -> None:
        bindings.add(*keys.split(), filter=empty if only_empty else True)(lambda event: take(line))

    for keys, line in KEYS.items():
        press(keys, line)
    for keys, line in (("down", "stepi"), ("up", "reverse-stepi"), ("home", "goto first"), ("end", "goto last")):
        press(keys, line, only_empty=True)

    @bindings.add("c-d")
    def leave(event: KeyPressEvent) -> None:
        event.app.exit()

    @bindings.add("c-c")
    @bindings.add("c-g")
    def clear(event: KeyPressEvent) -> None:
        prompt.reset()
        screen.answer = []

    @bindings.add("c-l")
    def redraw(event: KeyPressEvent) -> None:
        event.app.renderer.clear()

    return bindings
