"""DR6 and DR7, bit by bit."""

from __future__ import annotations

import pytest

from gdbstub.x86.debug_registers import (
    B_MASK,
    BD,
    BLD,
    BS,
    BT,
    CAUSES,
    DR6_FIXED_1,
    DR6_INIT,
    DR7_GD,
    DR7_GE,
    DR7_INIT,
    DR7_LE,
    DR7_RTM,
    RTM,
    STICKY,
    BitRow,
    Dr6,
    Range,
    Slot,
    Type,
    cause_names,
    covered,
    decode_dr6,
    decode_dr7,
    describe_dr6,
    describe_dr7,
    encode_dr6,
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
    assert decoded.slots[1] == Slot(1, False, True, "write", 4)
    assert not decoded.slots[2].enabled
    assert decode_dr7(0x00080001 | 0x400).slots[0].length == 8
    assert decode_dr7(0x00020001 | 0x400).slots[0].type == "io"
    assert decode_dr7(0).reserved_wrong == ("bit 10 must read 1",)
    assert decode_dr7(0x1_0000D400).reserved_wrong == (
        "bit 12 must read 0",
        "bits 14-15 must read 0",
        "bits 32-63 must read 0",
    )


def test_a_dr7_is_made_of_its_slots() -> None:
    slots = (Slot(2, False, True, "execute", 1), Slot(0, True, False, "access", 8))
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
        ("execute", 0x1001, 1, None),
        ("execute", 0x1000, 2, "length 1"),
        ("write", 0x1000, 3, "1, 2, 4 or 8"),
        ("io", 0x60, 8, "1, 2 or 4 ports"),
        ("access", 0x1002, 4, "multiple of 4"),
        ("access", 0x1008, 8, None),
    ],
)
def test_what_may_be_armed(kind: str, address: int, length: int, words: str | None) -> None:
    said = may_arm(kind, address, length)  # type: ignore[arg-type]  # the table holds plain text
    assert said is None if words is None else words in (said or "")


def test_dr6_has_a_row_for_each_bit_and_for_what_is_wrong() -> None:
    assert [tuple(row) for row in describe_dr6(0xFFFE57F1)] == [
        ("B0", "0", 1, "the condition of DR0 was met", True),
        ("B1", "1", 0, "the condition of DR1 was met", False),
        ("B2", "2", 0, "the condition of DR2 was met", False),
        ("B3", "3", 0, "the condition of DR3 was met", False),
        ("BLD", "11", 0, "a bus lock was taken (active low)", True),
        ("BD", "13", 0, "the next instruction accesses a debug register while DR7.GD is set", False),
        ("BS", "14", 1, "single step: TF was set", True),
        ("BT", "15", 0, "task switch to a TSS whose T flag is set", False),
        ("RTM", "16", 0, "inside a transactional region (active low)", True),
        ("reserved", "12", 1, "bit 12 must read 0", True),
    ]
    assert describe_dr6(0x3FFFF0FF0)[-1] == BitRow("reserved", "63:32", 3, "bits 32-63 must read 0", True)


def test_dr7_has_a_row_for_each_field() -> None:
    assert [tuple(row) for row in describe_dr7(0x00DE_6F8B)] == [
        ("L0", "0", 1, "DR0 enabled, until a task switch", True),
        ("G0", "1", 1, "DR0 enabled", True),
        ("L1", "2", 0, "DR1 enabled, until a task switch", False),
        ("G1", "3", 1, "DR1 enabled", True),
        ("L2", "4", 0, "DR2 enabled, until a task switch", False),
        ("G2", "5", 0, "DR2 enabled", False),
        ("L3", "6", 0, "DR3 enabled, until a task switch", False),
        ("G3", "7", 1, "DR3 enabled", True),
        ("LE", "8", 1, "exact, ignored since the 486", True),
        ("GE", "9", 1, "exact, ignored since the 486", True),
        ("RTM", "11", 1, "debugging of transactional regions", True),
        ("GD", "13", 1, "the next access to a debug register raises #DB", True),
        ("R/W0", "17:16", 2, "I/O read or write (needs CR4.DE)", True),
        ("LEN0", "19:18", 3, "4 bytes", True),
        ("R/W1", "21:20", 1, "data write", True),
        ("LEN1", "23:22", 3, "4 bytes", True),
        ("R/W2", "25:24", 0, "instruction", False),
        ("LEN2", "27:26", 0, "1 byte", False),
        ("R/W3", "29:28", 0, "instruction", True),
        ("LEN3", "31:30", 0, "1 byte", True),
        ("reserved", "15:14", 1, "bits 14-15 must read 0", True),
    ]
    meanings = {row.name: row.meaning for row in describe_dr7(0x0B_0000 | 0x0700_0000 | 0x400)}
    assert (meanings["R/W0"], meanings["LEN0"]) == ("data read or write", "8 bytes")
    assert meanings["LEN2"] == "2 bytes"


