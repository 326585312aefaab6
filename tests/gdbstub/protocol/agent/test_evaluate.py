"""What each operation does to the stack, what is refused, and that nothing makes the evaluation raise or hang."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbstub.errors import RemoteProtocolError, TransportError
from gdbstub.protocol.agent import (
    MOST_INSTRUCTIONS,
    MOST_VALUES,
    OPERATIONS,
    ReadMemory,
    ReadRegister,
    evaluate,
    execute,
    read_program,
)
from tests.gdbstub.protocol.agent import assemble, run

MANUAL = """
    02 add 03 sub 04 mul 05 div_signed 06 div_unsigned 07 rem_signed 08 rem_unsigned 09 lsh 0a rsh_signed
    0b rsh_unsigned 0e log_not 0f bit_and 10 bit_or 11 bit_xor 12 bit_not 13 equal 14 less_signed 15 less_unsigned
    16 ext 17 ref8 18 ref16 19 ref32 1a ref64 20 if_goto 21 goto 22 const8 23 const16 24 const32 25 const64 26 reg
    27 end 28 dup 29 pop 2a zero_ext 2b swap 32 pick 33 rot 34 printf
"""
"""From gdb's manual, "Bytecode Descriptions"."""
ALL = (1 << 64) - 1
LEAST = 1 << 63


def minus(value: int) -> int:
    return (1 << 64) - value


def push(*values: int) -> str:
    return "; ".join(f"const64 {value}" for value in values)


BINARY = [
    ("add", ALL, 2, 1),
    ("sub", 2, 3, ALL),
    ("mul", LEAST + 3, 2, 6),
    ("mul", minus(3), 5, minus(15)),
    ("div_signed", minus(7), 2, minus(3)),
    ("div_signed", 7, minus(2), minus(3)),
    ("div_signed", LEAST, ALL, LEAST),
    ("div_unsigned", minus(7), 2, LEAST - 4),
    ("rem_signed", minus(7), 2, ALL),
    ("rem_signed", 7, minus(2), 1),
    ("rem_signed", LEAST, ALL, 0),
    ("rem_unsigned", ALL, 10, 5),
    ("lsh", 3, 63, LEAST),
    ("lsh", 3, 64, 0),
    ("lsh", 3, ALL, 0),
    ("rsh_signed", minus(8), 1, minus(4)),
    ("rsh_signed", minus(8), 64, ALL),
    ("rsh_signed", 8, ALL, 0),
    ("rsh_unsigned", ALL, 63, 1),
    ("rsh_unsigned", ALL, 64, 0),
    ("rsh_unsigned", ALL, ALL, 0),
    ("bit_and", 0b1100, 0b1010, 0b1000),
    ("bit_or", 0b1100, 0b1010, 0b1110),
    ("bit_xor", 0b1100, 0b1010, 0b0110),
    ("equal", ALL, ALL, 1),
    ("equal", ALL, 0xFFFFFFFF, 0),
    ("less_signed", ALL, 0, 1),
    ("less_signed", 0, ALL, 0),
    ("less_signed", 4, 4, 0),
    ("less_unsigned", ALL, 0, 0),
    ("less_unsigned", 0, ALL, 1),
    ("less_unsigned", 4, 4, 0),
]
UNARY = [
    ("log_not", 0, 1),
    ("log_not", LEAST, 0),
    ("bit_not", 0, ALL),
    ("bit_not", ALL, 0),
    ("ext 8", 0x180, minus(0x80)),
    ("ext 8", 0x17F, 0x7F),
    ("ext 1", 1, ALL),
    ("ext 0", 5, 0),
    ("ext 63", 1 << 62, 0xC000000000000000),
    ("ext 64", LEAST, LEAST),
    ("ext 255", LEAST, LEAST),
    ("zero_ext 8", 0x1FF, 0xFF),
    ("zero_ext 0", 5, 0),
    ("zero_ext 64", ALL, ALL),
    ("zero_ext 255", ALL, ALL),
]
STACKS = [
    ("dup", (1, 2), [1, 2, 2]),
    ("pop", (1, 2), [1]),
    ("swap", (1, 2, 3), [1, 3, 2]),
    ("pick 0", (1, 2, 3), [1, 2, 3, 3]),
    ("pick 2", (1, 2, 3), [1, 2, 3, 1]),
    ("rot", (9, 1, 2, 3), [9, 3, 1, 2]),
    ("const8 0xff; const16 0xfffe; const32 0xfffffffd; const64 1", (), [0xFF, 0xFFFE, 0xFFFFFFFD, 1]),
]
REFUSED = [
    (b"", "runs off its end"),
    (assemble("const8 1"), "runs off its end"),
    (bytes([0x24, 1, 2, 3]), "runs off its end"),
    (assemble("goto 100"), "runs off its end"),
    (assemble("end"), "without a value"),
    (b"\x01\x27", "opcode 0x01"),
    (b"\xff", "opcode 0xff"),
    (assemble("const8 1; if_goto 1; end"), "opcode 0x01"),  # into the middle of an instruction
    (assemble("const8 1; add; end"), "add at byte 2, which takes 2 of 1"),
    (assemble("pop; end"), "pop at byte 0, which takes 1 of 0"),
    (assemble("const8 1; pick 1; end"), "takes 2 of 1"),
    (assemble("const8 1; const8 1; const8 1; printf 2 x; end"), "printf at byte 6, which takes 4 of 3"),
    (assemble("; ".join(["const8 1"] * (MOST_VALUES + 1) + ["end"])), f"more than {MOST_VALUES} values"),
    (assemble("const8 1; goto 0"), "reaches byte 0 with 0 and with 1 values"),
    (assemble("const8 1; const8 0; div_signed; end"), "divides by zero"),
    (assemble("const8 1; const8 0; rem_unsigned; end"), "divides by zero"),
    (assemble("goto 0"), f"within {MOST_INSTRUCTIONS} instructions"),
    (assemble("const8 1; const8 1; const8 1; printf 1 %d")[:-1] + b"x\x27", "does not end with a zero byte"),
]


