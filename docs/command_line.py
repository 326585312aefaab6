"""The command line as values, read off the argument parser: what the manual page and the completions are made from."""

from __future__ import annotations

import argparse
from typing import Literal, NamedTuple

from frontend.cli.parser import make_parser
from frontend.commands.dispatch import COMMANDS
from gdbstub.backends import BACKENDS
from gdbstub.explain.reference.causes import NAMES
from gdbstub.x86.exceptions import VECTORS

Kind = Literal["flag", "words", "files", "target", "listen", "any"]
"""What may stand there: nothing, one of some words, a file, a TARGET, an address to listen at, or what only the user
knows."""

SCHEMES = ("tcp", "unix", "serial", "gdbsx", "xen", "replay")
"""How a TARGET may begin; behind unix, serial and replay comes a path."""

KINDS: dict[str, Kind] = {
    **dict.fromkeys(("FILE", "PATH", "IMAGE", "QEMU ARGS", "TRACE"), "files"),
    "TARGET": "target",
    "ADDR": "listen",
    **dict.fromkeys(
        ("PREFIX", "DOMAIN", "N", "S", "SIZE", "MODEL", "SLIDE", "RUN", "SQL", "ROW", "FILTER", "NAME[,…]"), "any"
    ),
    **dict.fromkeys(("LOCATION", "ADDR|SYMBOL", "[r|w|rw:]LOCATION[/LEN]"), "any"),
    **dict.fromkeys(("VALUE", "ADDRESS", "SELECTOR", "ADDRESS:HEX"), "any"),
}
"""By the name that stands for the value in the usage."""

WORDS: dict[str, tuple[str, ...]] = {
    "--backend": tuple(BACKENDS),
    "--cause": NAMES,
    "--kaslr": ("auto", "off"),
    "--catch": tuple(row.mnemonic for row in VECTORS if row.mnemonic),
    "--ex": tuple(sorted(row.name for row in COMMANDS)),
}
"""Names that the parser leaves to others to check, by the option."""


class Option(NamedTuple):
    """``value`` stands for its value in the usage, "" where it takes none; ``words`` are what the value can be."""

    names: tuple[str, ...]
    value: str
    kind: Kind
    words: tuple[str, ...]
    help: str
    repeatable: bool


class Place(NamedTuple):
    """An argument without a name; ``behind`` says that it is another program's, behind ``--``."""

    value: str
    kind: Kind
    words: tuple[str, ...]
    help: str
    optional: bool
    many: bool
    behind: bool


class Command(NamedTuple):
    """``name`` is "" for what stands before any command."""

    name: str
    help: str
    options: tuple[Option, ...]
    places: tuple[Place, ...]
    epilog: str


def commands() -> tuple[Command, ...]:
    """That without a name first, the others in the order of ``dr6 --help``."""
    parser = make_parser()
    found = [_command("", parser, parser.description or "")]
    for action in _actions(parser):
        if isinstance(action, argparse._SubParsersAction):
            helps = {row.dest: row.help or "" for row in action._choices_actions}
            found += [_command(name, below, helps[name]) for name, below in action.choices.items()]
    return tuple(found)


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return parser._actions  # argparse has no public way to what was added


def _command(name: str, parser: argparse.ArgumentParser, help_: str) -> Command:
    actions = [action for action in _actions(parser) if not isinstance(action, argparse._SubParsersAction)]
    options = tuple(_option(action) for action in actions if action.option_strings)
    places = tuple(_place(action) for action in actions if not action.option_strings)
    return Command(name, help_, options, places, parser.epilog or "")


def _option(action: argparse.Action) -> Option:
    names = tuple(action.option_strings)
    kind, words = _kind(action)
    repeatable = isinstance(action, argparse._AppendAction) or "script" in action.dest
    return Option(names, _value(action, kind), kind, words, _help(action), repeatable)


def _place(action: argparse.Action) -> Place:
    kind, words = _kind(action)
    optional, many = action.nargs in ("*", "?"), action.nargs in ("*", "+")
    behind = str(action.metavar).startswith("-- ")
    return Place(_value(action, kind), kind, words, _help(action), optional, many, behind)


def _kind(action: argparse.Action) -> tuple[Kind, tuple[str, ...]]:
    if action.nargs == 0:
        return "flag", ()
    words = next((WORDS[name] for name in action.option_strings if name in WORDS), ())
    if action.choices is not None:
        words = tuple(map(str, action.choices))
    return ("words", words) if words else (KINDS[_metavar(action)], ())


def _metavar(action: argparse.Action) -> str:
    return str(action.metavar or action.dest).removeprefix("-- ")


def _value(action: argparse.Action, kind: Kind) -> str:
    if kind == "flag":
        return ""
    if action.choices is not None and action.metavar is None:
        return "|".join(map(str, action.choices))
    return _metavar(action)


def _help(action: argparse.Action) -> str:
    return (action.help or "").replace("%%", "%")
