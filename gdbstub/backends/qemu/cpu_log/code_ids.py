"""Which bytes the instruction at an address was, as QEMU read them from the guest when it translated it.

QEMU keeps translations by physical address, so it says an instruction's bytes once and runs it a million times. Where
two address spaces have other code at the same linear address, CR3 tells which; where not even that does, the bytes are
not known, and never guessed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gdbstub.backends.qemu.cpu_log.dump_columns import Values
from gdbstub.x86.registers import Mode


class Code(NamedTuple):
    """An instruction at a linear address; ``bytes`` are empty where they are not known."""

    address: int
    bytes: bytes
    mode: Mode


class CodeIds:
    """Numbers for instructions, from 0; ``codes`` are they, by number."""

    def __init__(self) -> None:
        self.codes: list[Code] = []
        self._numbers: dict[Code, int] = {}
        self._one: dict[int, int] = {}
        """Address → number, where one instruction is known there, or none."""
        self._several: dict[int, dict[int, int]] = {}
        """Address → CR3 → number, where several are."""
        self._first_cr3: dict[int, int] = {}

    def knows_other(self, address: int, code: bytes) -> bool:
        """Was something else at this address before?"""
        number = self._one.get(address)
        known = b"" if number is None else self.codes[number].bytes
        return address in self._several or (known not in (b"", code))

    def learn(self, address: int, code: bytes, mode: Mode, cr3: int) -> None:
        """The guest has this there from now on."""
        number = self._number(Code(address, code, mode))
        if not self.knows_other(address, code):
            self._one[address] = number
            self._first_cr3.setdefault(address, cr3)
            return
        spaces = self._several.setdefault(address, {})
        if address in self._one:
            spaces[self._first_cr3.get(address, cr3)] = self._one.pop(address)
        spaces[cr3] = number

    def _number(self, code: Code) -> int:
        number = self._numbers.get(code)
        if number is None:
            number = self._numbers[code] = len(self.codes)
            self.codes.append(code)
        return number

    def look_up(self, pc: Values, mode: NDArray[np.uint8], cr3: Values) -> NDArray[np.uint32]:
        """The number of each instruction that began at ``pc``."""
        addresses, where, back = np.unique(pc, return_index=True, return_inverse=True)
        numbers = np.array(
            [self._of(int(address), mode[at]) for address, at in zip(addresses, where, strict=True)], np.uint32
        )
        found: NDArray[np.uint32] = numbers[back]
        if self._several:
            for at in np.flatnonzero(np.isin(pc, np.fromiter(self._several, np.uint64, len(self._several)))):
                address = int(pc[at])
                known = self._several[address].get(int(cr3[at]))
                found[at] = self._number(Code(address, b"", _as_mode(mode[at]))) if known is None else known
        return found

    def _of(self, address: int, mode: np.uint8) -> int:
        number = self._one.get(address)
        if number is None:
            return self._number(Code(address, b"", _as_mode(mode)))
        return number


def _as_mode(mode: np.uint8) -> Mode:
    return 64 if mode == 64 else 32 if mode == 32 else 16
