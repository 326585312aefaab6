"""Descriptors, stacks of a TSS, and the bits of control registers."""

from __future__ import annotations

import pytest

from gdbstub.x86.control_registers import set_bits
from gdbstub.x86.descriptors import Descriptor, Stacks, parse_descriptor, parse_stacks

FLAT_CODE_64 = 0x00AF9A000000FFFF
FLAT_CODE_32 = 0x00CF9B000000FFFF
CONFORMING_16 = 0x00009C001234FFFF
FLAT_DATA = 0x00CF92000000FFFF
STACK_DOWN = 0x00407700000000FF
TSS_32 = 0x00008B1020000067
ABSENT = 0x0000020000000000


@pytest.mark.parametrize(
    ("words", "long", "found"),
    [
        ((FLAT_CODE_64,), True, Descriptor(0, 0xFFFFFFFF, "64-bit code, execute/read", 0, True, 8)),
        ((FLAT_CODE_64,), False, Descriptor(0, 0xFFFFFFFF, "16-bit code, execute/read", 0, True, 8)),
        ((FLAT_CODE_32,), True, Descriptor(0, 0xFFFFFFFF, "32-bit code, execute/read, accessed", 0, True, 8)),
        ((CONFORMING_16,), False, Descriptor(0x1234, 0xFFFF, "16-bit code, execute, conforming", 0, True, 8)),
        ((FLAT_DATA,), True, Descriptor(0, 0xFFFFFFFF, "data, read/write", 0, True, 8)),
        ((STACK_DOWN,), False, Descriptor(0, 0xFF, "data, read/write, expands down, accessed", 3, False, 8)),
        ((TSS_32,), False, Descriptor(0x102000, 0x67, "32-bit TSS (busy)", 0, True, 8)),
        ((TSS_32, 0xFFFF8000), True, Descriptor(0xFFFF800000102000, 0x67, "64-bit TSS (busy)", 0, True, 16)),
        ((TSS_32,), True, None),
        ((ABSENT,), False, Descriptor(0, 0, "LDT", 0, False, 8)),
        ((0x0000870000000000,), True, Descriptor(0, 0, "reserved type 7", 0, True, 8)),
        ((0,), True, None),
        ((), True, None),
    ],
)
def test_a_descriptor_is_what_the_manual_says(words: tuple[int, ...], long: bool, found: Descriptor | None) -> None:
    assert parse_descriptor(b"".join(word.to_bytes(8, "little") for word in words), long) == found


def test_the_stacks_of_a_tss_of_either_width() -> None:
    data = bytes(range(104))
    long = parse_stacks(data, long=True)
    assert long is not None
    assert long.levels[0] == (None, int.from_bytes(data[4:12], "little"))
    assert long.ist[0] == int.from_bytes(data[0x24:0x2C], "little")
    assert long.ist[6] == int.from_bytes(data[0x54:0x5C], "little")
    assert parse_stacks(data, long=False) == Stacks(
        ((0x0908, 0x07060504), (0x1110, 0x0F0E0D0C), (0x1918, 0x17161514)), ()
    )
    assert parse_stacks(data[:-1], long=True) is None


def test_bits_have_their_names_and_strange_ones_their_numbers() -> None:
    assert set_bits("cr0", 0x80050033) == ["PE", "MP", "ET", "NE", "WP", "AM", "PG"]
    assert set_bits("cr4", 1 << 32 | 1 << 27 | 1 << 5) == ["PAE", "bit 27", "FRED"]
    assert set_bits("efer", 0xD01) == ["SCE", "LME", "LMA", "NXE"]
