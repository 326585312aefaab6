"""A small ELF file made of one executable segment and a symbol table, 64 or 32 bit."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple


class Entry(NamedTuple):
    """``kind`` is ELF's: 0 none, 1 object, 2 function."""

    name: bytes
    address: int
    size: int
    kind: int


def write_elf(
    path: Path,
    entries: list[Entry],
    code: bytes = b"\x90" * 64,
    base: int = 0x100000,
    physical: int | None = None,
    *,
    wide: bool = True,
) -> Path:
    """``base`` is the segment's linear address, ``physical`` (as ``base`` unless given) where it is loaded."""
    names, table = b"\0", bytearray(24 if wide else 16)
    for entry in entries:
        at, info = len(names), 0x10 | entry.kind
        names += entry.name + b"\0"
        if wide:
            table += struct.pack("<IBBHQQ", at, info, 0, 1, entry.address, entry.size)
        else:
            table += struct.pack("<IIIBBH", at, entry.address, entry.size, info, 0, 1)
    headers, program = (64, 56) if wide else (52, 32)
    section = 64 if wide else 40
    start = headers + program
    at_table, at_names = start + len(code), start + len(code) + len(table)
    titles = b"\0.text\0.symtab\0.strtab\0"
    at_titles = at_names + len(names)
    at_sections = at_titles + len(titles)
    fields = (base, base if physical is None else physical, len(code))
    ident = b"\x7fELF" + bytes((2 if wide else 1, 1, 1)) + bytes(9)
    machine = (2, 62 if wide else 3, 1)
    counts = (0, headers, program, 1, section, 4, 3)
    if wide:
        head = struct.pack("<16sHHIQQQIHHHHHH", ident, *machine, base, headers, at_sections, *counts)
        head += struct.pack("<IIQQQQQQ", 1, 5, start, *fields, fields[2], 1)
    else:
        head = struct.pack("<16sHHIIIIIHHHHHH", ident, *machine, base, headers, at_sections, *counts)
        head += struct.pack("<IIIIIIII", 1, start, *fields, fields[2], 5, 1)
    layout = "<IIQQQQIIQQ" if wide else "<IIIIIIIIII"
    sections = bytes(section)
    sections += struct.pack(layout, 1, 1, 6, base, start, len(code), 0, 0, 1, 0)
    sections += struct.pack(layout, 7, 2, 0, 0, at_table, len(table), 3, 1, 8, 24 if wide else 16)
    sections += struct.pack(layout, 15, 3, 0, 0, at_names, len(names), 0, 0, 1, 0)
    path.write_bytes(head + code + bytes(table) + names + titles + sections)
    return path
