"""A kernel's table of its own symbols as scripts/kallsyms.c lays it out, in each of its forms."""

from __future__ import annotations

import struct
from typing import Literal, NamedTuple

Form = Literal["wide", "based", "per-cpu", "6.2", "6.4", "6.4 per-cpu", "7.0"]
FORMS: tuple[Form, ...] = ("wide", "based", "per-cpu", "6.2", "6.4", "6.4 per-cpu", "7.0")
TEXT = 0xFFFF_FFFF_9360_0000
TABLE = TEXT + 0x1_0000
"""Where the tables begin."""
TOKENS = (*(bytes([code]) if 32 < code < 127 else b"" for code in range(128)), b"sys_", b"read_", *(b"",) * 126)


class Name(NamedTuple):
    address: int
    letter: str
    name: str


def symbols(count: int = 9000, per_cpu: bool = False) -> list[Name]:
    """Some at one address, a long name among them; with an area of per-CPU ones in front."""
    front = [Name(0, "A", "__per_cpu_start"), Name(0x28, "A", "current_task"), Name(0x3000, "A", "__per_cpu_end")]
    rows = [Name(TEXT, "T", "_text"), Name(TEXT, "T", "_stext"), Name(TEXT + 8, "t", "read_" * 40)]
    rows += [Name(TEXT + 16 * (at // 2 + 1), "t", f"sys_read_{at}") for at in range(count - len(rows))]
    return (front if per_cpu else []) + rows


def image(form: Form, rows: list[Name]) -> bytes:
    """The bytes from `TEXT` on."""
    newer = form in ("6.4", "6.4 per-cpu", "7.0")
    names, markers = b"", []
    for at, row in enumerate(rows):
        if at % 256 == 0:
            markers.append(len(names))
        names += _compressed(row)
    index, table = [], b""
    for token in TOKENS:
        index.append(len(table))
        table += token + b"\0"
    tables = [
        struct.pack("<I", len(rows)),
        names,
        struct.pack(f"<{len(markers)}I", *markers),
        *([bytes(3 * len(rows))] if form == "6.2" else []),
        table,
        struct.pack("<256H", *index),
    ]
    if newer:
        at = TABLE + sum(map(len, map(_padded, tables)))
        tables += [_addresses(form, rows, at), *_base(form), bytes(3 * len(rows))]
    else:
        tables = [_addresses(form, rows, TABLE), *_base(form), *tables]
    return b"\xcc" * (TABLE - TEXT) + b"".join(map(_padded, tables)) + b"\xff" * 4096


def _base(form: Form) -> list[bytes]:
    return [] if form in ("wide", "7.0") else [struct.pack("<Q", TEXT)]


def _addresses(form: Form, rows: list[Name], place: int) -> bytes:
    if form == "wide":
        return struct.pack(f"<{len(rows)}Q", *(row.address for row in rows))
    if form == "7.0":
        return struct.pack(f"<{len(rows)}i", *(row.address - place - 4 * at for at, row in enumerate(rows)))
    if "per-cpu" in form:
        below = (row.address if row.address < TEXT else TEXT - 1 - row.address for row in rows)
        return struct.pack(f"<{len(rows)}i", *below)
    return struct.pack(f"<{len(rows)}I", *(row.address - TEXT for row in rows))


def _compressed(row: Name) -> bytes:
    """``sys_`` and ``read_`` become tokens; what is long has two bytes of length."""
    text = (row.letter + row.name).encode().replace(b"sys_", b"\x80")
    if len(row.name) < 100:  # so that a long one stays long
        text = text.replace(b"read_", b"\x81")
    length = len(text)
    return (bytes([length]) if length < 0x80 else bytes([length & 0x7F | 0x80, length >> 7])) + text


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)
