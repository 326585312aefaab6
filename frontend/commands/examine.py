"""``x``, ``print``, ``find``, ``printf``, ``echo``: looking at memory and values."""

from __future__ import annotations

import re

from frontend.clean import clean
from frontend.commands.table import Arguments, Command, CommandError
from frontend.memory_format import (
    LONGEST_STRING,
    MOST,
    UNITS,
    Layout,
    format_value,
    instruction_line,
    instructions,
    memory_lines,
    parse_format,
    string_line,
)
from frontend.session import Session
from frontend.values import CType, Value
from gdbstub.errors import Refused
from gdbstub.x86.decode import LONGEST as LONGEST_INSTRUCTION

PAGE = 4096
MOST_HISTORY = 10_000


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
    for found in instructions(data, address, state.mode, count):
        lines.append(instruction_line(found, state.pc, session.symbols.text))
        address = found.address + len(found.bytes)
    if len(lines) < count:
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
        value = await session.evaluate(arguments.text.removeprefix("*") if given.letter == "i" else arguments.text)
        address = value.address
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
    value = await session.evaluate(arguments.text or "$")
    text = format_value(value, given.letter, session.symbols.text)
    session.history.append(value)
    if len(session.history) > MOST_HISTORY:
        raise CommandError(f"The history is full with {MOST_HISTORY} values; use output or printf.")
    session.out(f"${len(session.history)} = {text}")


async def output(session: Session, arguments: Arguments) -> None:
    value = await session.evaluate(arguments.text)
    session.out(format_value(value, parse_format(arguments.format).letter, session.symbols.text))


_ESCAPE = re.compile(r"\\([0-7]{1,3}|.)", re.DOTALL)
_NAMED = {"n": "\n", "t": "\t", "\\": "\\", '"': '"', "a": "", "e": "", "r": ""}


def unescape(text: str) -> str:
    """C's escapes; those that would control the terminal vanish or are shown."""

    def one(match: re.Match[str]) -> str:
        code = match[1]
        return chr(int(code, 8) & 0xFF) if code.isdigit() else _NAMED.get(code, code)

    return _ESCAPE.sub(one, text)


def _print_lines(session: Session, text: str) -> None:
    for line in text.removesuffix("\n").split("\n"):
        session.out(clean(line.expandtabs()))


async def echo(session: Session, arguments: Arguments) -> None:
    _print_lines(session, unescape(arguments.text))


_CONVERSION = re.compile(r"%(?P<flags>[-0#]*)(?P<width>\d{0,3})(?P<length>hh|h|ll|l|z)?(?P<kind>[diouxXcsp%])")


async def printf(session: Session, arguments: Arguments) -> None:
    """The format is C's, without floating point; ``%s`` reads a string from guest memory."""
    match = re.match(r'"((?:\\.|[^"\\])*)"\s*(?:,(.*))?$', arguments.text, re.DOTALL)
    if match is None:
        raise CommandError('printf needs a format in double quotes, as in printf "%x\\n", $rax.')
    given = split_arguments(match[2] or "")
    values = [await session.evaluate(text) for text in given]
    pieces: list[str] = []
    end = 0
    text = match[1]
    for found in _CONVERSION.finditer(text):
        pieces.append(unescape(text[end : found.start()]))
        end = found.end()
        if found["kind"] == "%":
            pieces.append("%")
            continue
        if not values:
            raise CommandError("printf has fewer values than its format asks for.")
        pieces.append(await _convert(session, found, values.pop(0)))
    if values:
        raise CommandError("printf has more values than its format asks for.")
    _print_lines(session, "".join(pieces) + unescape(text[end:]))


async def _convert(session: Session, found: re.Match[str], value: Value) -> str:
    kind = found["kind"]
    if kind == "s":
        data = await readable(session, value.address, LONGEST_STRING)
        text = data.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")
    elif kind == "c":
        text = chr(value.address & 0xFF)
    elif kind == "p":
        text = f"{value.address:#x}"
    else:
        size = {"hh": 1, "h": 2, None: 4}.get(found["length"], 8)
        number = CType(size, kind in "di").wrap(value.number)
        sharp = "#" if "#" in found["flags"] else ""
        text = format(number, sharp + {"i": "d", "u": "d"}.get(kind, kind))
    width = int(found["width"] or 0)
    if "-" in found["flags"]:
        return text.ljust(width)
    return text.zfill(width) if "0" in found["flags"] and kind not in "sc" else text.rjust(width)


def split_arguments(text: str) -> list[str]:
    """Split at commas that are in no bracket and no quotes; empty text gives no arguments."""
    parts, depth, start = [], 0, 0
    quote = ""
    for index, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    parts.append(text[start:])
    return [part.strip() for part in parts] if text.strip() else []


async def find(session: Session, arguments: Arguments) -> None:
    """gdb's ``find [/SIZE-CHAR] [/MAX] START, +LENGTH|END, VALUE…``; values are numbers or "strings"."""
    given = parse_format(arguments.format)
    parts = split_arguments(arguments.text)
    if len(parts) < 3:
        raise CommandError("find needs a start, an end (or +length) and at least one value.")
    start = (await session.evaluate(parts[0])).address
    if parts[1].startswith("+"):
        length = (await session.evaluate(parts[1][1:])).address
    else:
        length = (await session.evaluate(parts[1])).address - start + 1
    if not 0 < length <= 1 << 30:
        raise CommandError("find looks through 1 byte to 1 GiB; check the range.")
    pattern = b"".join([await _pattern(session, part, given.unit) for part in parts[2:]])
    found = await _search(session, start, length, pattern, given.repeat or MOST)
    for address in found:
        session.out(session.place(address))
    if found:
        session.remember(found[-1], pattern[0], Value(0, CType(1)))
    count = "Pattern not found" if not found else f"{len(found)} pattern{'s' * (len(found) > 1)} found"
    session.out(f"{count}.")


async def _pattern(session: Session, text: str, unit: str) -> bytes:
    if len(text) > 1 and text[0] == text[-1] == '"':
        return unescape(text[1:-1]).encode("latin-1", "replace")
    value = await session.evaluate(text)
    size = UNITS[unit] if unit else value.type.size
    return value.address.to_bytes(8, "little")[:size]


async def _search(session: Session, start: int, length: int, pattern: bytes, most: int) -> list[int]:
    """Every start of ``pattern``, overlapping ones too, in 64 KiB pieces."""
    if not pattern:
        raise CommandError("find needs a value that is not empty.")
    session.interrupted = False
    found: list[int] = []
    kept = b""
    at = start
    end = start + length
    while at < end and len(found) < most and not session.interrupted:
        part = await session.read_memory(at, min(65536, end - at))
        data = kept + part
        base = at - len(kept)
        index = data.find(pattern)
        while index >= 0 and len(found) < most:
            found.append(base + index)
            index = data.find(pattern, index + 1)
        kept = data[len(data) - len(pattern) + 1 :] if len(pattern) > 1 else b""
        at += len(part)
    return found


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
    Command(
        "find",
        (),
        "[/SIZE-CHAR] [/MAX] START, +LENGTH|END, VALUE…",
        "Search memory for numbers or strings.",
        find,
        "data",
        slash=True,
    ),
    Command("printf", (), '"FORMAT", VALUE…', "Print formatted, as in C.", printf, "data"),
    Command("echo", (), "TEXT", "Print a text; C's escapes are known.", echo, "data", needs=""),
)
