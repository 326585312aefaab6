"""Where registers stand in ``g``, and what comes out of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.errors import RemoteProtocolError
from gdbstub.protocol.layout import (
    MAX_BITS,
    MAX_REGISTERS,
    Feature,
    Flags,
    Register,
    RegisterLayout,
    fallback_layout,
    make_layout,
)


def layout(*registers: tuple[str, int]) -> RegisterLayout:
    return make_layout(Register(name, bits, number, 0) for number, (name, bits) in enumerate(registers))


MIXED = layout(("rax", 64), ("eflags", 32), ("st0", 80), ("cs", 16), ("al", 8), ("xmm0", 128), ("mxcsr", 32))
MIXED_VALUES: dict[str, int | bytes] = {
    "rax": 0x1122334455667788,
    "eflags": 0x10002,
    "st0": bytes(range(10)),
    "cs": 8,
    "al": 0xFF,
    "xmm0": bytes(range(16)),
    "mxcsr": 0x1F80,
}


def test_registers_stand_one_after_the_other_in_the_order_of_their_numbers() -> None:
    made = make_layout([Register("b", 32, 7, 99), Register("a", 64, 0, 99), Register("c", 8, 40, 99)])
    assert [(it.name, it.offset, it.size) for it in made.registers] == [("a", 0, 8), ("b", 8, 4), ("c", 12, 1)]
    assert made.size == 13


def test_a_full_answer_gives_numbers_and_wide_bytes() -> None:
    answer = MIXED.encode_g(MIXED_VALUES)
    numbers, wide = MIXED.decode_g(answer), MIXED.decode_wide(answer)
    assert numbers | wide == MIXED_VALUES
    assert list(numbers) == ["rax", "eflags", "cs", "al", "mxcsr"]
    assert MIXED.decode_g(answer + b"00") == numbers


def test_a_short_answer_gives_what_is_there() -> None:
    answer = MIXED.encode_g(MIXED_VALUES)
    assert MIXED.decode_g(answer[:16]) == {"rax": 0x1122334455667788}
    assert MIXED.decode_g(answer[:18]) == {"rax": 0x1122334455667788}
    assert MIXED.decode_g(b"") == {}
    assert MIXED.decode_wide(answer[: 2 * 21]) == {}


def test_an_unavailable_register_is_absent() -> None:
    del (values := dict(MIXED_VALUES))["eflags"], values["xmm0"]
    answer = MIXED.encode_g(values)
    assert b"x" in answer
    assert MIXED.decode_g(answer) | MIXED.decode_wide(answer) == values
    assert MIXED.decode_g(answer[:22]) == {"rax": MIXED_VALUES["rax"]}
    assert MIXED.decode_g(b"X" * 16) == {}


def test_what_is_not_hex_is_the_peers_fault() -> None:
    with pytest.raises(RemoteProtocolError):
        MIXED.decode_g(b"zz" * MIXED.size)
    with pytest.raises(RemoteProtocolError):
        MIXED.decode_wide(b"zz" * MIXED.size)


def test_of_two_registers_of_one_name_the_first_counts() -> None:
    double = layout(("a", 8), ("a", 8), ("b", 8))
    assert double.by_name["a"].number == 0
    assert double.decode_g(b"010203") == {"a": 1, "b": 3}
    assert double.decode_g(b"01xx03") == {"a": 1, "b": 3}


@pytest.mark.parametrize("bits", [0, 1, 12, -8, MAX_BITS + 8])
def test_a_width_that_can_not_be(bits: int) -> None:
    with pytest.raises(RemoteProtocolError, match=f"register of {bits} bits"):
        layout(("a", bits))


def test_a_number_is_used_once() -> None:
    with pytest.raises(RemoteProtocolError, match="two registers 3"):
        make_layout([Register("a", 8, 3, 0), Register("b", 8, 3, 0)])


def test_there_are_so_many_registers_and_no_more() -> None:
    registers = [Register(f"r{number}", 8, number, 0) for number in range(MAX_REGISTERS + 1)]
    make_layout(registers[:-1])
    with pytest.raises(RemoteProtocolError, match="more than 4096 registers"):
        make_layout(registers)


def test_a_type_is_looked_up_in_the_registers_own_feature() -> None:
    flags = Flags("f", 4, ())
    made = make_layout(
        [Register("a", 32, 0, 0, "f", None, "one"), Register("b", 32, 1, 0, "f", None, "two")],
        [Feature("one", (flags,)), Feature("two")],
    )
    assert made.type_of(made.by_name["a"]) is flags
    assert made.type_of(made.by_name["b"]) is None


@pytest.mark.parametrize(
    ("digits", "architecture", "pc", "count"),
    [
        (328, "i386:x86-64", "rip", 24),
        (384, "i386:x86-64", "rip", 24),
        (128, "i386", "eip", 16),
        (1072, "i386:x86-64", "rip", 57),
        (616, "i386", "eip", 41),
    ],
)
def test_a_stub_without_a_description_is_known_by_length(digits: int, architecture: str, pc: str, count: int) -> None:
    known = fallback_layout(digits)
    assert known is not None
    assert (known.architecture, len(known.registers), 2 * known.size) == (architecture, count, digits)
    answer = known.encode_g({pc: 0x100400, "gs": 0x2B})
    assert known.decode_g(answer) == {pc: 0x100400, "gs": 0x2B}


def test_another_length_is_not_known() -> None:
    assert fallback_layout(0) is None
    assert fallback_layout(1216) is None


def test_gdbsx_puts_rip_behind_sixteen_registers() -> None:
    """Xen's gdbsx: rax rbx rcx rdx rsi rdi rbp rsp r8…r15 rip, then 32-bit eflags cs ss ds es fs gs."""
    known = fallback_layout(328)
    assert known is not None
    names = [register.name for register in known.registers]
    assert names[:9] == ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8"]
    assert known.by_name["rip"].offset == 128
    assert known.by_name["eflags"] == ("eflags", 32, 17, 136, "int", None, "", True)
    assert names[-6:] == ["cs", "ss", "ds", "es", "fs", "gs"]


@given(st.lists(st.sampled_from([8, 16, 24, 32, 64, 80, 128]), max_size=8), st.data())
def test_every_answer_survives_the_wire(widths: list[int], data: st.DataObject) -> None:
    made = layout(*((f"r{number}", bits) for number, bits in enumerate(widths)))
    values: dict[str, int | bytes] = {}
    for register in made.registers:
        raw = data.draw(st.none() | st.binary(min_size=register.size, max_size=register.size))
        if raw is not None:
            values[register.name] = int.from_bytes(raw, "little") if register.size in (1, 2, 4, 8) else raw
    answer = made.encode_g(values)
    assert made.decode_g(answer) | made.decode_wide(answer) == values


@given(st.binary(max_size=120) | st.text("0123456789abcdefxX", max_size=120).map(str.encode))
def test_no_answer_raises_anything_but_the_peers_fault(answer: bytes) -> None:
    for decode in (MIXED.decode_g, MIXED.decode_wide):
        try:
            names = set(decode(answer))
        except RemoteProtocolError:
            continue
        assert names <= set(MIXED.by_name)
