"""The text of a log, cut into dumps of registers and what stands between them. Strings in, strings out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from gdbstub.backends.qemu.cpu_log.dump_layout import LAST, LAST_LINE

MARK = b"AX="
"""Each dump has it once, in its first line, behind an R (64-bit code) or an E."""
MOST_PENDING = 1 << 20
"""Bytes that wait for the next mark."""
_HEAD = re.compile(rb"^ *\d{1,10}: v=[0-9a-f]{2} [^\n]{1,400}$", re.MULTILINE)
_CODE = re.compile(rb"^IN:[^\n]*\n((?:0x[0-9a-f]{8,16}:  [^\n]*\n)+)", re.MULTILINE)
_LINE = re.compile(rb"^0x([0-9a-f]{8,16}):  ((?:[0-9a-f]{2}(?: |$))+)", re.MULTILINE)
_INTERRUPT = re.compile(rb"^Servicing (?:virtual )?hardware INT=", re.MULTILINE)
_SMM = re.compile(rb"^SMM: (?:enter|after RSM)$", re.MULTILINE)


class Translated(NamedTuple):
    """An instruction that QEMU has just read from the guest's memory, at a linear address."""

    address: int
    code: bytes


@dataclass(slots=True)
class Between:
    """What stands in front of dump number ``at`` of its batch. ``head``: the first line of an exception, to which that
    dump belongs then; ``interrupt``: it is one of the interrupt controller's. ``aside``: the dump is none of an
    instruction, for another reason."""

    at: int
    head: bytes | None = None
    interrupt: bool = False
    aside: bool = False
    translated: list[Translated] = field(default_factory=list)


class Cut(NamedTuple):
    """Dumps without their ``RAX=``, ``wide`` where it was that; and what stands between them."""

    bodies: list[bytes]
    wide: list[bool]
    between: list[Between]


class Cutter:
    """Takes the log as it comes, cut anywhere."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes, *, last: bool = False) -> Cut:
        """The dumps that are complete. A dump is when the next one begins, or with ``last``."""
        first, *rest = (self._pending + data).split(MARK)
        found = Cut([], [], [])
        if not rest:
            self._pending = first[-MOST_PENDING:]
            return found
        text, letter = first[:-1], first[-1:]
        end = len(rest) if last else len(rest) - 1
        for part in rest[:end]:
            if text:
                found.between.append(_between(len(found.bodies), text))
            size = part.find(LAST) + LAST_LINE
            if size < LAST_LINE:  # cut off: there is no last line
                size = len(part) - 1
            found.bodies.append(part[:size])
            found.wide.append(letter == b"R")
            text, letter = part[size:-1], part[-1:]
        # a text in front of the dump that is not complete yet comes with it
        self._pending = b"" if last else text + letter + MARK + rest[-1][-MOST_PENDING:]
        if last and text:
            found.between.append(_between(len(found.bodies), text + letter))
        return found


def _between(at: int, text: bytes) -> Between:
    found = Between(at)
    heads = _HEAD.findall(text)
    found.head = heads[-1] if heads else None
    found.interrupt = _INTERRUPT.search(text) is not None
    found.aside = bool(heads) or _SMM.search(text) is not None
    for block in _CODE.findall(text):
        lines = _LINE.findall(block)
        if lines:
            code = b"".join(digits for _, digits in lines).replace(b" ", b"")
            found.translated.append(Translated(int(lines[0][0], 16), bytes.fromhex(code.decode())))
    return found
