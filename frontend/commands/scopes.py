"""``ptype``, ``whatis``, and what ``info`` says of source and scopes: line, locals, args, functions, address."""

from __future__ import annotations

import re
from functools import partial

from frontend.clean import clean
from frontend.commands.debug_info import symbols_in
from frontend.commands.guest_names import MORE
from frontend.commands.parser import parse
from frontend.commands.session import Session
from frontend.commands.source_lines import places_of
from frontend.commands.source_place import selected_place
from frontend.commands.subject import Subject
from frontend.commands.table import Arguments, Command, CommandError
from frontend.symbols.engine import Locals, NamedValue
from gdbstub.errors import BadExpression

MOST_NAMES = 400


async def ptype(session: Session, arguments: Arguments) -> None:
    await _type(session, arguments.text, whole=True)


async def whatis(session: Session, arguments: Arguments) -> None:
    await _type(session, arguments.text, whole=False)


async def _type(session: Session, text: str, *, whole: bool) -> None:
    if not text:
        raise CommandError("A type or an expression is missing.")
    from frontend.commands.typed import Scope, type_text

    registers, frame = await session.frame_scope()
    in_kernel = session.slide.kernel in session.debug_info.files
    try:
        symbols = symbols_in(parse(text), session.symbol)
    except BadExpression:  # only a type: `struct point`
        symbols = {}
    scope = Scope({}, registers if in_kernel else None, frame, symbols, session.debugger.cpu)
    said = await session.debug_info.ask(lambda program: type_text(program, text, parse, scope, whole=whole))
    for number, line in enumerate(said.splitlines()):
        session.out(f"type = {clean(line)}" if number == 0 else clean(line))


async def _scope(session: Session) -> Locals:
    from frontend.symbols.drgn_traces import variables

    registers, frame = await session.frame_scope()
    await session.debug_info.prepare()
    if session.debug_info.kernel not in session.debug_info.files and session.debug_info.guest.table is not None:
        raise CommandError(f"Of this kernel there is only what the guest says of itself; {MORE}")
    return await session.debug_info.ask(partial(variables, registers=registers, number=frame))


def _say(session: Session, values: tuple[NamedValue, ...], none: str) -> None:
    for one in values:
        session.out(f"{clean(one.name)} = {one.text}")
    if not values:
        session.out(none)


async def locals_(session: Session, text: str) -> None:
    _say(session, (await _scope(session)).locals, "No locals.")


async def arguments_(session: Session, text: str) -> None:
    _say(session, (await _scope(session)).parameters, "No arguments.")


async def scope(session: Session, text: str) -> None:
    """The names that are in scope where the frame stands, with their types."""
    found = await _scope(session)
    for what, values in (("parameter", found.parameters), ("local", found.locals)):
        for one in values:
            session.out(f"Symbol {clean(one.name)} is a {what} of type {clean(one.type)}.")
    if not found.parameters and not found.locals:
        session.out("No locals in this scope.")


async def line(session: Session, text: str) -> None:
    """``info line [N | LOCATION]``."""
    if text.isdigit() and (near := await selected_place(session)) is not None:
        text = f"{near.file}:{text}"
    if text and (places := await places_of(session.symbols, text)) is not None:
        for one in places:
            span = await session.source.at(one.address)
            ends = "" if span is None else f" and ends at {session.place(span.last)}"
            session.out(f'Line {one.line} of "{clean(one.file)}" starts at address {session.place(one.address)}{ends}.')
        return
    address = await session.location(text) if text else (await session.state()).pc
    span = await session.source.at(address)
    if span is not None:
        which = f'Line {span.line} of "{clean(span.file)}"'
        session.out(f"{which} starts at address {session.place(span.first)} and ends at {session.place(span.last)}.")
    if span is not None and session.debug_info.why_not():
        return
    await _inlined(session, address, 0 if span is None else 1)


async def _inlined(session: Session, address: int, said: int) -> None:
    """The functions that an address is inlined into, as debug information has them, the innermost first; ``said`` of
    them are known already."""
    from frontend.symbols.drgn_traces import lines

    found = await session.debug_info.ask(lambda program: lines(program, address))
    if not found and not said:
        session.out(f"No line number information available for address {session.place(address)}.")
    for here in found[said:]:
        function = f" in {clean(here.function)}" if here.function else ""
        inlined = ", inlined" if said else f", at {session.place(address)}"
        session.out(f'Line {here.line} of "{clean(here.file)}"{function}{inlined}.')


async def functions(session: Session, text: str) -> None:
    """``info functions REGEXP``."""
    try:
        wanted = re.compile(text)
    except re.error as error:
        raise CommandError(f"{clean(text)} is no regular expression: {error}.") from error
    await session.debug_info.prepare()
    found = [one for one in session.symbols.functions() if wanted.search(one.name)]
    session.out(f'All functions matching regular expression "{clean(text)}":' if text else "All functions:")
    for one in found[:MOST_NAMES]:
        session.out(f"{one.address:#018x}  {one.name}")
    if len(found) > MOST_NAMES:
        session.out(f"({len(found) - MOST_NAMES} more; a longer expression finds fewer)")


async def address(session: Session, text: str) -> None:
    """``info address SYMBOL``."""
    if session.symbols.find(text) is None:
        await session.debug_info.prepare()
    symbol = session.symbols.find(text)
    if symbol is None:
        raise CommandError(f'No symbol "{clean(text)}" in current context.')
    what = {
        "function": "a function at address",
        "object": "static storage at address",
        "label": "at address",
        "per-cpu": "a per-CPU variable at offset",
        "absolute": "the number",
    }[symbol.kind]
    session.out(f'Symbol "{symbol.name}" is {what} {symbol.address:#x}.')


SUBJECTS = (
    Subject("line", (), "The source of an address, or the addresses of FILE:LINE.", line),
    Subject("locals", (), "The local variables of the frame that is looked at.", locals_),
    Subject("args", (), "The arguments of the frame that is looked at.", arguments_),
    Subject("scope", (), "The names in scope, with their types.", scope),
    Subject("functions", ("fun",), "The functions whose names match a regular expression.", functions, False),
    Subject("address", (), "Where a symbol is.", address, False),
)
COMMANDS = (
    Command("ptype", (), "TYPE | EXPRESSION", "Show a type's definition, or that of an expression's.", ptype, "data"),
    Command("whatis", (), "TYPE | EXPRESSION", "Name the type of an expression.", whatis, "data"),
)
