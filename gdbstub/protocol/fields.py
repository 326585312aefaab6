"""The small change of the remote protocol: hex, register values, thread ids, ``key:value`` lists, escapes.

Each decoder raises `RemoteProtocolError` (mostly `BadField`) and nothing else, whatever the bytes; each encoder is its
inverse.
Sources: gdb manual, "Packets" and "Overview" of the remote serial protocol.
"""

from __future__ import annotations

import re
from binascii import hexlify, unhexlify
from collections.abc import Iterable
from typing import NamedTuple

from gdbstub.errors import BadField, RemoteProtocolError

ALL = -1
"""Every process, or every thread, in a `ThreadId`."""
ANY = 0
"""Whichever the stub likes, in a `ThreadId`."""

_NUMBER = re.compile(rb"[0-9a-fA-F]{1,16}\Z")
_ESCAPED = re.compile(rb"\}(.?)", re.DOTALL)
_TO_ESCAPE = re.compile(rb"[#$}*]")
_LONGEST_SHOWN = 48


def shown(text: bytes) -> str:
    """``text`` as printable ASCII for a message, cut to a readable length; never a control character."""
    cut = text[:_LONGEST_SHOWN]
    body = "".join(chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}" for byte in cut)
    return f"'{body}{'…' if len(text) > len(cut) else ''}'"


def encode_hex(data: bytes) -> bytes:
    """Two lower-case digits a byte."""
    return hexlify(data)


def decode_hex(text: bytes) -> bytes:
    """The bytes that an even number of hex digits spells."""
    try:
        return unhexlify(text)
    except ValueError:
        raise BadField(shown(text), "hex bytes belong") from None


def encode_number(value: int) -> bytes:
    """An address, a length or a register number: hex, most significant digit first, no leading zeros."""
    return b"%x" % value


def decode_number(text: bytes) -> int:
    """One to sixteen hex digits, most significant first."""
    if not _NUMBER.match(text):
        raise BadField(shown(text), "a hex number belongs")
    return int(text, 16)


def encode_register(value: int, size: int) -> bytes:
    """``value`` as ``size`` bytes in the target's order (little-endian), in hex; too wide a value is cut."""
    return hexlify((value & ((1 << 8 * size) - 1)).to_bytes(size, "little"))


def decode_register(text: bytes) -> int | None:
    """The value of a register's hex bytes, or None for ``xx…``: the stub does not have it."""
    if text and not text.strip(b"xX"):
        return None
    return int.from_bytes(decode_hex(text), "little")


class ThreadId(NamedTuple):
    """A thread as packets name it; ``process`` is None without the multiprocess extension.

    Either part may be `ALL` or `ANY`. A stub that numbers threads from 0 (gdbsx) makes its first one look
    like `ANY`; who talks to such a stub must know.
    """

    process: int | None
    thread: int

    @classmethod
    def parse(cls, text: bytes) -> ThreadId:
        """``1f``, ``-1``, ``p1.1f``, ``p1.-1``, ``p1`` (every thread of process 1), ``p-1`` (everything)."""
        if not text.startswith(b"p"):
            return cls(None, _part(text))
        process, dot, thread = text[1:].partition(b".")
        return cls(_part(process), _part(thread) if dot else ALL)

    def format(self) -> bytes:
        """The shortest form that `parse` reads back."""
        if self.process is None:
            return _format_part(self.thread)
        return b"p" + _format_part(self.process) + b"." + _format_part(self.thread)


def _part(text: bytes) -> int:
    return ALL if text == b"-1" else decode_number(text)


def _format_part(value: int) -> bytes:
    return b"-1" if value == ALL else b"%x" % value


def decode_pairs(text: bytes) -> list[tuple[str, str]]:
    """``key:value;…`` in order; a value may be empty, a semicolon at the end is allowed."""
    pairs = []
    for item in text.split(b";"):
        if not item:
            continue
        key, colon, value = item.partition(b":")
        if not colon or not key:
            raise BadField(shown(item), "'key:value' belongs")
        pairs.append((key.decode("latin-1"), value.decode("latin-1")))
    return pairs


def encode_pairs(pairs: Iterable[tuple[str, str]]) -> bytes:
    """The twin of `decode_pairs`, each pair closed by its semicolon."""
    return "".join(f"{key}:{value};" for key, value in pairs).encode("latin-1")


def escape(data: bytes) -> bytes:
    """Hide the bytes that frames are made of; ``*`` too, since QEMU expands run lengths in requests."""
    if len(data.translate(None, b"#$}*")) == len(data):
        return data
    return _TO_ESCAPE.sub(lambda found: b"}%c" % (found[0][0] ^ 0x20), data)


def unescape(data: bytes) -> bytes:
    """The twin of `escape`, for any byte that was hidden behind a ``}``."""

    def reveal(found: re.Match[bytes]) -> bytes:
        if not found[1]:
            raise RemoteProtocolError("A packet ends in the middle of an escape.")
        return b"%c" % (found[1][0] ^ 0x20)

    return _ESCAPED.sub(reveal, data)
