"""What an expression is made of, once it is parsed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from frontend.commands.values import CType, Value


class Number(NamedTuple):
    value: Value


class Variable(NamedTuple):
    name: str


class Name(NamedTuple):
    name: str


class Text(NamedTuple):
    """A text in double quotes, as an argument of a function."""

    text: str


class Call(NamedTuple):
    """``function(arguments)``: one of ours; a name of the user's variables keeps its dollar."""

    function: str
    arguments: tuple[Node, ...]


class Unary(NamedTuple):
    operator: str
    operand: Node


class Binary(NamedTuple):
    operator: str
    left: Node
    right: Node


class TypeName(NamedTuple):
    """A type that only debug information knows, as C writes it: ``struct task_struct *``."""

    text: str


class Cast(NamedTuple):
    type: CType | TypeName
    operand: Node


class Read(NamedTuple):
    """Memory at ``address``; ``type`` None takes the pointer's target, or eight bytes."""

    address: Node
    type: CType | None


class Member(NamedTuple):
    """``operand.name``, and ``operand->name``, which debuggers take for the same."""

    operand: Node
    name: str


class Index(NamedTuple):
    """``operand[index]``."""

    operand: Node
    number: Node


class Repeat(NamedTuple):
    """``operand@count``: so many of them, one behind the other."""

    operand: Node
    length: Node


class SizeOf(NamedTuple):
    operand: Node | CType | TypeName


CURRENT = "current"
"""``$current``: Linux's task of the CPU that is looked at."""

Node = Number | Variable | Name | Text | Call | Unary | Binary | Cast | Read | Member | Index | Repeat | SizeOf


def needs_types(node: Node) -> bool:
    """Is there anything in it that has a type of the guest's?"""
    return any(
        isinstance(one, Name | Member | Repeat | TypeName | Call) or one == Variable(CURRENT) for one in walk(node)
    )


def walk(node: Node | CType | TypeName) -> Iterator[Node | CType | TypeName]:
    """The node and all below it."""
    yield node
    match node:
        case Unary(_, one) | Member(one, _):
            yield from walk(one)
        case Cast(kind, one):
            yield kind
            yield from walk(one)
        case Read(one, read):
            if read is not None:
                yield read
            yield from walk(one)
        case SizeOf(one):
            yield from walk(one)
        case Call(_, arguments):
            for one in arguments:
                yield from walk(one)
        case Binary(_, one, other) | Index(one, other) | Repeat(one, other):
            yield from walk(one)
            yield from walk(other)


def is_place(node: Node) -> bool:
    """Is it made of names and numbers alone, so that names in it are addresses, as in ``break NAME+4``?"""
    return all(isinstance(one, Name | Number | Binary | Variable) for one in walk(node))
