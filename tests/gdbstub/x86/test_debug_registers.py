"""DR6 and DR7, bit by bit."""

from __future__ import annotations

import pytest

from gdbstub.x86.breakpoints import BreakpointKind
from gdbstub.x86.debug_registers import (
    BitRow,
    Dr6,
    Range,
    Slot,
    covered,
    decode_dr6,
    decode_dr7,
    describe_dr6,
    describe_dr7,
    encode_dr7,
    may_arm,
    merge_dr6,
)


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (0xFFFF0FF0, ()),
        (0xFFFF4FF0, ("BS",)),
        (0xFFFF4FF5, ("B0", "B2", "BS")),
        (0xFFFF2FF0, ("BD",)),
        (0xFFFF8FF0, ("BT",)),
        (0xFFFF07F0, ("BLD",)),
        (0xFFFE0FF0, ("RTM",)),
        (0xFFFFEFFF, ("B0", "B1", "B2", "B3", "BD", "BS", "BT")),
    ],
)
def test_dr6_names_its_causes_with_bld_and_rtm_active_low(value: int, names: tuple[str, ...]) -> None:
    assert decode_dr6(value).names == names
    assert decode_dr6(value).reserved_wrong == ()


def test_dr6_is_taken_apart() -> None:
    assert decode_dr6(0xFFFF4FF5) == Dr6(0xFFFF4FF5, 0x4005, 5, False, ())
    assert decode_dr6(0x4002) == Dr6(0x4002, 0x4002, 2, True, ("bits 4-10 must read 1", "bits 17-31 must read 1"))


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        (0xFFFF1FF0, ("bit 12 must read 0",)),
        (0x1_FFFF0FF0, ("bits 32-63 must read 0",)),
        (0xFFFF0FE0, ("bits 4-10 must read 1",)),
        (0x7FFF0FF0, ("bits 17-31 must read 1",)),
    ],
)
def test_dr6_says_which_reserved_bits_are_wrong(value: int, wrong: tuple[str, ...]) -> None:
    assert decode_dr6(value).reserved_wrong == wrong
    assert not decode_dr6(value).reinjected


@pytest.mark.parametrize(("value", "names"), [(0x4000, ("BS",)), (0x0, ()), (0x2, ("B1",)), (0x10800, ())])
def test_a_dr6_without_its_fixed_ones_is_read_in_positive_polarity_without_bld_and_rtm(
    value: int, names: tuple[str, ...]
) -> None:
    assert decode_dr6(value).reinjected
    assert decode_dr6(value).names == names


def test_a_merge_replaces_the_b_bits_and_keeps_the_sticky_ones() -> None:
    assert merge_dr6(0xFFFF4FF2, 0x4) == 0xFFFF4FF4
    assert merge_dr6(0xFFFF0FF0, 0x10800) == 0xFFFE07F0
    assert merge_dr6(0xFFFE07F0, 0x4000) == 0xFFFF4FF0


def test_dr7_has_every_field() -> None:
    decoded = decode_dr7(0x2C000_0402 & 0xFFFFFFFF | 0x00D0_2B0A)
    assert decoded.general_detect
    assert decoded.local_exact
    assert decoded.global_exact
    assert decoded.rtm
    assert decoded.enabled == 0b0011
    assert decoded.slots[1] == Slot(1, False, True, BreakpointKind.WRITE, 4)
    assert not decoded.slots[2].enabled
    assert decode_dr7(0x00080001 | 0x400).slots[0].length == 8
    assert decode_dr7(0x00020001 | 0x400).slots[0].type == "io"
    assert decode_dr7(0).reserved_wrong == ("bit 10 must read 1",)
    assert decode_dr7(0x1_0000D400).reserved_wrong == (
        "bit 12 must read 0",
        "bits 14-15 must read 0",
        "bits 32-63 must read 0",
    )


@pytest.mark.parametrize(
    ("bit", "field"), [(8, "local_exact"), (9, "global_exact"), (11, "rtm"), (13, "general_detect")]
)
def test_each_flag_of_dr7_is_one_bit(bit: int, field: str) -> None:
    flags = ("local_exact", "global_exact", "rtm", "general_detect")
    decoded = decode_dr7(0x400 | 1 << bit)
    assert [name for name in flags if getattr(decoded, name)] == [field]
    assert decoded.reserved_wrong == ()


def test_each_slot_has_its_own_bits() -> None:
    assert encode_dr7((Slot(1, True, False, BreakpointKind.WRITE, 4),)) == 0x00D0_0404
    assert encode_dr7((Slot(2, True, True, BreakpointKind.IO, 2),)) == 0x0600_0430
    assert encode_dr7((Slot(3, True, False, BreakpointKind.ACCESS, 8),)) == 0xB000_0440


def test_a_dr7_is_made_of_its_slots() -> None:
    slots = (Slot(2, False, True, BreakpointKind.EXECUTE, 1), Slot(0, True, False, BreakpointKind.ACCESS, 8))
    assert encode_dr7(slots) == 0x000B_0421
    assert encode_dr7((), general_detect=True, rtm=True, exact=True) == 0x2F00