def test_the_constants_are_those_of_the_manuals() -> None:
    assert (DR6_INIT, DR7_INIT, DR6_FIXED_1) == (0xFFFF0FF0, 0x400, 0xFFFE07F0)
    assert (B_MASK, BLD, BD, BS, BT, RTM) == (0xF, 0x800, 0x2000, 0x4000, 0x8000, 0x10000)
    assert (STICKY, CAUSES) == (0xE000, 0x1E80F)
    assert (DR7_LE, DR7_GE, DR7_RTM, DR7_GD) == (0x100, 0x200, 0x800, 0x2000)


@pytest.mark.parametrize(
    ("kind", "address", "length", "sentence"),
    [
        ("execute", 0, 2, "An instruction breakpoint has length 1."),
        ("write", 0, 3, "A debug register covers 1, 2, 4 or 8 bytes, not 3."),
        ("io", 0, 8, "An I/O breakpoint covers 1, 2 or 4 ports, not 8."),
        ("write", 0x1002, 4, "A breakpoint of 4 bytes has to start at a multiple of 4; 0x1002 is not one."),
        ("io", 0x61, 2, "A breakpoint of 2 bytes has to start at a multiple of 2; 0x61 is not one."),
        ("io", 0x60, 4, None),
        ("write", 0x1000, 8, None),
        ("write", 0x1001, 1, None),
    ],
)
def test_why_it_may_not_be_armed(kind: Type, address: int, length: int, sentence: str | None) -> None:
    assert may_arm(kind, address, length) == sentence


def test_every_field_of_dr7_is_its_own_bit() -> None:
    for bit, name in ((8, "local_exact"), (9, "global_exact"), (11, "rtm"), (13, "general_detect")):
        decoded = decode_dr7(0x400 | 1 << bit)
        assert [
            field for field in ("local_exact", "global_exact", "rtm", "general_detect") if getattr(decoded, field)
        ] == [name]
    for n in range(4):
        local, global_ = decode_dr7(0x400 | 1 << 2 * n), decode_dr7(0x400 | 2 << 2 * n)
        assert local.slots[n] == Slot(n, True, False, "execute", 1)
        assert global_.slots[n] == Slot(n, False, True, "execute", 1)
        assert local.enabled == global_.enabled == 1 << n
        shaped = decode_dr7(0x400 | 0xD << 16 + 4 * n)
        assert shaped.slots[n] == Slot(n, False, False, "write", 4)
        assert shaped.enabled == 0
        assert encode_dr7((shaped.slots[n],)) == 0x400 | 0xD << 16 + 4 * n
    assert encode_dr7((Slot(1, True, True, "io", 2),), rtm=True) == 0x400 | 0x800 | 0xC | 0x6 << 20
    assert encode_dr7((), exact=True) == 0x700
    assert decode_dr7(0x55).value == 0x55


def test_a_range_meets_what_begins_before_its_end_and_ends_behind_its_start() -> None:
    assert covered(0x1000, 1) == Range(0x1000, 0x1001)
    assert [covered(0x1000, 4).meets(at, 2) for at in (0xFFE, 0xFFF, 0x1003, 0x1004)] == [False, True, True, False]


def test_a_dr6_is_taken_apart_whole() -> None:
    decoded = decode_dr6(0xFFFE67F5)
    assert decoded == Dr6(0xFFFE67F5, 0x16805, 0x5, False, ())
    assert decode_dr6(0xE00F) == Dr6(0xE00F, 0xE00F, 0xF, True, ("bits 4-10 must read 1", "bits 17-31 must read 1"))
    assert encode_dr6(0x16805) == 0xFFFE67F5
    assert encode_dr6(~0) == 0xFFFEE7FF
    assert cause_names(0x1E80F) == ("B0", "B1", "B2", "B3", "BLD", "BD", "BS", "BT", "RTM")
