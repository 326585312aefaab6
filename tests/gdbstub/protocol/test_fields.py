"""Hex, numbers, registers, threads, pairs and escapes: each table is read both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.errors import RemoteProtocolError
from gdbstub.protocol.fields import (
    ALL,
    ANY,
    ThreadId,
    decode_hex,
    decode_number,
    decode_pairs,
    decode_register,
    encode_hex,
    encode_number,
    encode_pairs,
    encode_register,
    escape,
    shown,
    unescape,
)

THREADS = [
    (b"1", ThreadId(None, 1)),
    (b"-1", ThreadId(None, ALL)),
    (b"0", ThreadId(None, ANY)),
    (b"p1.1", ThreadId(1, 1)),
    (b"p1.-1", ThreadId(1, ALL)),
    (b"p-1.-1", ThreadId(ALL, ALL)),
    (b"p0.0", ThreadId(ANY, ANY)),
    (b"pa.1f", ThreadId(10, 31)),
]
ODD_THREADS = [
    (b"p01.01", ThreadId(1, 1)),  # QEMU pads
    (b"01", ThreadId(None, 1)),
    (b"p1", ThreadId(1, ALL)),
    (b"p-1", ThreadId(ALL, ALL)),
]


@pytest.mark.parametrize(("text", "thread"), THREADS)
def test_a_thread_id_is_read_and_written_alike(text: bytes, thread: ThreadId) -> None:
    assert ThreadId.parse(text) == thread
    assert thread.format() == text


@pytest.mark.parametrize(("text", "thread"), ODD_THREADS)
def test_other_spellings_of_a_thread_id_are_read(text: bytes, thread: ThreadId) -> None:
    assert ThreadId.parse(text) == thread


@pytest.mark.parametrize("text", [b"", b"p", b"p.1", b"p1.", b"x", b"--1", b"p1.1.1", b" 1", b"1\n", b"-2"])
def test_what_is_no_thread_id_is_the_peers_fault(text: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        ThreadId.parse(text)


@given(st.integers(-1, 2**64 - 1), st.integers(-1, 2**64 - 1) | st.none())
def test_every_thread_id_survives_the_wire(thread: int, process: int | None) -> None:
    assert ThreadId.parse(ThreadId(process, thread).format()) == ThreadId(process, thread)


@given(st.binary())
def test_hex_comes_back(data: bytes) -> None:
    assert decode_hex(encode_hex(data)) == data


@pytest.mark.parametrize("text", [b"0", b"0g", b"xx", "é".encode()])
def test_what_is_not_hex_is_the_peers_fault(text: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="hex bytes belong"):
        decode_hex(text)


@given(st.integers(0, 2**64 - 1))
def test_a_number_comes_back(value: int) -> None:
    assert decode_number(encode_number(value)) == value


@pytest.mark.parametrize("text", [b"", b"-1", b"0x1", b"1" * 17, b"1_0", b" 1", b"1\n", b"+1"])
def test_what_is_no_number_is_the_peers_fault(text: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="hex number belongs"):
        decode_number(text)


@given(st.integers(0, 2**64 - 1))
def test_a_register_value_comes_back(value: int) -> None:
    assert decode_register(encode_register(value, 8)) == value


def test_register_values_are_little_endian_and_cut_to_their_width() -> None:
    assert encode_register(0x12345678, 4) == b"78563412"
    assert encode_register(-1, 2) == b"ffff"
    assert encode_register(0x1FF, 1) == b"ff"


def test_an_unavailable_register_is_none() -> None:
    assert decode_register(b"xxxxxxxx") is None
    assert decode_register(b"") == 0
    with pytest.raises(RemoteProtocolError):
        decode_register(b"xx00")


def test_pairs_are_read_in_order_and_written_back() -> None:
    pairs = [("thread", "p1.1"), ("swbreak", ""), ("x", "a:b")]
    assert decode_pairs(b"thread:p1.1;swbreak:;x:a:b;") == pairs
    assert decode_pairs(b"thread:p1.1;swbreak:;x:a:b") == pairs
    assert encode_pairs(pairs) == b"thread:p1.1;swbreak:;x:a:b;"
    assert decode_pairs(b"") == []


@pytest.mark.parametrize("text", [b"thread", b":1", b"a:1;b"])
def test_a_pair_has_a_key_and_a_colon(text: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="key:value"):
        decode_pairs(text)


@given(st.binary())
def test_what_is_escaped_comes_back_and_holds_no_frame_byte(data: bytes) -> None:
    hidden = escape(data)
    assert unescape(hidden) == data
    assert not set(hidden) & set(b"#$*")


def test_an_escape_needs_its_byte() -> None:
    assert unescape(b"}\x03}]") == b"#}"
    with pytest.raises(RemoteProtocolError, match="middle of an escape"):
        unescape(b"abc}")


@given(st.binary(max_size=200))
def test_what_is_shown_is_printable_ascii_and_short(text: bytes) -> None:
    line = shown(text)
    assert all(" " <= letter <= "~" for letter in line if letter != "…")
    assert len(line) <= 4 * 48 + 3


def test_a_long_text_is_cut_with_an_ellipsis() -> None:
    assert shown(b"abc\x1b") == "'abc\\x1b'"
    assert shown(b"a" * 49) == "'" + "a" * 48 + "…'"