def test_a_breakpoint_covers_addresses_aligned_to_its_length() -> None:
    assert covered(0x1003, 4) == Range(0x1000, 0x1004)
    assert covered(0x1003, 4).meets(0x0FFF, 2)
    assert not covered(0x1003, 4).meets(0x0FFF, 1)
    assert not covered(0x1003, 4).meets(0x1004, 8)


@pytest.mark.parametrize(
    ("kind", "address", "length", "words"),
    [
        (BreakpointKind.EXECUTE, 0x1001, 1, None),
        (BreakpointKind.EXECUTE, 0x1000, 2, "An instruction breakpoint has length 1."),
        (BreakpointKind.WRITE, 0x1000, 3, "A debug register covers 1, 2, 4 or 8 bytes, not 3."),
        (BreakpointKind.IO, 0x60, 8, "An I/O breakpoint covers 1, 2 or 4 ports, not 8."),
        (
            BreakpointKind.ACCESS,
            0x1002,
            4,
            "A breakpoint of 4 bytes has to start at a multiple of 4; 0x1002 is not one.",
        ),
        (BreakpointKind.ACCESS, 0x1008, 8, None),
    ],
)
def test_what_may_be_armed(kind: BreakpointKind, address: int, length: int, words: str | None) -> None:
    said = may_arm(kind, address, length)
    assert said == words


def test_dr6_has_a_row_for_each_bit_and_for_what_is_wrong() -> None:
    rows = {row.name: row for row in describe_dr6(0xFFFE57F1)}
    assert rows["B0"] == BitRow("B0", "0", 1, "the condition of DR0 was met", True)
    assert rows["RTM"].active
    assert rows["RTM"].value == 0
    assert rows["BLD"].active
    assert rows["reserved"] == BitRow("reserved", "12", 1, "bit 12 must read 0", True)
    assert not rows["BT"].active
    assert describe_dr6(0xFFFF0FF0 ^ 0x14803) == (
        BitRow("B0", "0", 1, "the condition of DR0 was met", True),
        BitRow("B1", "1", 1, "the condition of DR1 was met", True),
        BitRow("B2", "2", 0, "the condition of DR2 was met", False),
        BitRow("B3", "3", 0, "the condition of DR3 was met", False),
        BitRow("BLD", "11", 0, "a bus lock was taken (active low)", True),
        BitRow("BD", "13", 0, "the next instruction accesses a debug register while DR7.GD is set", False),
        BitRow("BS", "14", 1, "single step: TF was set", True),
        BitRow("BT", "15", 0, "task switch to a TSS whose T flag is set", False),
        BitRow("RTM", "16", 0, "inside a transactional region (active low)", True),
    )


def test_dr7_has_a_row_for_each_field() -> None:
    rows = {row.name: row for row in describe_dr7(0x00D0_640A)}
    assert rows["G1"].active
    assert not rows["L1"].active
    assert rows["GD"].active
    assert rows["R/W1"] == BitRow("R/W1", "21:20", 1, "data write", True)
    assert rows["LEN1"] == BitRow("LEN1", "23:22", 3, "4 bytes", True)
    assert rows["LEN0"].meaning == "1 byte"
    assert rows["reserved"] == BitRow("reserved", "15:14", 1, "bits 14-15 must read 0", True)
    assert describe_dr7(0x00D0_2D09)[:12] == (
        BitRow("L0", "0", 1, "DR0 enabled, until a task switch", True),
        BitRow("G0", "1", 0, "DR0 enabled", False),
        BitRow("L1", "2", 0, "DR1 enabled, until a task switch", False),
        BitRow("G1", "3", 1, "DR1 enabled", True),
        BitRow("L2", "4", 0, "DR2 enabled, until a task switch", False),
        BitRow("G2", "5", 0, "DR2 enabled", False),
        BitRow("L3", "6", 0, "DR3 enabled, until a task switch", False),
        BitRow("G3", "7", 0, "DR3 enabled", False),
        BitRow("LE", "8", 1, "exact, ignored since the 486", True),
        BitRow("GE", "9", 0, "exact, ignored since the 486", False),
        BitRow("RTM", "11", 1, "debugging of transactional regions", True),
        BitRow("GD", "13", 1, "the next access to a debug register raises #DB", True),
    )
    assert describe_dr7(0xB000_0400)[12:] == (
        BitRow("R/W0", "17:16", 0, "instruction", False),
        BitRow("LEN0", "19:18", 0, "1 byte", False),
        BitRow("R/W1", "21:20", 0, "instruction", False),
        BitRow("LEN1", "23:22", 0, "1 byte", False),
        BitRow("R/W2", "25:24", 0, "instruction", False),
        BitRow("LEN2", "27:26", 0, "1 byte", False),
        BitRow("R/W3", "29:28", 3, "data read or write", False),
        BitRow("LEN3", "31:30", 2, "8 bytes", False),
    )
