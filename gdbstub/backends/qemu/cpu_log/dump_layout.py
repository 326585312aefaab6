"""Where in one dump of registers each of them stands, learned from a dump of that shape.

Formats: ``x86_cpu_dump_state`` and ``cpu_x86_dump_seg_cache`` of QEMU's target/i386/cpu-dump.c (7.2 and 10.0 print the
same). Widths differ with the CPU's mode, and a segment that is not present has a shorter line; what has the same length
and the same labels in the same places has the same layout. A body is a dump without the ``RAX=`` or ``EAX=`` in front.
"""

from __future__ import annotations

import re
from typing import NamedTuple

WIDE = ("rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", *(f"r{number}" for number in range(8, 16)))
NARROW = ("rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp")
SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs", "ldt", "tr")
LABEL = 4
"""Bytes in front of a value that tell which one it is."""
LAST = b"\nEFER="
LAST_LINE = len(LAST) + 17
"""With its value and the newline behind it."""


class DumpField(NamedTuple):
    """``digits`` hexadecimal ones from ``start`` of a body on."""

    name: str
    start: int
    digits: int


class DumpLayout(NamedTuple):
    """``general`` are the registers that change all the time, ``system`` the others; ``labels`` are places of a body
    and what stands there in every body of this layout."""

    length: int
    wide: bool
    general: tuple[DumpField, ...]
    system: tuple[DumpField, ...]
    labels: tuple[tuple[int, int], ...]


def _value(name: str, digits: str) -> str:
    return f"(?P<{name}>[0-9a-f]{{{digits}}})"


def _printed(name: str, wide: bool) -> str:
    """As QEMU writes it in front of ``=``."""
    return f"{name.upper():3}" if wide else f"E{name[1:].upper()}"


def _pattern(wide: bool) -> re.Pattern[bytes]:
    digits, either = ("16" if wide else "8"), "(?:[0-9a-f]{8}){1,2}+"
    names = WIDE if wide else NARROW
    general = "".join(rf"\s{_printed(name, wide)}={_value(name, digits)}" for name in names)
    flags = r" \[[^\]\n]{7}\] CPL=[0-3] II=[01] A20=[01] SMM=[01] HLT=[01]\n"
    segments = "".join(
        rf"{name.upper():3}={_value(name, '4')} (?P<{name}_base>{either}) {_value(f'{name}_limit', '8')} "
        rf"{_value(f'{name}_attributes', '8')}[^\n]{{0,40}}\n"
        for name in SEGMENTS
    )
    tables = "".join(
        rf"{name.upper()}= +(?P<{name}_base>{either}) {_value(f'{name}_limit', '8')}\n" for name in ("gdt", "idt")
    )
    control = rf"CR0={_value('cr0', '8')} CR2=(?P<cr2>{either}) CR3=(?P<cr3>{either}) CR4={_value('cr4', '8')}\n"
    debug = " ".join(f"DR{number}={_value(f'dr{number}', '16')}" for number in range(4))
    debug = rf"{debug} ?\nDR6={_value('dr6', '16')} DR7={_value('dr7', '16')}\n"
    letter = "R" if wide else "E"
    head = rf"{_value('rax', digits)}{general}\s{letter}IP={_value('rip', digits)} "
    head += rf"{letter}FL={_value('rflags', '8')}{flags}"
    text = head + segments + tables + control + debug + rf"(?:CCS=[^\n]{{0,80}}\n)?EFER={_value('efer', '16')}\n"
    return re.compile(text.encode())


_PATTERNS = {wide: _pattern(wide) for wide in (True, False)}


def learn(body: bytes, wide: bool) -> DumpLayout | None:
    """The layout of this body; None for what is none. ``wide``: it is one that begins with ``RAX=``."""
    match = _PATTERNS[wide].fullmatch(body)
    if match is None:
        return None
    general = (*(WIDE if wide else NARROW), "rax", "rip", "rflags")
    fields = [DumpField(name, match.start(name), match.end(name) - match.start(name)) for name in match.groupdict()]
    labels: dict[int, int] = {}
    for _, start, digits in fields:
        for at in (*range(max(0, start - LABEL), start), start + digits):
            labels[at] = body[at]
    return DumpLayout(
        len(body),
        wide,
        tuple(field for field in fields if field.name in general),
        tuple(field for field in fields if field.name not in general),
        tuple(sorted(labels.items())),
    )
