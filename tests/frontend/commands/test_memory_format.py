"""Formats are gdb's, letter by letter; the expected texts are what gdb 13.1 prints."""

from __future__ import annotations

import pytest

from frontend.commands.memory_format import (
    Format,
    Layout,
    character,
    format_number,
    format_value,
    instruction_line,
    instructions,
    memory_lines,
    parse_format,
    string,
    string_line,
)
from frontend.commands.values import ULONG, Value, pointer
from gdbstub.errors import BadExpression


def nameless(_: int) -> str:
    return ""


def named(address: int) -> str:
    return " <main>" if address == 0x1000 else ""


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("", Format()),
        ("4xg", Format(4, "x", "g")),
        ("gx4"[:2], Format(0, "x", "g")),
        ("i", Format(0, "i", "")),
        ("-2xw", Format(-2, "x", "w")),
    ],
)
def test_a_format_has_count_letter_and_unit(text: str, parsed: Format) -> None:
    assert parse_format(text) == parsed


@pytest.mark.parametrize("text", ["q", "4x4", "99999999x", "70000x", "x\x1b", "é"])
def test_what_is_no_format_is_one_sentence(text: str) -> None:
    with pytest.raises(BadExpression, match=r"\.$"):
        parse_format(text)


@pytest.mark.parametrize(
    ("letter", "short", "padded"),
    [
        ("x", "0xff41", "0x0000ff41"),
        ("z", "0x0000ff41", "0x0000ff41"),
        ("d", "65345", "65345"),
        ("u", "65345", "65345"),
        ("o", "0177501", "000000177501"),
        ("t", "1111111101000001", "00000000000000001111111101000001"),
        ("a", "0xff41", "0xff41"),
        ("c", "65 'A'", "65 'A'"),
    ],
)
def test_a_word_in_each_format(letter: str, short: str, padded: str) -> None:
    assert format_number(0xFF41, 4, letter, nameless) == short
    assert format_number(0xFF41, 4, letter, nameless, padded=True) == padded


def test_signed_floating_and_symbolic_values() -> None:
    assert format_number(0xFFFFFFFF, 4, "d", nameless) == "-1"
    assert format_number(0xFFFFFFFF, 4, "u", nameless) == "4294967295"
    assert format_number(0x3FF8000000000000, 8, "f", nameless) == "1.5"
    assert format_number(0x3FC00000, 4, "f", nameless) == "1.5"
    assert format_number(0x1000, 8, "a", named) == "0x1000 <main>"
    assert format_number(0, 8, "o", nameless) == "0"
    assert format_number(0xFF, 1, "c", nameless) == r"-1 '\377'"


def test_a_value_without_a_format_shows_its_kind() -> None:
    assert format_value(Value(-1), "", nameless) == "-1"
    assert format_value(pointer(0x1000), "", named) == "0x1000 <main>"
    assert format_value(Value(0x246, ULONG, "flags"), "", nameless) == "[ PF ZF IF ]"
    assert format_value(Value(2, ULONG, "flags"), "", nameless) == "[ ]"
    assert format_value(Value(0xFFFF0FF0, ULONG, "hex"), "", nameless) == "0xffff0ff0"
    assert format_value(Value(-1), "x", nameless) == "0xffffffffffffffff"
    with pytest.raises(BadExpression, match="does not fit"):
        format_value(Value(1), "i", nameless)


def test_lines_hold_as_many_units_as_gdb_puts_there() -> None:
    data = bytes(range(20))
    assert memory_lines(data, 0x1000, Layout("x", "w"), named) == [
        "0x1000 <main>:\t0x03020100\t0x07060504\t0x0b0a0908\t0x0f0e0d0c",
        "0x1010:\t0x13121110",
    ]
    assert memory_lines(data[:9], 0x1001, Layout("x", "b"), named) == [
        "0x1001:\t0x00\t0x01\t0x02\t0x03\t0x04\t0x05\t0x06\t0x07",
        "0x1009:\t0x08",
    ]
    assert memory_lines(data[:17], 0x2000, Layout("u", "g"), named) == [
        "0x2000:\t506097522914230528\t1084818905618843912"
    ]


def test_a_layout_keeps_what_is_not_given() -> None:
    assert Layout().take(Format(4, "", "g")) == Layout("x", "g")
    assert Layout("d", "h").take(Format()) == Layout("d", "h")
    assert Layout("x", "w").take(Format(1, "a", "")) == Layout("a", "g")
    assert Layout("x", "w").take(Format(1, "c", "")) == Layout("c", "b")


def test_strings_and_characters_cannot_reach_the_terminal() -> None:
    assert string(b'hi\n\x1b[2J"\\\xff\x00') == r'"hi\n\033[2J\"\\\377\000"'
    assert character(39) == r"'\''"
    assert character(34) == "'\"'"


def test_a_string_ends_at_its_zero_or_after_two_hundred_bytes() -> None:
    assert string_line(b"ab\0cd", 0x1000, named) == ('0x1000 <main>:\t"ab"', 3)
    line, length = string_line(b"x" * 201, 0, nameless)
    assert line.endswith('x"...')
    assert length == 200


def test_instructions_are_read_one_after_the_other() -> None:
    found = list(instructions(bytes.fromhex("90 48ffc0 06 c3"), 0x1000, 64, 10))
    assert [(one.address, one.text) for one in found] == [
        (0x1000, "nop"),
        (0x1001, "inc rax"),
        (0x1004, "(bad)"),
        (0x1005, "ret"),
    ]
    assert instruction_line(found[0], 0x1000, named) == "=> 0x1000 <main>:\tnop"
    assert instruction_line(found[1], 0x1000, named, raw=True, label=" <+1>") == "   0x1001 <+1>:\t48 ff c0\tinc rax"


def test_the_same_bytes_are_other_instructions_in_sixteen_bits() -> None:
    (found,) = instructions(bytes.fromhex("48"), 0x7C00, 16, 1)
    assert found.text == "dec ax"
