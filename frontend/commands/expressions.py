"""C-like integer expressions over registers, symbols and guest memory: `parse`, then `evaluate`.

Grammar, loosest first: ``|| && | ^ & == != < <= > >= << >> + - * / %``, unary ``- + ~ ! * &``, casts
``(type)`` and ``(type *)``, ``{type} address``, ``pointer[index]``, parentheses; with debug information also
``a.b``, ``a->b``, ``a@count``, ``sizeof``, casts to any type (`typed`), and functions (`linux_functions`);
numbers as in C; ``$name`` is a register, a convenience variable or, as ``$``, ``$$``, ``$N``, a value of the
history; any other name is the address of a symbol. A tree is parsed once and evaluated often (a breakpoint's
condition), so the two are apart.
"""

from __future__ import annotations

from typing import Protocol

from frontend.commands.nodes import (
    CURRENT,
    Binary,
    Call,
    Cast,
    Index,
    Member,
    Name,
    Node,
    Number,
    Read,
    Repeat,
    SizeOf,
    Text,
    Unary,
    Variable,
)
from frontend.commands.parser import parse
from frontend.commands.values import (
    LONG,
    MASK,
    POINTER,
    ULONG,
    CType,
    Value,
    binary,
    literal,
    pointer,
    unary,
    value_of,
)
from gdbstub.errors import BadExpression

__all__ = ["Environment", "Node", "Read", "evaluate", "evaluate_text", "parse", "read_type"]

NEEDS_TYPES = (
    "Members, structures, functions and @ need the types of debug information (info files says what is loaded)."
)


class Environment(Protocol):
    """Where names get their values; each answers None for a name that it does not know."""

    async def variable(self, name: str) -> Value | None:
        """``$name``, without the dollar."""

    def symbol(self, name: str) -> int | None: ...

    async def read_memory(self, address: int, length: int) -> bytes: ...


async def evaluate(node: Node, environment: Environment) -> Value:
    """The value of a tree now. Raises BadExpression, or what the environment raises for unreadable memory."""
    match node:
        case Number(value):
            return value
        case Variable(name):
            found = await environment.variable(name)
            if found is None and name == CURRENT:
                raise BadExpression(NEEDS_TYPES)
            if found is None:
                raise BadExpression(f"${name} is neither a register of this target nor a variable that was set.")
            return found
        case Name(name):
            address = environment.symbol(name)
            if address is None:
                raise BadExpression(f"No symbol {name!r} is known; load one with --symbols FILE.")
            return pointer(address)
        case Cast(kind, operand):
            if not isinstance(kind, CType):
                raise BadExpression(NEEDS_TYPES)
            value = await evaluate(operand, environment)
            return value_of(value.number, kind, "address" if kind.target else "plain")
        case Unary("&", Index(operand, number)):
            return await evaluate(Binary("+", operand, number), environment)
        case Unary("&", operand):
            if isinstance(operand, Read):
                return await evaluate(operand.address, environment)
            return await evaluate(operand, environment)
        case Unary(operator, operand):
            return unary(operator, await evaluate(operand, environment))
        case Binary(("&&" | "||") as operator, left, right):
            decided = (await evaluate(left, environment)).number != 0
            if decided is (operator == "&&"):
                decided = (await evaluate(right, environment)).number != 0
            return literal(int(decided), decimal=True)
        case Binary(operator, left, right):
            return binary(operator, await evaluate(left, environment), await evaluate(right, environment))
        case Index(operand, number):
            return await evaluate(Read(Binary("+", operand, number), None), environment)
        case SizeOf(operand) if isinstance(operand, CType):
            return literal(operand.size, decimal=True)
        case Call(("per_cpu" | "$lx_per_cpu"), (Name(name), number)):
            offsets = Binary("+", Name("__per_cpu_offset"), Binary("*", number, Number(literal(8, decimal=True))))
            area = await evaluate(Read(offsets, ULONG), environment)
            return pointer((await evaluate(Name(name), environment)).address + area.address & MASK)
        case Member() | Repeat() | SizeOf() | Call() | Text():
            raise BadExpression(NEEDS_TYPES)
        case Read(operand, kind):
            where = await evaluate(operand, environment)
            kind = kind or read_type(where)
            data = await environment.read_memory(where.address, kind.size)
            return Value(kind.wrap(int.from_bytes(data, "little")), kind, "address" if kind.target else "plain")


def read_type(where: Value) -> CType:
    """What ``*where`` reads: a pointer's target, and eight bytes for a bare address, as gdb does."""
    if where.type.target is not None and where.type is not POINTER:
        return where.type.target
    return LONG


async def evaluate_text(text: str, environment: Environment) -> Value:
    return await evaluate(parse(text), environment)
