"""Expressions mean what they mean in C, end in one sentence where they mean nothing, and are bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend.commands.expressions import evaluate, parse
from frontend.commands.values import LONG, ULONG, Value, binary
from gdbstub.errors import BadExpression, GdbError, Refused


class World:
    """Two registers, one symbol, sixteen bytes of memory at 0x1000."""

    memory = bytes.fromhex("ffffffff01000000 0010000000000000")

    async def variable(self, name: str) -> Value | None:
        return {"rax": Value(5), "rcx": Value(-1), "big": Value(1 << 63, ULONG)}.get(name)

    def symbol(self, name: str) -> int | None:
        return {"main": 0x1000, "a.b": 0x2000, "counter": 0x28, "__per_cpu_offset": 0x1000}.get(name)

    async def read_memory(self, address: int, length: int) -> bytes:
        if not 0x1000 <= address <= 0x1010 - length:
            raise Refused("m", "14", f"Cannot access memory at address {address:#x}.")
        return self.memory[address - 0x1000 :][:length]


async def value(text: str) -> Value:
    return await evaluate(parse(text), World())


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1),
        ("0x10", 16),
        ("0b101", 5),
        ("010", 8),
        ("'main'", 0x1000),
        ('"A"', 65),
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 3 - 2", 5),
        ("1 << 4 | 1", 17),
        ("6 & 3 == 3", 0),
        ("(6 & 3) == 2", 1),
        ("5 ^ 1", 4),
        ("-7 / 2", -3),
        ("-7 % 2", -1),
        ("~0", -1),
        ("!0", 1),
        ("!!7", 1),
        ("- -3", 3),
        ("1 < 2", 1),
        ("2 <= 1", 0),
        ("1 == 1 && 0", 0),
        ("0 || 3", 1),
        ("0 && *0", 0),
        ("1 || *0", 1),
        ("0xffffffffffffffff + 2", 1),
        ("0x7fffffffffffffff + 1", -(1 << 63)),
        ("0xffffffff + 1", 0x1_0000_0000),
        ("-1 < 0", 1),
        ("$rcx == -1", 1),
        ("$rcx == 0xffffffffffffffff", 1),
        ("$rcx < 0", 1),
        ("$big > 0", 1),
        ("$big >> 63", 1),
        ("$rcx >> 63", -1),
        ("$rax + 1", 6),
        ("main", 0x1000),
        ("&main", 0x1000),
        ("main+4", 0x1004),
        ("a.b", 0x2000),
        ("*0x1008", 0x1000),
        ("**0x1008", 0x1_FFFF_FFFF),
        ("*(int*)main", -1),
        ("*(unsigned int *)main", 0xFFFFFFFF),
        ("*(int*)main == 0xffffffff", 1),
        ("*(int*)main == -1", 1),
        ("{u8}(main + 4)", 1),
        ("{unsigned char}main+1", 256),
        ("{long long unsigned int}main", 0x1_FFFF_FFFF),
        ("*((int*)main + 1)", 1),
        ("((u16*)main)[2]", 1),
        ("&((u16*)main)[2]", 0x1004),
        ("*(u64 **)0x1008 + 1", 0x1008),
        ("(char)0x1ff", -1),
        ("(u8)-1", 255),
        ("(short)0x8000", -32768),
        ("(long)main - (long)0x10", 0xFF0),
    ],
)
async def test_a_value_is_as_in_c(text: str, number: int) -> None:
    assert (await value(text)).number == number


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "An expression is missing."),
        ("1 +", "A value is missing at the end."),
        ("+", "A value is missing at the end."),
        ("1 2", "Cannot make sense of '2' in '1 2'."),
        ("(1", "Expected ')', found 'the end'."),
        ("1)", "Cannot make sense of ')' in '1)'."),
        ("1 / 0", "Division by zero."),
        ("1 % (2 - 2)", "Division by zero."),
        ("1 << 64", "A shift by 64 is outside 0 to 63."),
        ("1 >> -1", "A shift by -1 is outside 0 to 63."),
        ("$nope", "$nope is neither a register of this target nor a variable that was set."),
        ("nope", "No symbol 'nope' is known; load one with --symbols FILE."),
        ("0x10000000000000000", "The number 0x10000000000000000 does not fit into 64 bits."),
        ("089", "089 is no octal number; leave out the leading 0 for a decimal one."),
        ("12ab", "Cannot make sense of '12ab'."),
        ("\x1b[2J", "Cannot make sense of '\\x1b[2J'."),
        ("{nope}1", "Expected a type such as int or u64, found 'nope'."),
        ("{}1", "Expected a type such as int or u64, found '}'."),
        ("(unsigned short char)1", "No integer type is called 'unsigned short char'."),
        ("1" * 1001, "The expression is longer than 1000 characters."),
        ("(" * 100, "The expression is nested deeper than 40 levels."),
        ("-" * 100 + "1", "The expression is nested deeper than 40 levels."),
        ("+".join("1" * 150), "The expression has more than 200 parts."),
        ("*0", "Cannot access memory at address 0x0."),
    ],
)
async def test_what_has_no_value_is_one_sentence(text: str, says: str) -> None:
    with pytest.raises(GdbError) as caught:
        await value(text)
    assert str(caught.value) == says


async def test_a_long_chain_is_evaluated() -> None:
    assert (await value("+".join("1" * 100))).number == 100


@given(st.text(alphabet="0123456789abcx$()*+-/&|<>={}[]!~ \"'.%^,", max_size=60))
def test_no_text_raises_anything_but_a_sentence(text: str) -> None:
    message = "."
    try:
        parse(text)
    except BadExpression as error:
        message = str(error)
    assert message.endswith(".")


NUMBERS = st.integers(-(1 << 63), (1 << 63) - 1)


@given(NUMBERS, NUMBERS, st.sampled_from("+-*&|^"))
def test_arithmetic_wraps_at_64_bits(a: int, b: int, operator: str) -> None:
    plain = {"+": a + b, "-": a - b, "*": a * b, "&": a & b, "|": a | b, "^": a ^ b}[operator]
    assert binary(operator, Value(a), Value(b)) == Value(LONG.wrap(plain))


async def test_a_per_cpu_variable_is_its_offset_in_the_area_of_a_cpu() -> None:
    assert (await value("per_cpu(counter, 1)")).number == 0x1000 + 0x28
    assert (await value("$lx_per_cpu(counter, 0) + 1")).number == 0x1_FFFF_FFFF + 0x29


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("per_cpu(counter", "Expected ','"),
        ("per_cpu(counter,", "A value is missing"),
        ("per_cpu(counter 1)", "Expected ','"),
        ('"abc"', "A value is missing before 'abc'"),
        ("f(1)", "need the types"),
        ('$lx_module("loop")', "need the types"),
    ],
)
async def test_a_call_that_means_nothing_is_one_sentence(text: str, why: str) -> None:
    with pytest.raises(BadExpression, match=why):
        await value(text)
