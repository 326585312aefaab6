r"""The printf of agent expressions: a format as it stands in C source, ``\t%d\n``, and integers.

Source: gdb manual, "Bytecode Descriptions", printf, and "Dynamic Printf". What has no meaning here (floating
point, ``*``, a width of more than three digits, a conversion without an argument) is printed as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from typing import Final, NamedTuple

from gdbstub.errors import GdbError, RemoteProtocolError
from gdbstub.protocol.agent.operations import MASK
from gdbstub.protocol.agent.requests import ReadMemory

LONGEST_STRING: Final = 200
"""Bytes that ``%s`` prints at most; gdb's own limit for strings, `print elements`, begins at the same."""
_CHUNK: Final = 64
"""Bytes read at a time, aligned, so that no read crosses into a page that the string does not reach."""


class Conversion(NamedTuple):
    """``%-8lx``: ``text`` as it stands, ``flags`` with width and precision, ``length`` (``l``), ``letter``."""

    text: bytes
    flags: bytes
    length: bytes
    letter: bytes


Piece = bytes | Conversion

_DIRECTIVE = re.compile(
    rb"%(?P<flags>[-+ #0]*\d{0,3}(?:\.\d{0,3})?)(?P<length>hh|h|ll|l|j|z|t|w|)(?P<letter>[diuxXocsp%aAeEfFgG])"
    rb"|\\(?P<escape>.)",
    re.DOTALL,
)
_BITS: Final = {b"hh": 8, b"h": 16, b"": 32} | dict.fromkeys((b"ll", b"l", b"j", b"z", b"t", b"w"), 64)
_ESCAPES: Final = {
    b"a": b"\a",
    b"b": b"\b",
    b"e": b"\x1b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
}


def read_format(text: bytes) -> tuple[Piece, ...]:
    """The pieces of a format that ends with its zero byte. Raises `RemoteProtocolError` where that is missing."""
    if not text.endswith(b"\0"):
        raise RemoteProtocolError("The client's expression has a printf whose format does not end with a zero byte.")
    return tuple(_pieces(text.partition(b"\0")[0]))


def _pieces(text: bytes) -> Iterator[Piece]:
    plain, end = bytearray(), 0
    for found in _DIRECTIVE.finditer(text):
        plain += text[end : found.start()]
        end = found.end()
        letter, escape = found["letter"], found["escape"]
        if escape is not None:
            plain += _ESCAPES.get(escape, escape)
        elif letter == b"%":
            plain += b"%"
        else:
            yield bytes(plain)
            plain.clear()
            yield Conversion(found[0], found["flags"], found["length"], letter)
    yield bytes(plain + text[end:])


def render(pieces: Iterable[Piece], arguments: Iterable[int]) -> Generator[ReadMemory, int, bytes]:
    """The text; arguments that are too many are dropped."""
    values = iter(arguments)
    parts = []
    for piece in pieces:
        if isinstance(piece, bytes):
            parts.append(piece)
            continue
        value = next(values, None)
        if value is None:
            parts.append(piece.text)
        elif piece.letter == b"s" and not piece.length:
            parts.append(_padded(piece.flags, (yield from _string(value))))
        else:
            parts.append(_number(piece, value))
    return b"".join(parts)


def _number(piece: Conversion, value: int) -> bytes:
    letter, flags, bits = piece.letter, piece.flags, _BITS[piece.length]
    cut = value & ((1 << bits) - 1)
    if letter in b"di":
        sign = 1 << (bits - 1)
        return (b"%" + flags + b"d") % ((cut ^ sign) - sign)
    if letter == b"c" and not piece.length:
        return _padded(flags, bytes([cut & 0xFF]))
    if letter == b"p":
        return _padded(flags, b"0x%x" % value)
    if letter in b"uxX" or (letter == b"o" and b"#" not in flags):
        return (b"%" + flags + letter) % cut
    return piece.text


def _padded(flags: bytes, text: bytes) -> bytes:
    return (b"%" + flags + b"s") % text


def _string(address: int) -> Generator[ReadMemory, int, bytes]:
    text = b""
    while len(text) < LONGEST_STRING:
        size = _CHUNK - address % _CHUNK
        try:
            number = yield ReadMemory(address, size)
        except GdbError:
            return text + b"<no memory at 0x%x>" % address
        chunk, zero, _ = (number & ((1 << 8 * size) - 1)).to_bytes(size, "little").partition(b"\0")
        text += chunk
        if zero:
            return text
        address = (address + size) & MASK
    return text[:LONGEST_STRING] + b"..."
