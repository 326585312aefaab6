"""Where code may load another IDT: candidates for a breakpoint, found in bytes. SDM vol. 2A, LGDT/LIDT."""

from __future__ import annotations

_PREFIXES = frozenset((0x66, 0x67, 0x2E, 0x36, 0x3E, 0x26, 0x64, 0x65))
_MOST_PREFIXES = 4


def find_lidt(code: bytes, address: int) -> tuple[int, ...]:
    """Linear addresses in ``code`` at which a LIDT could begin: ``0F 01 /3`` with a memory operand, and each byte
    in front of it that could be a prefix. What is none is never executed, so a breakpoint there does no harm."""
    found: list[int] = []
    at = code.find(b"\x0f\x01")
    while 0 <= at < len(code) - 2:
        modrm = code[at + 2]
        if modrm >> 3 & 7 == 3 and modrm >> 6 != 3:
            found.append(address + at)
            back = at
            while back > 0 and at - back < _MOST_PREFIXES and _is_prefix(code[back - 1]):
                back -= 1
                found.append(address + back)
        at = code.find(b"\x0f\x01", at + 1)
    return tuple(found)


def _is_prefix(byte: int) -> bool:
    return byte in _PREFIXES or byte & 0xF0 == 0x40  # REX
