"""The table of keys as prompt_toolkit's bindings, and what only prompt_toolkit can know: the prompt,
questions."""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition, Filter, has_completions, is_searching
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.key_binding.bindings.search import abort_search, accept_search_and_accept_input
from prompt_toolkit.keys import Keys

from frontend.tui import actions
from frontend.tui.actions import Action
from frontend.tui.controls import Screen
from frontend.tui.events import OpenPalette, Toggle
from frontend.tui.keys import KEYS, Place
from frontend.tui.panes import PANES
from frontend.tui.view import PROMPT


def _handler(screen: Screen, action: Action) -> Callable[[KeyPressEvent], None]:
    def press(event: KeyPressEvent) -> None:
        action(screen)

    press.__doc__ = action.__doc__
    return press


def _digit(screen: Screen, digit: str) -> Callable[[KeyPressEvent], None]:
    def press(event: KeyPressEvent) -> None:
        """show the pane with this number"""
        screen.show_pane(digit)

    return press


def _bind_palette(bindings: KeyBindings, screen: Screen, finding: Filter) -> None:
    """While the palette is open, all keys are its own."""
    bindings.add(Keys.Any, filter=finding)(lambda event: screen.search(event.data if event.data.isprintable() else ""))
    bindings.add("space", filter=finding)(lambda event: screen.search(" "))
    bindings.add("backspace", filter=finding)(lambda event: screen.search(back=True))
    for key, by in (("up", -1), ("c-p", -1), ("s-tab", -1), ("down", 1), ("c-n", 1), ("tab", 1)):
        bindings.add(key, filter=finding)(lambda event, by=by: screen.search(by=by))
    for key, by in (("pageup", -10), ("pagedown", 10)):
        bindings.add(key, filter=finding)(lambda event, by=by: screen.search(by=by))

    @bindings.add("escape", filter=finding)
    @bindings.add("c-c", filter=finding)
    @bindings.add("c-g", filter=finding)
    @bindings.add("c-d", filter=finding)
    def close(event: KeyPressEvent) -> None:
        """close the palette"""
        screen.dispatch(OpenPalette(None))

    @bindings.add("enter", filter=finding)
    def take(event: KeyPressEvent) -> None:
        """do what is selected"""
        from frontend.tui.palette import chosen

        palette = screen.view.palette
        choice = None if palette is None else chosen(palette)
        screen.dispatch(OpenPalette(None))
        if choice is not None:
            choice.act(screen)


def _bind_question(bindings: KeyBindings, screen: Screen, questioned: Filter) -> None:
    """It takes every key until it is answered, or taken back."""
    bindings.add(Keys.Any, filter=questioned)(lambda event: screen.answer(event.data))

    @bindings.add("escape", filter=questioned, eager=True)
    @bindings.add("c-c", filter=questioned)
    @bindings.add("c-g", filter=questioned)
    @bindings.add("c-d", filter=questioned)
    def take_back(event: KeyPressEvent) -> None:
        """take the question back"""
        screen.answer(None)

    @bindings.add("enter", filter=questioned)
    def ignore(event: KeyPressEvent) -> None:
        """Enter answers nothing"""


def _bind_help(bindings: KeyBindings, screen: Screen, helping: Filter) -> None:
    """While the help lies over the panes: it is scrolled, and closed."""

    @bindings.add("escape", filter=helping)
    @bindings.add("q", filter=helping)
    @bindings.add("enter", filter=helping)
    def close_help(event: KeyPressEvent) -> None:
        """close the help"""
        screen.dispatch(Toggle("help"))

    @bindings.add("up", filter=helping)
    def help_up(event: KeyPressEvent) -> None:
        """scroll the help up"""
        screen.scroll(lines=-1)

    @bindings.add("down", filter=helping)
    def help_down(event: KeyPressEvent) -> None:
        """scroll the help down"""
        screen.scroll(lines=1)


def make_key_bindings(screen: Screen, buffer: Buffer) -> KeyBindings:
    """All rows of `KEYS`, each where it counts; a question takes every key until it is answered."""
    bindings = KeyBindings()
    questioned = Condition(lambda: screen.view.question is not None)
    finding = Condition(lambda: screen.view.palette is not None and screen.view.question is None)
    asked = questioned | finding
    helping = Condition(lambda: screen.view.help)
    in_prompt = Condition(lambda: screen.view.focus == PROMPT)
    places: dict[Place, Filter] = {
        "everywhere": ~asked,
        "pane": ~asked & ~helping & ~in_prompt,
        "prompt": ~asked & in_prompt & Condition(lambda: not buffer.text),
    }
    # what no other row takes is not for the prompt while it has not got the keys
    bindings.add(Keys.Any, filter=~asked & (helping | ~in_prompt))(lambda event: None)
    for key in KEYS:
        for sequence in key.sequences:
            bindings.add(*sequence.split(), filter=places[key.where])(_handler(screen, key.action))
    for pane in PANES.values():
        bindings.add("escape", pane.key, filter=places["everywhere"])(_digit(screen, pane.key))
        if pane.key.isdigit():  # letters are commands there
            bindings.add(pane.key, filter=places["pane"])(_digit(screen, pane.key))

    _bind_palette(bindings, screen, finding)
    _bind_question(bindings, screen, questioned)
    _bind_help(bindings, screen, helping & ~asked)

    sheet = Condition(lambda: screen.view.sheet is not None and not screen.view.help)

    @bindings.add("escape", filter=sheet & ~asked)
    def close_sheet(event: KeyPressEvent) -> None:
        """take the answer away"""
        screen.close_sheet()

    bindings.add("y", filter=sheet & places["prompt"])(_handler(screen, actions.copy))

    # as readline: Enter runs what was found, Ctrl-C ends the search
    bindings.add("enter", filter=is_searching & ~asked)(accept_search_and_accept_input)
    bindings.add("c-c", filter=is_searching & ~asked)(abort_search)

    @bindings.add("escape", filter=~asked & ~helping & in_prompt & has_completions)
    def close_menu(event: KeyPressEvent) -> None:
        """close the completions"""
        buffer.cancel_completion()

    return bindings
