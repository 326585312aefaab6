"""Commands of the user's own: ``define``, ``document``, and what a line with such a name expands to."""

from __future__ import annotations

import re
import shlex

from frontend.clean import clean
from frontend.commands.blocks import put_in_front
from frontend.commands.collecting import BlockLine, Collecting
from frontend.commands.remembered import OwnCommand
from frontend.commands.session import Session
from frontend.commands.table import Arguments, Command, CommandError

_NAME = re.compile(r"[A-Za-z_][\w-]*")
_ARGUMENT = re.compile(r"\$arg(c\b|\*|\d+)")
_HOOK = "dr6 runs no hooks: display EXPRESSION shows something at each stop, commands N runs lines at a breakpoint."


async def define(session: Session, arguments: Arguments) -> None:
    name = arguments.text
    if _NAME.fullmatch(name) is None:
        raise CommandError("define needs a name of letters, digits, - and _ for the new command.")
    if name.startswith(("hook-", "hookpost-")):
        raise CommandError(_HOOK)

    async def keep(lines: list[BlockLine]) -> None:
        known = session.definitions.get(name, OwnCommand())
        session.definitions[name] = OwnCommand(tuple(line.text for line in lines), known.help)

    session.collecting = Collecting(keep)


async def document(session: Session, arguments: Arguments) -> None:
    name = arguments.text
    if name not in session.definitions:
        raise CommandError(f"There is no command of yours called {clean(name)}; define it first.")

    async def keep(lines: list[BlockLine]) -> None:
        text = "\n".join(line.text for line in lines)
        session.definitions[name] = OwnCommand(session.definitions[name].lines, text)

    session.collecting = Collecting(keep, nests=False)


def expand(session: Session, name: str, defined: OwnCommand, text: str) -> None:
    """``$arg0``, ``$arg1``, …, ``$argc`` and ``$arg*`` in its lines are what stands behind the name. Raises
    CommandError where a line wants more than that."""
    try:
        words = shlex.split(text, posix=False)
    except ValueError:
        raise CommandError(f"The quotes behind {name} do not close.") from None

    def value(match: re.Match[str]) -> str:
        which = match[1]
        if which == "c":
            return str(len(words))
        if which == "*":
            return text.strip()
        if int(which) >= len(words):
            raise CommandError(f"{name} wants more behind it: there is no $arg{which}.")
        return words[int(which)]

    put_in_front(session, [_ARGUMENT.sub(value, line) for line in defined.lines])


COMMANDS = (
    Command(
        "define",
        (),
        "NAME",
        "Make a command of your own of the lines up to end.",
        define,
        "session",
        "$arg0, $arg1, … in them are the words behind its name, $arg* all of them, $argc how many. "
        "It goes before a command of dr6 of that name.",
        needs="",
        opens=True,
    ),
    Command(
        "document",
        (),
        "NAME",
        "What help says of a command of your own: the lines up to end.",
        document,
        "session",
        needs="",
        opens=True,
    ),
)
