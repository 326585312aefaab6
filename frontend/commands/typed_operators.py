"""C's operators over drgn's objects."""

from __future__ import annotations

from frontend.symbols.drgn_library import Object, TypeKind, cast, implicit_convert

COMPARED = ("==", "!=", "<", "<=", ">", ">=")


def compare(operator: str, one: Object, other: Object) -> bool:
    """A pointer and a number are compared as numbers, as gdb does."""
    if (one.type_.unaliased_kind() is TypeKind.POINTER) is not (other.type_.unaliased_kind() is TypeKind.POINTER):
        one, other = (implicit_convert("unsigned long", cast("unsigned long", each)) for each in (one, other))
    match operator:
        case "==":
            return bool(one == other)
        case "!=":
            return bool(one != other)
        case "<":
            return bool(one < other)
        case "<=":
            return bool(one <= other)
        case ">":
            return bool(one > other)
        case _:
            return bool(one >= other)


def arithmetic(operator: str, one: Object, other: Object) -> Object:
    match operator:
        case "+":
            return one + other
        case "-":
            return one - other
        case "*":
            return one * other
        case "/":
            return one / other
        case "%":
            return one % other
        case "<<":
            return one << other
        case ">>":
            return one >> other
        case "&":
            return one & other
        case "|":
            return one | other
        case _:
            return one ^ other
