"""``x``, ``print``, ``find``, ``printf``, ``echo``: looking at memory and values."""

from __future__ import annotations

from frontend.commands.debug_info import as_value
from frontend.commands.expressions import parse
from frontend.commands.memory_format import (
    LONGEST_STRING,
    Layout,
    format_value,
    instruction_line,
    instructions,
    memory_lines,
    parse_format,
    string_line,
)
from frontend.commands.session import Session
from frontend.commands.table import Arguments, Command, CommandError
from frontend.commands.values import CType, Value
from gdbstub.errors import Refused
from gdbstub.x86.decode import LONGEST as LONGEST_INSTRUCTION

PAGE = 4096
MOST_HISTORY = 10_000
NO_MODE = (
    "How the code at {place} reads depends on the CPU mode, which this stub does not show; "
    "set architecture i8086, i386 or i386:x86-64 says it."
)


async def readable(session: Session, address: int, length: int) -> bytes:
    """Memory from ``address`` on, as much of ``length`` as can be read; at least one byte, or `Refused`."""
    try:
        return await session.read_memory(address, length)
    except Refused as refused:
        data = b""
        while len(data) < length:
            here = address + len(data)
            part = min(PAGE - here % PAGE, length - len(data))
            try:
                data += await session.read_memory(here, part)
            except Refused:
                break
        if not data:
            raise CommandError(f"Cannot access memory at address {address:#x}.") from refused
        return data


async def examine(session: Session, address: int, layout: Layout, count: int) -> tuple[list[str], int]:
    """The lines of ``x`` and the address behind what they show. Stops before memory that cannot be read."""
    if layout.letter == "i":
        return await _examine_code(session, address, count)
    if layout.letter == "s":
        return await _examine_strings(session, address, count)
    size = layout.size
    if count < 0:
        address, count = address + count * size, -count
    data = await readable(session, address, count * size)
    lines = memory_lines(data, address, layout, session.symbols.text)
    got = len(data) // size
    if got:
        last = int.from_bytes(data[(got - 1) * size : got * size], "little")
        session.remember(address + (got - 1) * size, last, Value(0, CType(size)))
    if got < count:
        lines.append(f"Cannot access memory at address {address + got * size:#x}.")
    return lines, address + got * size


async def _examine_code(session: Session, address: int, count: int) -> tuple[list[str], int]:
    state = await session.state()
    if count < 0:
        raise CommandError("x86 code cannot be read backwards; give an address before it.")
    data = await readable(session, address, count * LONGEST_INSTRUCTION)
    lines = []
    end = address + len(data)
    for found in instructions(data, address, state.code_mode, count):
        lines.append(instruction_line(found, state.pc, session.symbols.text))
        address = found.address + len(found.bytes)
    if len(lines) < count and address < end and state.code_mode is None:
        lines.append(NO_MODE.format(place=session.place(address)))
    elif len(lines) < count:
        lines.append(f"Cannot access memory at address {address:#x}.")
    return lines, address


async def _examine_strings(session: Session, address: int, count: int) -> tuple[list[str], int]:
    lines = []
    for _ in range(abs(count)):
        data = await readable(session, address, LONGEST_STRING + 1)
        line, length = string_line(data, address, session.symbols.text)
        lines.append(line)
        address += length
    return lines, address


async def x(session: Session, arguments: Arguments) -> None:
    given = parse_format(arguments.format)
    layout = session.layout.take(given)
    if arguments.text:
        address = (await session.evaluate(arguments.text)).address
    elif session.next_address is not None:
        address = session.next_address
    else:
        address = (await session.state()).pc
    lines, following = await examine(session, address, layout, given.repeat or 1)
    session.layout = layout if layout.letter not in ("s", "i") else Layout(layout.letter, session.layout.unit)
    session.next_address = following
    for line in lines:
        session.out(line)


async def print_(session: Session, arguments: Arguments) -> None:
    given = parse_format(arguments.format)
    if given.repeat or given.unit:
        raise CommandError("print takes only a format letter, as in print/x; use x for counts and units.")
    node = parse(arguments.text or "$")
    typed = await session.debug_info.value(node, session, given.letter)
    value = await session.evaluate_node(node) if typed is None else as_value(typed)
    text = format_value(value, given.letter, session.symbols.text) if typed is None else typed.text
    session.history.append(value)
    if typed is not None:
        session.debug_info.history[str(len(session.history))] = typed
    if len(session.history) > MOST_HISTORY:
        raise CommandError(f"The history is full with {MOST_HISTORY} values; use output or printf.")
    session.out(f"${len(session.history)} = {text}")


async def output(session: Session, arguments: Arguments) -> None:
    node, letter = parse(arguments.text), parse_format(arguments.format).letter
    typed = await session.debug_info.value(node, session, letter)
    if typed is not None:
        session.out(typed.text)
        return
    session.out(format_value(await session.evaluate_node(node), letter, session.symbols.text))


COMMANDS = (
    Command(
        "x",
        (),
        "[/NFU] [ADDRESS]",
        "Examine memory: N units in format F (x d u o t a c f s i z) of size U (b h w g).",
        x,
        "data",
        "Without an address it goes on where the last x ended. $_ is the last address, $__ what was there.",
        repeat="bare",
        completes="location",
        slash=True,
    ),
    Command(
        "print",
        ("p", "inspect", "call"),
        "[/F] [EXPRESSION]",
        "Print the value of a C-like expression over registers, symbols and memory.",
        print_,
        "data",
        "Values are kept as $1, $2, …; $ is the last. Memory is read by *ADDR, *(u32*)ADDR or {u32}ADDR. "
        "Sub-registers such as $eax count as unsigned.",
        completes="location",
        slash=True,
    ),
    Command(
        "output",
        (),
        "[/F] EXPRESSION",
        "Print a value without keeping it in the history.",
        output,
        "data",
        completes="location",
        slash=True,
    ),
)
