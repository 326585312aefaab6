"""The operations of agent expressions: a row each.

Source: gdb manual, "Bytecode Descriptions". Values are 64-bit patterns, kept as 0 <= value < 2**64; signed
operations read them as two's complement, and truncate towards zero as C does. Not here, and so refused: floating
point, which gdb never emits, and what wants a trace buffer or trace state variables.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from gdbstub.errors import RemoteProtocolError

MASK: Final = (1 << 64) - 1
_SIGN: Final = 1 << 63

Act = Callable[[list[int], int], None]
"""Changes the stack, given the operand. The program has been read, so what it takes is there."""


class Operation(NamedTuple):
    """``operand`` counts the bytes behind the opcode; ``takes`` and ``gives`` count values on the stack. Those
    without ``act`` ask the outside or choose what comes next, and are the interpreter's."""

    name: str
    operand: int
    takes: int
    gives: int
    act: Act | None = None


def signed(value: int) -> int:
    """A 64-bit pattern as the number that it is in two's complement."""
    return (value ^ _SIGN) - _SIGN


def _quotient(dividend: int, divisor: int) -> int:
    if not divisor:
        raise RemoteProtocolError("The client's expression divides by zero.")
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend < 0) == (divisor < 0) else -quotient


def _remainder(dividend: int, divisor: int) -> int:
    return dividend - divisor * _quotient(dividend, divisor)


def _extend(value: int, bits: int) -> int:
    if bits >= 64:
        return value
    cut = value & ((1 << bits) - 1)
    return cut | (MASK << bits) & MASK if cut >> max(bits - 1, 0) else cut


def _zero_extend(value: int, bits: int) -> int:
    return value & ((1 << bits) - 1)


def _binary(name: str, function: Callable[[int, int], int]) -> Operation:
    def act(stack: list[int], _operand: int) -> None:
        right = stack.pop()
        stack[-1] = function(stack[-1], right) & MASK

    return Operation(name, 0, 2, 1, act)


def _on_signed(name: str, function: Callable[[int, int], int]) -> Operation:
    return _binary(name, lambda left, right: function(signed(left), signed(right)))


def _unary(name: str, function: Callable[[int, int], int], operand: int = 0) -> Operation:
    def act(stack: list[int], operand: int) -> None:
        stack[-1] = function(stack[-1], operand)

    return Operation(name, operand, 1, 1, act)


def _duplicate(stack: list[int], _operand: int) -> None:
    stack.append(stack[-1])


def _discard(stack: list[int], _operand: int) -> None:
    stack.pop()


def _swap(stack: list[int], _operand: int) -> None:
    stack[-2:] = stack[-1], stack[-2]


def _pick(stack: list[int], operand: int) -> None:
    stack.append(stack[-1 - operand])


def _rotate(stack: list[int], _operand: int) -> None:
    stack[-3:] = stack[-1], stack[-3], stack[-2]


REF: Final = {0x17: 1, 0x18: 2, 0x19: 4, 0x1A: 8}
"""The bytes that each ``ref`` reads."""
IF_GOTO: Final = 0x20
GOTO: Final = 0x21
REG: Final = 0x26
END: Final = 0x27
PICK: Final = 0x32
PRINTF: Final = 0x34

OPERATIONS: Final[Mapping[int, Operation]] = MappingProxyType(
    {
        0x02: _binary("add", operator.add),
        0x03: _binary("sub", operator.sub),
        0x04: _binary("mul", operator.mul),
        0x05: _on_signed("div_signed", _quotient),
        0x06: _binary("div_unsigned", _quotient),
        0x07: _on_signed("rem_signed", _remainder),
        0x08: _binary("rem_unsigned", _remainder),
        0x09: _binary("lsh", lambda value, by: value << by if by < 64 else 0),
        0x0A: _binary("rsh_signed", lambda value, by: signed(value) >> min(by, 63)),
        0x0B: _binary("rsh_unsigned", lambda value, by: value >> min(by, 64)),
        0x0E: _unary("log_not", lambda value, _: int(not value)),
        0x0F: _binary("bit_and", operator.and_),
        0x10: _binary("bit_or", operator.or_),
        0x11: _binary("bit_xor", operator.xor),
        0x12: _unary("bit_not", lambda value, _: value ^ MASK),
        0x13: _binary("equal", operator.eq),
        0x14: _on_signed("less_signed", operator.lt),
        0x15: _binary("less_unsigned", operator.lt),
        0x16: _unary("ext", _extend, 1),
        **{opcode: Operation(f"ref{8 * size}", 0, 1, 1) for opcode, size in REF.items()},
        IF_GOTO: Operation("if_goto", 2, 1, 0),
        GOTO: Operation("goto", 2, 0, 0),
        **{0x22 + power: Operation(f"const{8 << power}", 1 << power, 0, 1, list.append) for power in range(4)},
        REG: Operation("reg", 2, 0, 1),
        END: Operation("end", 0, 0, 0),
        0x28: Operation("dup", 0, 1, 2, _duplicate),
        0x29: Operation("pop", 0, 1, 0, _discard),
        0x2A: _unary("zero_ext", _zero_extend, 1),
        0x2B: Operation("swap", 0, 2, 2, _swap),
        PICK: Operation("pick", 1, 1, 2, _pick),  # takes as many more as its operand says
        0x33: Operation("rot", 0, 3, 3, _rotate),
        PRINTF: Operation("printf", 1, 2, 0),  # the same; a text follows the operand
    }
)
