"""What an expression asks of whoever runs it."""

from __future__ import annotations

from typing import NamedTuple


class ReadMemory(NamedTuple):
    """``size`` bytes at the virtual ``address``, to be sent as a little-endian unsigned number."""

    address: int
    size: int


class ReadRegister(NamedTuple):
    """The register that gdb gives ``number``, as the target description numbers it; to be sent as it is, unsigned."""

    number: int


class Print(NamedTuple):
    """Text for the client's console, as the guest's bytes made it; not yet fit for a terminal. What is sent back
    is not looked at."""

    text: bytes


Request = ReadMemory | ReadRegister | Print
