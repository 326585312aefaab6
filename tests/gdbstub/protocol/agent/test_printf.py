"""What an expression prints."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.errors import GdbError
from gdbstub.protocol.agent import LONGEST_STRING, Print, ReadMemory, execute
from tests.gdbstub.protocol.agent import assemble, run

MINUS_ONE = (1 << 64) - 1
ROWS = [
    ("plain", [], b"plain"),
    (r"a\tb\n\"\\\e\q", [], b'a\tb\n"\\\x1bq'),
    ("%d %u", [MINUS_ONE, MINUS_ONE], b"-1 4294967295"),
    ("%ld %llu %zx", [MINUS_ONE, MINUS_ONE, MINUS_ONE], b"-1 18446744073709551615 ffffffffffffffff"),
    ("%hhd %hu", [0x1FF, 0x1FFFF], b"-1 65535"),
    ("%x %X %o %i", [0xAB, 0xAB, 8, 7], b"ab AB 10 7"),
    ("[%5d|%-5d|%05d|%.3d|%#x]", [7, 7, 7, 7, 7], b"[    7|7    |00007|007|0x7]"),
    ("%c[%3c]%%", [0x141, 0xE9], b"A[  \xe9]%"),
    ("%p", [0x1000], b"0x1000"),
    ("%s|%8s|%.2s", [0x40, 0x40, 0x40], b"hello|   hello|he"),
    ("%d %d", [1, 2, 3], b"1 2"),
    ("%d %d", [1], b"1 %d"),
    ("%f %d %ls %*d %1234d %#o %", [1, 2, 3, 4], b"%f 2 %ls %*d %1234d %#o %"),
]


def hello(address: int, size: int) -> int:
    """``hello`` at 0x40, and no zero byte anywhere at 0x1000 and above."""
    if address >= 0x1000:
        return int.from_bytes(b"x" * size, "little")
    return int.from_bytes(b"hello\0".ljust(0x40, b"?")[address - 0x40 :][:size], "little")


def printing(text: str, arguments: list[int]) -> bytes:
    """The last argument is pushed first; channel and function come last."""
    pushed = "".join(f"const64 {value}; " for value in reversed(arguments))
    head = assemble(f"{pushed}const8 0; const8 0; end")[:-1]
    format_ = text.encode("latin-1") + b"\0"
    return head + bytes([0x34, len(arguments), *len(format_).to_bytes(2, "big")]) + format_ + b"\x27"


@pytest.mark.parametrize(("text", "arguments", "due"), ROWS)
def test_a_format_is_printed_with_its_arguments(text: str, arguments: list[int], due: bytes) -> None:
    printed: list[bytes] = []
    assert run(execute(printing(text, arguments)), lambda _: 0, hello, printed) == []
    assert printed == [due]


def test_a_string_is_read_in_pieces_that_cross_no_page_and_has_an_end() -> None:
    asked = []

    def memory(address: int, size: int) -> int:
        asked.append((address, size))
        return hello(address, size)

    printed: list[bytes] = []
    run(execute(printing("%s", [0x1FF3])), lambda _: 0, memory, printed)
    assert printed == [b"x" * LONGEST_STRING + b"..."]
    assert asked == [(0x1FF3, 13), (0x2000, 64), (0x2040, 64), (0x2080, 64)]


def test_a_string_that_can_not_be_read_says_so_in_its_place() -> None:
    expression = execute(printing("<%s>", [0x7F]))
    assert next(expression) == ReadMemory(0x7F, 1)
    assert expression.send(0x41) == ReadMemory(0x80, 64)
    assert expression.throw(GdbError("no")) == Print(b"<A<no memory at 0x80>>")


def test_two_prints_and_a_value_leave_the_value() -> None:
    printed: list[bytes] = []
    code = assemble("const8 9; const8 0; const8 0; printf 0 a; const8 0; const8 0; printf 0 b; end")
    assert run(execute(code), lambda _: 0, hello, printed) == [9]
    assert printed == [b"a", b"b"]


PIECES = st.sampled_from(
    ["%", "\\", "s", "d", "c", "5", "-", "#", "0", " ", "+", ".", "l", "h", "x", "o", "p", "é", "\0"]
)


@given(st.lists(PIECES).map("".join), st.lists(st.integers(0, MINUS_ONE), max_size=9))
def test_any_format_prints(text: str, arguments: list[int]) -> None:
    printed: list[bytes] = []
    run(execute(printing(text, arguments)), lambda _: 0, lambda address, size: address >> 1, printed)
    assert len(printed) == 1
