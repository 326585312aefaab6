"""``printf`` and ``echo``, and C's escapes."""

from __future__ import annotations

import re

from frontend.clean import clean
from frontend.commands.arguments import split_arguments
from frontend.commands.examine import readable
from frontend.commands.memory_format import LONGEST_STRING
from frontend.commands.session import Session
from frontend.commands.table import Arguments, Command, CommandError
from frontend.commands.values import CType, Value

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


COMMANDS = (
    Command("printf", (), '"FORMAT", VALUE…', "Print formatted, as in C.", printf, "data"),
    Command("echo", (), "TEXT", "Print a text; C's escapes are known.", echo, "data", needs=""),
)
