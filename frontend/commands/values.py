"""Typed numbers of the command line: C's integer types.

A `Value` holds the mathematical value within its type's range. Arithmetic happens in 64 bits and wraps; only
a comparison converts to C's common type, so that ``*(int*)a == 0xffffffff`` holds as it does in C.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from gdbstub.errors import BadExpression

MASK = (1 << 64) - 1


class CType(NamedTuple):
    """``size`` in bytes; ``target`` is what a pointer points to."""

    size: int
    signed: bool = True
    target: CType | None = None

    def wrap(self, number: int) -> int:
        """``number`` as this type holds it."""
        bits = self.size * 8
        number &= (1 << bits) - 1
        return number - (1 << bits) if self.signed and number >> (bits - 1) else number


Style = Literal["plain", "address", "flags", "hex"]

CHAR, UCHAR = CType(1), CType(1, False)
SHORT, USHORT = CType(2), CType(2, False)
INT, UINT = CType(4), CType(4, False)
LONG, ULONG = CType(8), CType(8, False)
POINTER = CType(8, False, CHAR)

_NAMED = {
    "char": CHAR,
    "signed char": CHAR,
    "unsigned char": UCHAR,
    "short": SHORT,
    "unsigned short": USHORT,
    "int": INT,
    "signed": INT,
    "unsigned": UINT,
    "unsigned int": UINT,
    "long": LONG,
    "unsigned long": ULONG,
    "void": UCHAR,
    "bool": UCHAR,
    "_Bool": UCHAR,
    "size_t": ULONG,
    "uintptr_t": ULONG,
    "intptr_t": LONG,
} | {
    name: CType(bits // 8, signed)
    for bits in (8, 16, 32, 64)
    for signed, names in (
        (True, (f"int{bits}_t", f"s{bits}", f"__s{bits}")),
        (False, (f"uint{bits}_t", f"u{bits}", f"__u{bits}")),
    )
    for name in names
}

TYPE_WORDS = frozenset(word for name in _NAMED for word in name.split())


def named_type(words: list[str]) -> CType:
    """The type that C's words name, in any order ("long unsigned int", "u32"). Raises BadExpression."""
    rest = sorted(words, key=lambda word: word not in ("unsigned", "signed"))
    if "long" in rest or "short" in rest:
        rest = [word for word in rest if word != "int"]
    if rest.count("long") == 2:
        rest.remove("long")
    if len(rest) > 1 and rest[0] == "signed" and rest[1] != "char":
        rest = rest[1:]
    found = _NAMED.get(" ".join(rest))
    if found is None:
        raise BadExpression(f"No integer type is called {' '.join(words)!r}.")
    return found


class Value(NamedTuple):
    """A number of a type. ``style`` says how it is shown when no format was asked for."""

    number: int
    type: CType = LONG
    style: Style = "plain"

    @property
    def address(self) -> int:
        """As an unsigned 64-bit number; narrower signed values are extended."""
        return self.number & MASK

    @property
    def raw(self) -> int:
        """The bits of the value in its own width."""
        return self.number & ((1 << self.type.size * 8) - 1)


def value_of(number: int, kind: CType = LONG, style: Style = "plain") -> Value:
    """``number`` wrapped into ``kind``."""
    return Value(kind.wrap(number), kind, style)


def pointer(address: int) -> Value:
    """An address, shown in hexadecimal and with its symbol."""
    return Value(address & MASK, POINTER, "address")


def literal(number: int, decimal: bool) -> Value:
    """A number as C types it: the first type that fits; decimals skip the unsigned int."""
    for kind in (INT, LONG, ULONG) if decimal else (INT, UINT, LONG, ULONG):
        if kind.wrap(number) == number:
            return Value(number, kind)
    raise BadExpression(f"The number {number:#x} does not fit into 64 bits.")


def unary(operator: str, operand: Value) -> Value:
    """``- + ~ !`` on a value."""
    number = operand.number
    if operator == "!":
        return Value(int(number == 0), INT)
    result = {"-": -number, "+": number, "~": ~number}[operator]
    return value_of(result, ULONG if operand.type == ULONG else LONG)


def binary(operator: str, left: Value, right: Value) -> Value:
    """A binary operator on two values. Raises BadExpression for a division by zero."""
    if operator in _COMPARE:
        common = _common(left.type, right.type)
        return Value(int(_COMPARE[operator](common.wrap(left.number), common.wrap(right.number))), INT)
    if operator in "+-" and (left.type.target or right.type.target):
        return _pointer_sum(operator, left, right)
    a, b = left.number, right.number
    kind = ULONG if ULONG in (left.type, right.type) else LONG
    if kind is ULONG:
        a, b = a & MASK, b & MASK
    if operator in "/%":
        return value_of(_divide(operator, a, b), kind)
    if operator in ("<<", ">>"):
        return _shift(operator, a, right.number, ULONG if left.type == ULONG else LONG)
    style: Style = "address" if "address" in (left.style, right.style) and operator in "&|^" else "plain"
    if style == "address":
        return pointer(_BITS[operator](left.address, right.address))
    return value_of(_BITS[operator](a, b), kind)


_COMPARE = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_BITS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
}


def _common(left: CType, right: CType) -> CType:
    """C's usual arithmetic conversions (C11 6.3.1.8), after the integer promotions."""
    left, right = (kind if kind.size >= 4 else INT for kind in (left, right))
    size = max(left.size, right.size)
    unsigned = any(kind.size == size and not kind.signed for kind in (left, right))
    return CType(size, not unsigned)


def _pointer_sum(operator: str, left: Value, right: Value) -> Value:
    """C's pointer arithmetic: in units of the target; two pointers give the distance."""
    if left.type.target is not None and right.type.target is not None and operator == "-":
        return value_of((left.number - right.number) // left.type.target.size, LONG)
    if left.type.target is not None:
        unit, kind, style = left.type.target.size, left.type, left.style
        number = left.number + (right.number * unit if operator == "+" else -right.number * unit)
    else:
        unit, kind, style = (right.type.target or CHAR).size, right.type, right.style
        number = left.number * unit + (right.number if operator == "+" else -right.number)
    return Value(number & MASK, kind, style)


def _divide(operator: str, a: int, b: int) -> int:
    """As C does, towards zero."""
    if b == 0:
        raise BadExpression("Division by zero.")
    quotient = abs(a) // abs(b)
    quotient = -quotient if (a < 0) != (b < 0) else quotient
    return quotient if operator == "/" else a - quotient * b


def _shift(operator: str, number: int, count: int, kind: CType) -> Value:
    if not 0 <= count < 64:
        raise BadExpression(f"A shift by {count} is outside 0 to 63.")
    return value_of(number << count if operator == "<<" else number >> count, kind)
