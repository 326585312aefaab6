"""Vectors, frames, error codes and gates."""

from __future__ import annotations

import struct

import pytest

from gdbstub.x86.exceptions import (
    VECTORS,
    FailedDelivery,
    Frame,
    Gate,
    frame_size,
    largest_frame,
    names,
    parse_frame,
    parse_gate,
    vector,
)
from gdbstub.x86.registers import VM, Mode


@pytest.mark.parametrize(("which", "number"), [("db", 1), ("#PF", 14), ("14", 14), ("0xe", 14), (3, 3), (" gp ", 13)])
def test_a_vector_has_a_name_and_a_number(which: int | str, number: int) -> None:
    assert vector(which).number == number


@pytest.mark.parametrize(("which", "words"), [("nope", "neither"), (256, "0 to 255"), ("-1", "0 to 255")])
def test_what_is_no_vector_is_one_sentence(which: int | str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        vector(which)


def test_vectors_are_told_apart_and_have_the_manuals_names() -> None:
    assert len({row.number for row in VECTORS}) == len(VECTORS)
    assert names((1, 3, 9, 32)) == "#DB, #BP, vector 9, vector 32"
    assert [row.number for row in VECTORS if row.has_error_code] == [8, 10, 11, 12, 13, 14, 17, 21, 29, 30]


def test_what_came_instead_is_named() -> None:
    instead = (FailedDelivery(13, 0x33), FailedDelivery(8), FailedDelivery(64), FailedDelivery(None))
    assert [str(one) for one in instead] == ["#GP(0x33)", "#DF(0x0)", "vector 64(0x0)", "a triple fault"]


FRAMES: list[tuple[Mode, bytes, bool, bool | None, Frame | None]] = [
    (
        64,
        struct.pack("<5Q", 0x1000, 0x8, 0x102, 0x8000, 0x10),
        False,
        None,
        Frame(0x1000, 8, 0x102, 0x8000, 0x10, None, 40),
    ),
    (
        64,
        struct.pack("<6Q", 2, 0x1000, 0x8, 0x102, 0x8000, 0x10),
        True,
        None,
        Frame(0x1000, 8, 0x102, 0x8000, 0x10, 2, 48),
    ),
    (64, struct.pack("<4Q", 0x1000, 0x8, 0x102, 0x8000), False, None, None),
    (32, struct.pack("<3I", 0x1000, 0x8, 0x102), False, None, Frame(0x1000, 8, 0x102, size=12)),
    (32, struct.pack("<3I", 0x1000, 0xABCD0008, 0x102), False, None, Frame(0x1000, 8, 0x102, size=12)),
    (
        32,
        struct.pack("<5I", 0x1000, 0x1B, 0x102, 0x8000, 0x23),
        False,
        None,
        Frame(0x1000, 0x1B, 0x102, 0x8000, 0x23, size=20),
    ),
    (32, struct.pack("<5I", 0x1000, 0x1B, 0x102, 0x8000, 0x23), False, False, Frame(0x1000, 0x1B, 0x102, size=12)),
    (32, struct.pack("<4I", 7, 0x1000, 0x8, 0x102), True, None, Frame(0x1000, 8, 0x102, None, None, 7, 16)),
    (16, struct.pack("<3H", 0x1000, 0xF003, 0x102), False, None, Frame(0x1000, 0xF003, 0x102, size=6)),
    (
        16,
        struct.pack("<5H", 0x1000, 0x1B, 0x102, 0x80, 0x23),
        False,
        True,
        Frame(0x1000, 0x1B, 0x102, 0x80, 0x23, size=10),
    ),
    (
        32,  # from virtual-8086 mode
        struct.pack("<9I", 0x10, 0x8000, 0x20202, 0x80, 0x7000, 1, 2, 3, 4),
        False,
        None,
        Frame(0x10, 0x8000, 0x20202, 0x80, 0x7000, size=36),
    ),
    (16, b"\0\0\0", False, None, None),
    (64, b"", True, None, None),
]


@pytest.mark.parametrize(("mode", "stack", "error", "change", "frame"), FRAMES)
def test_a_frame_is_read_from_the_stack(
    mode: Mode, stack: bytes, error: bool, change: bool | None, frame: Frame | None
) -> None:
    assert parse_frame(stack, mode, has_error_code=error, privilege_change=change) == frame
    if frame is not None and change is None and not frame.rflags & VM:
        changed = frame.rsp is not None
        assert frame_size(mode, has_error_code=error, privilege_change=changed) == len(stack)


def test_the_largest_frame_has_the_data_segments_of_virtual_8086_mode() -> None:
    assert [largest_frame(mode, has_error_code=True) for mode in (16, 32, 64)] == [12, 40, 48]


GATES: list[tuple[Mode, str, Gate | None]] = [
    (16, "34120010", Gate(0x1234, 0x1000, None, 0, 0, True)),
    (32, "78560800008e3412", Gate(0x12345678, 8, 0xE, 0, 0, True)),
    (32, "785608000066ffff", Gate(0x5678, 8, 6, 0, 3, False)),
    (64, "78560800038e3412ffffffff00000000", Gate(0xFFFFFFFF12345678, 8, 0xE, 3, 0, True)),
    (64, "78560800008e3412", None),
    (32, "", None),
]


@pytest.mark.parametrize(("mode", "data", "gate"), GATES)
def test_a_gate_is_read_from_its_table(mode: Mode, data: str, gate: Gate | None) -> None:
    assert parse_gate(bytes.fromhex(data), mode) == gate
