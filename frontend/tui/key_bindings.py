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
from frontend.tui.events import Toggle
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


def make_key_bindings(screen: Screen, buffer: Buffer) -> KeyBindings:
    """All rows of `KEYS`, each where it counts; a question takes every key until it is answered."""
    bindings = KeyBindings()
    asked = Condition(lambda: screen.view.question is not None)
    helping = Condition(lambda: screen.view.help)
    in_prompt = Condition(lambda: screen.view.focus == PROMPT)
    places: dict[Place, Filter] = {
        "everywhere": ~asked,
        "pane": ~asked & ~helping & ~in_prompt,
        "prompt": ~asked & in_prompt & Condition(lambda: not buffer.text),
    }
    # what no other row takes is not for the prompt while it has not got the keys
    bindings.add(Keys.Any, filter=asked)(lambda event: screen.answer(event.data))
    bindings.add(Keys.Any, filter=~asked & (helping | ~in_prompt))(lambda event: None)
    for key in KEYS:
        for sequence in key.sequences:
            bindings.add(*sequence.split(), filter=places[key.where])(_handler(screen, key.action))
    for pane in PANES.values():
        bindings.add("escape", pane.key, filter=places["everywhere"])(_digit(screen, pane.key))
        if pane.key.isdigit():  # letters are commands there
            bindings.add(pane.key, filter=places["pane"])(_digit(screen, pane.key))

    @bindings.add("escape", filter=asked, eager=True)
    @bindings.add("c-c", filter=asked)
    @bindings.add("c-g", filter=asked)
    @bindings.add("c-d", filter=asked)
    def take_back(event: KeyPressEvent) -> None:
        """take the question back"""
        screen.answer(None)

    @bindings.add("enter", filter=asked)
    def ignore(event: KeyPressEvent) -> None:
        """Enter answers nothing"""

    @bindings.add("escape", filter=helping & ~asked)
    @bindings.add("q", filter=helping & ~asked)
    @bindings.add("enter", filter=helping & ~asked)
    def close_help(event: KeyPressEvent) -> None:
        """close the help"""
        screen.dispatch(Toggle("help"))

    @bindings.add("up", filter=helping & ~asked)
    def help_up(event: KeyPressEvent) -> None:
        """scroll the help up"""
        screen.scroll(lines=-1)

    @bindings.add("down", filter=helping & ~asked)
    def help_down(event: KeyPressEvent) -> None:
        """scroll the help down"""
        screen.scroll(lines=1)

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
