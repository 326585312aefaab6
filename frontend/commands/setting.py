"""``set``: registers, memory, convenience variables; settings of gdb that scripts begin with hold, or are refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from frontend.commands.expressions import Node, Read, parse, read_type
from frontend.commands.nodes import Variable
from frontend.commands.registers import merged
from frontend.commands.session import Session
from frontend.commands.source_listing import list_size, step_into_handlers, substitute_path
from frontend.commands.table import Arguments, Command, CommandError, number
from frontend.commands.undoing import write_memory, write_register
from frontend.commands.values import CType, Value, binary
from gdbstub.errors import BadExpression
from gdbstub.x86.registers import Mode

MOST_STOPS = 1_000_000


THEMES = ("dark", "light", "high-contrast", "none")
"""Of a screen: for terminals whose background is dark or light; without dim or pale text; without colours."""


class Fixed(NamedTuple):
    """A setting of gdb that cannot be changed here: the values that hold, as a pattern, and what to say to others."""

    holds: str
    why: str


FIXED = {
    "pagination": Fixed("off", "There are no pages: all that a command says is shown, and the screen scrolls."),
    "height": Fixed("0|unlimited", "There are no pages: all that a command says is shown, and the screen scrolls."),
    "width": Fixed("0|unlimited", "Lines are not folded; the screen wraps them to its own width."),
    "logging": Fixed("off|enabled off", "No log is written: record FILE keeps the stops, dr6 --record FILE it all."),
    "style": Fixed("enabled off", "Colours are the terminal's own; NO_COLOR=1 in the environment leaves them out."),
    "verbose": Fixed("off", "dr6 has nothing more to say than it says."),
    "disassembly-flavor": Fixed("intel", "Instructions are written in Intel syntax only."),
    "osabi": Fixed(".*", ""),
}

SETTINGS: dict[str, Callable[[Session, str], None]] = {
    "substitute-path": substitute_path,
    "listsize": list_size,
    "step-into-handlers": step_into_handlers,
}

ARCHITECTURES: dict[str, Mode | None] = {"auto": None, "i8086": 16, "i386": 32, "i386:x86-64": 64}
"""gdb's names, each with ``:intel`` behind it, too."""

_ASSIGNMENT = re.compile(
    r"(?P<target>.*?[^=!<>+\-*/&|^%])\s*(?P<operator><<|>>|[-+*/&|^%])?=(?!=)(?P<value>.*)", re.DOTALL
)


async def set_(session: Session, arguments: Arguments) -> None:
    text = arguments.text.strip()
    word, _, rest = text.partition(" ")
    if word in ("var", "variable"):
        text = rest.strip()
    elif word == "confirm":
        session.ask = rest.strip() != "off"
        return
    elif word == "architecture":
        set_architecture(session, rest.strip())
        return
    elif word == "theme":
        _set_theme(session, rest.strip())
        return
    elif word == "history":
        _keep(session, rest.strip())
        return
    elif word in SETTINGS:
        SETTINGS[word](session, rest.strip())
        return
    elif word in FIXED:
        if not re.fullmatch(FIXED[word].holds, rest.strip()):
            raise CommandError(FIXED[word].why)
        return
    match = _ASSIGNMENT.fullmatch(text)
    if match is None:
        raise CommandError("set needs an assignment: set $rax = 1, set {u32}0x1000 = 2, set $mine = 3.")
    if session.debugger.running:
        raise CommandError("set needs a stopped guest, and the guest is running; interrupt it first.")
    target = parse(match["target"])
    value = await session.evaluate(match["value"])
    if match["operator"]:
        value = binary(match["operator"], await session.evaluate_node(target), value)
    await _assign(session, target, match["target"].strip(), value)


def set_architecture(session: Session, name: str) -> None:
    """How code is read from now on. A CPU that does not show its mode is taken to be in that one."""
    known = name.removesuffix(":intel")
    if known not in ARCHITECTURES:
        raise CommandError(f"Only x86 is known; set architecture takes {', '.join(ARCHITECTURES)}.")
    session.debugger.set_architecture(ARCHITECTURES[known])


def _set_theme(session: Session, name: str) -> None:
    if name not in THEMES:
        raise CommandError(f"set theme takes {', '.join(THEMES)}.")
    if session.set_theme is None:
        raise CommandError("There are no colours here: themes are for the screen.")
    session.set_theme(name)


def _keep(session: Session, text: str) -> None:
    """``set history size N``, ``set history code N``."""
    name, _, count = text.partition(" ")
    if name not in ("size", "code"):
        raise CommandError(
            f"The history has a size and code: set history size N keeps N stops ({session.debugger.stops_kept} now), "
            f"set history code N the code and stack around N of them ({session.code_kept} now)."
        )
    most = number(count.strip(), "number of stops")
    if not 1 <= most <= MOST_STOPS:
        raise CommandError(f"The history can be 1 to {MOST_STOPS} stops long.")
    if name == "size":
        session.debugger.keep_stops(most)
    else:
        session.code_kept = most


async def _assign(session: Session, target: Node, text: str, value: Value) -> None:
    match target:
        case Variable(name):
            await _assign_variable(session, name, value)
        case Read(address, kind):
            where = await session.evaluate_node(address)
            await _assign_memory(session, where.address, kind or read_type(where), value)
        case _:
            raise BadExpression(f"{text} is no place: write $register, *(type*)ADDRESS or {{type}}ADDRESS.")


async def _assign_variable(session: Session, name: str, value: Value) -> None:
    if not name or name[0].isdigit() or name[0] == "$":
        raise BadExpression(f"${name} is a value of the history and cannot be set.")
    debugger = session.debugger
    if not debugger.ended:
        state = await session.state()
        target = merged(state, name, value.address)
        if target is not None:
            await write_register(session, state, *target)
            return
    session.variables[name] = value


async def _assign_memory(session: Session, address: int, kind: CType, value: Value) -> None:
    data = (value.address & ((1 << kind.size * 8) - 1)).to_bytes(kind.size, "little")
    await write_memory(session, address, data)


COMMANDS = (
    Command(
        "set",
        (),
        "$REGISTER = VALUE | {TYPE}ADDRESS = VALUE | $NAME = VALUE",
        "Change a register, memory, or a variable of your own.",
        set_,
        "data",
        "Operators such as += work too; undo takes it back. Writing a part of a register ($eax, $al) keeps the rest. "
        "Settings: confirm on|off; history size N, how many stops are kept (10000 at first): the oldest plain steps go "
        "before any event; history code N, of how many the screen keeps code and stack (500 at first), events again "
        "before steps; theme dark|light|high-contrast|none, the screen's colours; architecture "
        "auto|i8086|i386|i386:x86-64, how code is read: auto is as the CPU does, the "
        "others hold whatever it does, and tell the mode of one that does not show it; substitute-path FROM TO, where "
        "source files are (directory); listsize N, how many lines list shows; "
        "step-into-handlers on|off: do step, next and nexti end in a handler that they fault into? "
        "What gdb's scripts begin with "
        "(pagination off, width 0, …) is so anyway; other values are refused.",
        needs="",
        completes="location",
    ),
)
