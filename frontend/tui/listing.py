"""Code as lines: read from the guest, decoded, with the symbols that it bears. Reading is `read_code`; the rest is
plain data.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Protocol

from gdbstub.errors import Refused
from gdbstub.x86.decode import decode
from gdbstub.x86.instructions import Instruction
from gdbstub.x86.registers import Mode

CODE_BEFORE = 64
CODE_AFTER = 256
PAGE = 0x1000
LONGEST_INSTRUCTION = 15

_TARGET = re.compile(r"\b0x[0-9a-f]{4,16}$")
_BESIDE_RIP = re.compile(r"\[rip (?P<sign>[+-]) (?P<far>0x[0-9a-f]+|[0-9]+)\]")
_ABSOLUTE = re.compile(r"\[(?P<address>0x[0-9a-f]{4,16})\]")


class NameLookup(Protocol):
    """Names for linear addresses."""

    def nearest(self, address: int) -> tuple[str, int] | None:
        """The symbol at or below ``address``, and how far below."""


class Guest(Protocol):
    """The part of a debugger that code and stack are read through."""

    async def read_memory(self, address: int, length: int) -> bytes: ...


class CodeLine(NamedTuple):
    """One instruction; ``label`` is the symbol that begins here, ``target`` the symbol that it goes to (each
    may be empty). ``text`` is empty where the bytes are no instruction."""

    address: int
    bytes: bytes
    text: str
    label: str = ""
    target: str = ""


class CodeArea(NamedTuple):
    """The code around ``address``."""

    address: int
    where: str
    lines: tuple[CodeLine, ...]


def where(symbols: NameLookup, address: int) -> str:
    """``symbol+4``, as gdb writes it, or nothing where no symbol is near."""
    near = symbols.nearest(address)
    if near is None:
        return ""
    name, offset = near
    return f"{name}+{offset}" if offset else name


def disassemble(code: bytes, address: int, mode: Mode | None) -> tuple[Instruction, ...]:
    """``code`` from its first byte on; a byte that begins no instruction is a line of its own without text.
    What may be cut off at the end is left out; in a mode that is not known (None), all from where modes read it
    differently."""
    lines: list[Instruction] = []
    at = 0
    while at < len(code):
        found = decode(code[at : at + LONGEST_INSTRUCTION], address + at, mode)
        if found is None:
            if mode is None or len(code) - at < LONGEST_INSTRUCTION:
                break
            found = Instruction(address + at, code[at : at + 1], "", "")
        lines.append(found)
        at += len(found.bytes)
    return tuple(lines)


def before(code: bytes, address: int, mode: Mode | None, sure: int | None) -> tuple[Instruction, ...]:
    """The instructions of ``code`` that end exactly at its end.

    x86 code cannot be read backwards: any byte may begin an instruction. ``sure`` is an address where one is
    known to begin (a symbol, the instruction that ran last); without it the longest run that fits is taken,
    since decoding from a wrong start falls into step within a few instructions.
    """
    known = sure is not None and address <= sure < address + len(code)
    for start in range(len(code)) if sure is None or not known else (sure - address,):
        lines = disassemble(code[start:], address + start, mode)
        if lines and lines[-1].address + len(lines[-1].bytes) == address + len(code) and all(i.text for i in lines):
            return lines
    return ()


def named(instruction: Instruction, symbols: NameLookup | None) -> CodeLine:
    """The line of an instruction, with the symbols that are its label and its target."""
    if symbols is None:
        return CodeLine(instruction.address, instruction.bytes, instruction.text)
    near = symbols.nearest(instruction.address)
    goes_to = _TARGET.search(instruction.text)
    return CodeLine(
        instruction.address,
        instruction.bytes,
        instruction.text,
        near[0] if near is not None and near[1] == 0 else "",
        where(symbols, int(goes_to[0], 16)) if goes_to is not None else "",
    )


async def read_some(guest: Guest, address: int, length: int) -> bytes:
    """What can be read of ``length`` bytes from ``address`` on: all, those up to the page's end, or none."""
    for count in (length, min(length, PAGE - address % PAGE)):
        try:
            return await guest.read_memory(address, count)
        except Refused:
            continue
    return b""


async def read_before(guest: Guest, address: int, length: int) -> bytes:
    """What can be read of the ``length`` bytes below ``address``: all, those of its page, or none."""
    for count in (min(length, address), min(length, address, address % PAGE)):
        try:
            return await guest.read_memory(address - count, count) if count else b""
        except Refused:
            continue
    return b""


def operand(code: CodeLine) -> int | None:
    """The address that an instruction names: where it goes to, or what it reads and writes; None where no bytes of its
    own say that."""
    goes_to = _TARGET.search(code.text)
    if goes_to is not None:
        return int(goes_to[0], 16)
    beside = _BESIDE_RIP.search(code.text)
    if beside is not None:
        far = int(beside["far"], 0)
        return code.address + len(code.bytes) + (far if beside["sign"] == "+" else -far)
    absolute = _ABSOLUTE.search(code.text)
    return None if absolute is None else int(absolute["address"], 16)


async def read_code(
    guest: Guest, symbols: NameLookup, address: int, mode: Mode | None, sure: int | None = None, known: bytes = b""
) -> tuple[CodeLine, ...]:
    """The lines around ``address``, one of which begins there where it can be read. ``sure`` is an address below where
    an instruction is known to begin, for want of a symbol; ``known`` are bytes at ``address`` for want of others."""
    low = await read_before(guest, address, CODE_BEFORE)
    high = await read_some(guest, address, CODE_AFTER) or known
    symbol = _symbol_below(symbols, address)
    start = sure if symbol is None else symbol
    lines = before(low, address - len(low), mode, start) + disassemble(high, address, mode)
    return tuple(named(line, symbols) for line in lines)


def _symbol_below(symbols: NameLookup, address: int) -> int | None:
    near = symbols.nearest(address)
    return address - near[1] if near is not None and 0 < near[1] <= CODE_BEFORE else None
