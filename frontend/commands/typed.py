"""Expressions over a guest's types, in drgn's worker thread: a tree becomes one of drgn's objects, and plain values
come out. What the session alone knows is looked up before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from frontend.clean import clean
from frontend.commands.linux_functions import PER_CPU, Argument, call, check_readable, variable
from frontend.commands.nodes import (
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
    TypeName,
    Unary,
    Variable,
    walk,
)
from frontend.commands.typed_operators import COMPARED, arithmetic, compare
from frontend.commands.values import CType, Value
from frontend.symbols.drgn_library import Object, Program, StackFrame, Type, TypeKind, cast, sizeof
from frontend.symbols.drgn_text import RECORDS, value_text
from frontend.symbols.drgn_traces import frame_of
from frontend.symbols.engine import TypedValue
from gdbstub.errors import BadExpression

MOST_REPEATED = 1 << 20
_PLAIN = {(1, True): "signed char", (2, True): "short", (4, True): "int", (8, True): "long"}
_UNSIGNED = {(1, False): "unsigned char", (2, False): "unsigned short", (4, False): "unsigned int"}


class Scope(NamedTuple):
    """What names may stand for beside the program's own: ``variables`` of dr6, the locals of a frame of the trace from
    ``registers``, and ``symbols`` at their addresses, which have no type. ``cpu`` is the one that is looked at."""

    variables: Mapping[str, Value | TypedValue]
    registers: Mapping[str, int] | None
    frame: int
    symbols: Mapping[str, int]
    cpu: int = 0


def evaluate(program: Program, node: Node, scope: Scope, form: str = "") -> TypedValue | None:
    """The value of a tree as plain data; ``form`` is the letter of ``print/F``. None where all that it names are
    symbols without a type."""
    evaluator = _Evaluator(program, scope)
    if evaluator.is_all_bare(node):
        return None
    value = evaluator.of(node)
    if isinstance(node, Name):
        check_readable(program, value, node.name)
    return plain(value, form)


def type_text(program: Program, text: str, parse: Callable[[str], Node], scope: Scope, *, whole: bool) -> str:
    """The type that ``text`` names, or that of the expression that it is, as C writes it; ``whole``: its
    definition."""
    try:
        kind = program.type(text)
    except (LookupError, SyntaxError, ValueError):
        kind = _Evaluator(program, scope).with_type(parse(text)).type_
        if not whole:
            return str(kind.type_name())
    if not whole:
        return str(kind.type_name())
    stars = ""
    while (plain := kind.unaliased()).kind is TypeKind.POINTER and plain.type.unaliased_kind() in RECORDS:
        kind, stars = plain.type, stars + "*"
    return str(kind.unaliased()).replace("\t", "    ") + (f" {stars}" if stars else "")


def plain(value: Object, form: str = "") -> TypedValue:
    """An object as plain data."""
    kind = value.type_.unaliased_kind()
    number: int | None = None
    if kind in (TypeKind.INT, TypeKind.BOOL, TypeKind.ENUM, TypeKind.POINTER) and not value.absent_:
        number = int(value.value_())
    size = 1 if kind in (TypeKind.FUNCTION, TypeKind.VOID) else sizeof(value.type_)
    return TypedValue(value.type_.type_name(), size, number, value.address_, value_text(value, form))


class _Evaluator:
    def __init__(self, program: Program, scope: Scope) -> None:
        self._program = program
        self._scope = scope
        self._frame: StackFrame | None = None
        if scope.registers is not None:
            self._frame = frame_of(program, scope.registers, scope.frame)

    def is_all_bare(self, node: Node) -> bool:
        """Is every name in it that of a symbol without a type, and does nothing else ask for one?"""
        named = [one for one in walk(node) if isinstance(one, Name | Member | Repeat | SizeOf | TypeName | Call)]
        return bool(named) and all(isinstance(one, Name) and self._is_bare(one) for one in named)

    def _is_bare(self, node: Node) -> bool:
        """Is it a symbol that debug information has no type for, as an assembler's labels are?"""
        return isinstance(node, Name) and node.name in self._scope.symbols and self._typed(node.name) is None

    def of(self, node: Node) -> Object:
        match node:
            case Number(value):
                return self._number(value)
            case Variable(name) if name in self._scope.variables:
                return self._number(self._scope.variables[name])
            case Variable(name):
                return variable(self._program, name, self._scope.cpu)
            case Text(text):
                raise BadExpression(f'"{clean(text)}" is a text, and no value.')
            case Call(name, arguments):
                given = [self._argument(one, name in PER_CPU) for one in arguments]
                return call(self._program, name, self._scope.cpu, given)
            case Name(name):
                return self._named(name)
            case Cast(kind, operand):
                return cast(self._type(kind), self._value(operand))
            case Unary("&", operand):
                return self.of(operand) if self._is_bare(operand) else self.of(operand).address_of_()
            case Unary(operator, operand):
                return self._unary(operator, self._value(operand))
            case Binary(operator, left, right):
                return self._binary(operator, left, right)
            case Read(operand, kind):
                return self._read(self._value(operand), kind)
            case Member(operand, name):
                return self._member(self.with_type(operand), name)
            case Index(operand, number):
                return self.of(operand)[int(self._value(number))]
            case Repeat(operand, length):
                return self._repeat(self.with_type(operand), int(self._value(length)))
            case SizeOf(operand):
                return Object(self._program, "unsigned long", value=sizeof(self._measured(operand)))

    def _argument(self, node: Node, named: bool) -> Argument:
        """A text is one, or, where a variable is needed, its name."""
        if isinstance(node, Text):
            return self.with_type(Name(node.text)) if named else node.text
        return self.with_type(node)

    def _measured(self, operand: Node | CType | TypeName) -> Type:
        """A lone name may be a type's or a variable's."""
        if isinstance(operand, TypeName) and operand.text.isidentifier() and self._find(operand.text) is not None:
            operand = Name(operand.text)
        return self._type(operand) if isinstance(operand, CType | TypeName) else self.with_type(operand).type_

    def with_type(self, node: Node) -> Object:
        """Its value, where it is asked for its type."""
        if isinstance(node, Name) and self._is_bare(node):
            raise BadExpression(f"'{clean(node.name)}' has unknown type; cast it to its declared type.")
        return self.of(node)

    def _value(self, node: Node) -> Object:
        """As C takes an operand: an array is the address of its first element, a function its own."""
        value = self.of(node)
        kind = value.type_.unaliased_kind()
        if kind is TypeKind.ARRAY:
            return value[0].address_of_()
        return value.address_of_() if kind is TypeKind.FUNCTION else value

    def _number(self, value: Value | TypedValue) -> Object:
        if isinstance(value, TypedValue):
            if value.number is not None:
                return Object(self._program, value.type, value=value.number)
            return Object(self._program, value.type, address=value.address)
        kind = value.type
        if kind.target is not None:
            return Object(self._program, "char *", value=value.address)
        return Object(self._program, _name_of(kind), value=value.number)

    def _named(self, name: str) -> Object:
        """A local of the frame, a variable or function; with dots or @ in it, the longest beginning that is one."""
        if (found := self._find(name)) is not None:
            return found
        first, dot, rest = name.partition(".")
        if dot and (found := self._find(first)) is not None:
            for part in rest.split("."):
                found = self._member(found, part)
            return found
        raise BadExpression(f'No symbol "{name}" in current context.')

    def _find(self, name: str) -> Object | None:
        """Its value; a symbol without a type is its address."""
        if (found := self._typed(name)) is not None:
            return found
        address = self._scope.symbols.get(name)
        if address is None:
            try:
                address = self._program.symbol(name).address
            except LookupError:
                return None
        return Object(self._program, "void *", value=address)

    def _typed(self, name: str) -> Object | None:
        frame = self._frame
        if frame is not None and name in frame.locals():
            return frame[name]
        try:
            return self._program[name]
        except LookupError:
            return None

    def _member(self, value: Object, name: str) -> Object:
        return value.member_(name)

    def _type(self, kind: CType | TypeName) -> Type:
        if isinstance(kind, TypeName):
            return self._program.type(kind.text)
        if kind.target is not None:
            return self._program.pointer_type(self._type(kind.target))
        return self._program.type(_name_of(kind))

    def _unary(self, operator: str, value: Object) -> Object:
        if operator == "!":
            return Object(self._program, "int", value=int(not bool(value)))
        return -value if operator == "-" else ~value if operator == "~" else +value

    def _read(self, value: Object, kind: CType | None) -> Object:
        if kind is not None:
            return Object(self._program, self._type(kind), address=int(value))
        target = value.type_.unaliased().type if value.type_.unaliased_kind() is TypeKind.POINTER else None
        if target is None or target.unaliased_kind() is TypeKind.VOID:
            return Object(self._program, "long", address=int(value))
        if target.unaliased_kind() is TypeKind.FUNCTION:
            return Object(self._program, target, address=int(value))
        return value[0]

    def _repeat(self, value: Object, length: int) -> Object:
        if value.address_ is None:
            raise BadExpression("Only values in memory can be extended with '@'.")
        if not 1 <= length <= MOST_REPEATED:
            raise BadExpression(f"Invalid number {length} of repetitions.")
        return Object(self._program, self._program.array_type(value.type_, length), address=value.address_)

    def _binary(self, operator: str, left: Node, right: Node) -> Object:
        if operator in ("&&", "||"):
            decided = bool(self._value(left))
            if decided is (operator == "&&"):
                decided = bool(self._value(right))
            return Object(self._program, "int", value=int(decided))
        one, other = self._value(left), self._value(right)
        if operator in COMPARED:
            return Object(self._program, "int", value=int(compare(operator, one, other)))
        return arithmetic(operator, _bytewise(one), _bytewise(other))


def _bytewise(value: Object) -> Object:
    """A pointer into code counts in bytes."""
    kind = value.type_.unaliased()
    if kind.kind is TypeKind.POINTER and kind.type.unaliased_kind() in (TypeKind.FUNCTION, TypeKind.VOID):
        return cast("char *", value)
    return value


def _name_of(kind: CType) -> str:
    key = kind.size, kind.signed
    return _PLAIN.get(key) or _UNSIGNED.get(key) or "unsigned long"
