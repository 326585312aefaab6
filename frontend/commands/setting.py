"""``set``: registers, memory, convenience variables, and the few settings of gdb that scripts begin with."""

from __future__ import annotations

import re

from frontend.commands.expressions import Node, Read, Variable, parse, read_type
from frontend.commands.registers import merged
from frontend.commands.session import Session
from frontend.commands.table import Arguments, Command, CommandError
from frontend.commands.values import CType, Value, binary
from gdbstub.errors import BadExpression

WITHOUT_EFFECT = frozenset(
    ("pagination", "height", "width", "logging", "style", "verbose", "architecture", "disassembly-flavor", "osabi")
)
"""Settings of gdb that its scripts begin with and that mean nothing here."""

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
    elif word in WITHOUT_EFFECT:
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
        target = merged(await session.state(), name, value.address)
        if target is not None:
            await debugger.set_register(*target)
            return
    session.variables[name] = value


async def _assign_memory(session: Session, address: int, kind: CType, value: Value) -> None:
    data = (value.address & ((1 << kind.size * 8) - 1)).to_bytes(kind.size, "little")
    await session.debugger.write_memory(address, data)


COMMANDS = (
    Command(
        "set",
        (),
        "$REGISTER = VALUE | {TYPE}ADDRESS = VALUE | $NAME = VALUE",
        "Change a register, memory, or a variable of your own.",
        set_,
        "data",
        "Operators such as += work too. Writing a part of a register ($eax, $al) keeps the rest, as in gdb.",
        needs="",
        completes="location",
    ),
)