def stack_behind(text: str) -> list[int]:
    return run(execute(assemble(text)), lambda number: number, lambda address, size: address + size)


def value_of(code: bytes) -> int:
    return run(evaluate(code), lambda number: number, lambda address, size: address + size, [])


def test_the_opcodes_are_those_of_the_manual() -> None:
    ours = [f"{opcode:02x} {operation.name}" for opcode, operation in sorted(OPERATIONS.items())]
    assert " ".join(ours) == " ".join(MANUAL.split())


@pytest.mark.parametrize(("name", "left", "right", "due"), BINARY)
def test_two_values_become_one(name: str, left: int, right: int, due: int) -> None:
    assert stack_behind(f"const8 77; {push(left, right)}; {name}; end") == [77, due]


@pytest.mark.parametrize(("name", "value", "due"), UNARY)
def test_one_value_becomes_another(name: str, value: int, due: int) -> None:
    assert stack_behind(f"const8 77; {push(value)}; {name}; end") == [77, due]


@pytest.mark.parametrize(("name", "values", "due"), STACKS)
def test_values_are_moved(name: str, values: tuple[int, ...], due: list[int]) -> None:
    assert stack_behind("; ".join([*(push(value) for value in values), name, "end"])) == due


def test_registers_and_memory_are_asked_for() -> None:
    expression = evaluate(assemble("reg 16; ref8; ref16; ref32; ref64; end"))
    assert next(expression) == ReadRegister(16)
    answers = [0x1000, 0xFF, 0xFFFF, 0xFFFFFFFF]
    asked = [expression.send(answer) for answer in answers]
    assert asked == [ReadMemory(answer, size) for answer, size in zip(answers, (1, 2, 4, 8), strict=True)]
    with pytest.raises(StopIteration, match=str(ALL)):
        expression.send(ALL)


def test_a_wide_register_counts_with_its_low_64_bits() -> None:
    assert run(evaluate(assemble("reg 40; end")), lambda _: (7 << 64) + 5, lambda *_: 0) == 5


@pytest.mark.parametrize(("register", "due"), [(0, 20), (1, 10)])
def test_a_branch_is_taken_where_the_value_is_not_zero(register: int, due: int) -> None:
    code = assemble("reg 0; if_goto 11; const8 20; goto 13; const8 10; end")
    assert run(evaluate(code), lambda _: register, lambda *_: 0) == due


@pytest.mark.parametrize(("code", "words"), REFUSED)
def test_what_can_not_be_evaluated_is_the_clients_fault(code: bytes, words: str) -> None:
    with pytest.raises(RemoteProtocolError, match=f"^The client's expression .*{words}.*\\.$"):
        value_of(code)


def test_a_fault_is_found_before_anything_is_asked() -> None:
    with pytest.raises(RemoteProtocolError):
        read_program(assemble("reg 0; if_goto 7; end; add; end"))


def test_memory_that_can_not_be_read_ends_the_expression() -> None:
    expression = evaluate(assemble("const8 0; ref64; end"))
    next(expression)
    with pytest.raises(TransportError, match="gone"):
        expression.throw(TransportError("gone"))


OPCODES = st.sampled_from(sorted(OPERATIONS)).map(lambda opcode: bytes([opcode]))
LIKELY = st.lists(OPCODES | st.binary(max_size=3), max_size=60).map(b"".join)


@given(st.binary() | LIKELY | LIKELY.map(lambda tail: assemble(push(*range(1, 12))) + tail + b"\x27"))
def test_any_bytes_have_a_value_or_are_refused(code: bytes) -> None:
    try:
        value = value_of(code)
    except RemoteProtocolError:
        return
    assert 0 <= value <= ALL
