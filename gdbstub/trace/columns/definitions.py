"""Instructions by number: a text is written once, however often the instruction runs."""

from __future__ import annotations

from typing import NamedTuple

from gdbstub.x86.decode import decode
from gdbstub.x86.instructions import Instruction
from gdbstub.x86.registers import Mode


class Definition(NamedTuple):
    """An instruction at a linear address. ``bytes`` and ``text`` are empty where the code was not read."""

    address: int
    bytes: bytes
    text: str


class Definitions:
    """Numbers from 0, in the order in which they were given out; the same code at the same place has one number."""

    def __init__(self) -> None:
        self._numbers: dict[Definition, int] = {}
        self._all: list[Definition] = []
        self.changed: dict[int, Definition] = {}
        """What is new, or known better, since a writer last emptied this."""

    def __getitem__(self, number: int) -> Definition:
        return self._all[number]

    def of(self, instruction: Instruction) -> int:
        """The number of an instruction that is decoded already."""
        return self._number(Definition(instruction.address, instruction.bytes, instruction.text))

    def define(self, address: int, code: bytes, mode: Mode) -> int:
        """The number of the first instruction of ``code``; with no code, that of an unknown one at ``address``."""
        return self._number(_decoded(address, code, mode))

    def complete(self, number: int, code: bytes, mode: Mode) -> None:
        """The code of a definition that was made without it."""
        self._all[number] = self.changed[number] = _decoded(self._all[number].address, code, mode)

    def _number(self, definition: Definition) -> int:
        number = self._numbers.get(definition)
        if number is None:
            number = self._numbers[definition] = len(self._all)
            self._all.append(definition)
            self.changed[number] = definition
        return number


def _decoded(address: int, code: bytes, mode: Mode) -> Definition:
    instruction = decode(code, address, mode) if code else None
    if instruction is None:
        return Definition(address, code, "")
    return Definition(address, instruction.bytes, instruction.text)
