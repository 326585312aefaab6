"""What an expression asks of whoever runs it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadMemory:
    """``size`` bytes at the virtual ``address``, to be sent as a little-endian unsigned number."""

    address: int
    size: int


@dataclass(frozen=True, slots=True)
class ReadRegister:
    """The register that gdb gives ``number``, as the target description numbers it; to be sent as it is, unsigned."""

    number: int


@dataclass(frozen=True, slots=True)
class Print:
    """Text for the client's console, as the guest's bytes made it; not yet fit for a terminal. What is sent back
    is not looked at."""

    text: bytes


Request = ReadMemory | ReadRegister | Print
