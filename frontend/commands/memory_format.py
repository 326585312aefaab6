"""gdb's ``x/NFU`` and ``print/F``: how numbers and memory are written (gdb manual, "Output Formats").

`parse_format` reads the letters, `format_number` writes one number, `memory_lines` a block of memory.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from frontend.clean import clean
from frontend.commands.values import Value
from gdbstub.errors import BadExpression
from gdbstub.x86.decode import LONGEST as LONGEST_INSTRUCTION
from gdbstub.x86.decode import decode
from gdbstub.x86.instructions import Instruction
from gdbstub.x86.registers import Mode, flag_names

FORMATS = "xduotacfszi"
UNITS = {"b": 1, "h": 2, "w": 4, "g": 8}
MOST = 65536
"""Units that one ``x`` may show."""
LONGEST_STRING = 200

NameOf = Callable[[int], str]
"""`` <symbol+offset>`` for an address, or nothing."""


class Format(NamedTuple):
    """``repeat`` 0 and the empty strings mean: not given."""

    repeat: int = 0
    letter: str = ""
    unit: str = ""


def parse_format(text: str) -> Format:
    """The letters behind the slash: a count, a format and a unit in any order. Raises BadExpression."""
    match = re.fullmatch(r"(-?\d{1,7})?([a-z]*)", text)
    if match is None:
        raise BadExpression(f"{clean('/' + text)} is no format; write a count, a format letter and a unit, as in /4xg.")
    count = int(match[1]) if match[1] else 0
    if abs(count) > MOST:
        raise BadExpression(f"{abs(count)} units are too many; at most {MOST} can be shown at once.")
    letter = unit = ""
    for char in match[2]:
        if char in UNITS:
            unit = char
        elif char in FORMATS:
            letter = char
        else:
            raise BadExpression(f"{char!r} is no format ({' '.join(FORMATS)}) and no unit (b h w g).")
    return Format(count, letter, unit)


def format_number(number: int, size: int, letter: str, name_of: NameOf, *, padded: bool = False) -> str:
    """``number`` (the raw bits of ``size`` bytes) in one of gdb's formats; ``padded`` as ``x`` writes it."""
    signed = number - (1 << size * 8) if number >> (size * 8 - 1) else number
    match letter:
        case "x" | "z":
            return f"0x{number:0{size * 2}x}" if padded or letter == "z" else f"{number:#x}"
        case "d":
            return str(signed)
        case "u":
            return str(number)
        case "o":
            return f"0{number:0{(size * 8 + 2) // 3}o}" if padded else f"0{number:o}" if number else "0"
        case "t":
            return f"{number:0{size * 8}b}" if padded else f"{number:b}"
        case "a":
            return f"{number:#x}{name_of(number)}"
        case "c":
            low = number & 0xFF
            return f"{low - 256 if low > 127 else low} {character(low)}"
        case "f":
            return _floating(number, size)
    raise BadExpression(f"The format /{letter} does not fit here.")


def format_value(value: Value, letter: str, name_of: NameOf) -> str:
    """A value as ``print`` shows it: in the format asked for, else as its kind wants."""
    if letter in ("s", ""):
        match value.style:
            case "address":
                return f"{value.address:#x}{name_of(value.address)}"
            case "flags":
                return f"[ {' '.join((*flag_names(value.raw), ']'))}"
            case "hex":
                return f"{value.raw:#x}"
        return str(value.number)
    return format_number(value.raw, value.type.size, letter, name_of)


def character(code: int) -> str:
    """One byte in C's quotes, as gdb writes it."""
    return f"'{_ESCAPES.get(code) or _plain(code, chr(39))}'"


def string(data: bytes) -> str:
    """Bytes in C's double quotes; nothing in them can reach the terminal as a control."""
    return '"' + "".join(_ESCAPES.get(code) or _plain(code, '"') for code in data) + '"'


_ESCAPES = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 27: "\\033", 92: "\\\\"}


def _plain(code: int, quote: str) -> str:
    if 0x20 <= code < 0x7F:
        return "\\" + quote if chr(code) == quote else chr(code)
    return f"\\{code:03o}"


def _floating(number: int, size: int) -> str:
    code = {4: "<f", 8: "<d", 2: "<e"}.get(size)
    if code is None:
        return str(number)
    return f"{struct.unpack(code, number.to_bytes(size, 'little'))[0]:.9g}"


@dataclass(frozen=True, slots=True)
class Layout:
    """What ``x`` shows where nothing is given: the last format and unit, as gdb keeps them."""

    letter: str = "x"
    unit: str = "w"

    def take(self, given: Format) -> Layout:
        """This layout with what was given; ``a`` is a whole address, ``c`` a byte unless a unit says else."""
        letter = given.letter or self.letter
        unit = given.unit or ("g" if letter == "a" else "b" if letter == "c" and given.letter else self.unit)
        return replace(self, letter=letter, unit=unit)

    @property
    def size(self) -> int:
        return UNITS[self.unit]


PER_LINE = {1: 8, 2: 8, 4: 4, 8: 2}


def memory_lines(data: bytes, address: int, layout: Layout, name_of: NameOf) -> list[str]:
    """``data`` from ``address`` on, as many units as it holds, in gdb's lines."""
    size = layout.size
    step = size * PER_LINE[size]
    lines = []
    for start in range(0, len(data) // size * size, step):
        row = data[start : min(start + step, len(data) // size * size)]
        units = [int.from_bytes(row[at : at + size], "little") for at in range(0, len(row), size)]
        texts = [format_number(unit, size, layout.letter, name_of, padded=True) for unit in units]
        here = address + start
        lines.append(f"{here:#x}{name_of(here)}:\t" + "\t".join(texts))
    return lines


def string_line(data: bytes, address: int, name_of: NameOf) -> tuple[str, int]:
    """One NUL-terminated string of at most LONGEST_STRING bytes, and how far the next one is."""
    end = data.find(b"\0", 0, LONGEST_STRING)
    body = data[: LONGEST_STRING if end < 0 else end]
    more = "" if end >= 0 or len(body) < LONGEST_STRING else "..."
    return f"{address:#x}{name_of(address)}:\t{string(body)}{more}", len(body) + (end >= 0)


def instructions(data: bytes, address: int, mode: Mode | None, count: int) -> Iterator[Instruction]:
    """At most ``count`` instructions; a byte that is none of one is a ``(bad)`` of its own, as in objdump.
    Stops where ``data`` may end inside an instruction; in a mode that is not known (None), where modes read it
    differently."""
    at = 0
    while count > 0 and at < len(data):
        code = data[at : at + LONGEST_INSTRUCTION]
        found = decode(code, address + at, mode)
        if found is None and mode is None:
            return
        if found is None:
            found = Instruction(address + at, code[:1], "(bad)", "(bad)")
        yield found
        at += len(found.bytes)
        count -= 1


def instruction_line(
    instruction: Instruction, pc: int | None, name_of: NameOf, *, raw: bool = False, label: str | None = None
) -> str:
    """``=> 0x1000 <sym>:\\tnop`` as ``x/i`` and ``disassemble`` write it; ``label`` replaces the name."""
    address, code, text, _ = instruction
    arrow = "=> " if address == pc else "   "
    name = name_of(address) if label is None else label
    octets = f"{code.hex(' ')}\t" if raw else ""
    return f"{arrow}{address:#x}{name}:\t{octets}{clean(text)}"
