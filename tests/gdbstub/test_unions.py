"""Alternatives are never equal: a match on a union, or a search for one of its values, can't take one for another."""

from __future__ import annotations

import ast
import builtins
import importlib
import pkgutil
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import NamedTuple, get_args, get_origin

import pytest

import gdbstub

MODULES = sorted(found.name for found in pkgutil.walk_packages(gdbstub.__path__, "gdbstub."))


def flat(kind: object) -> Iterator[type]:
    """The classes of a union, however it is nested and written; of anything else, its class."""
    if isinstance(kind, types.UnionType) or get_origin(kind) is typing.Union:
        for alternative in get_args(kind):
            yield from flat(alternative)
        return
    kind = get_origin(kind) or kind
    if isinstance(kind, type):
        yield kind


NOT_LOADED = ("__future__", "_typeshed")
"""The second is of the type checker alone."""


def meanings(module: types.ModuleType, tree: ast.Module) -> dict[str, object]:
    """What names mean in ``module``, those too that it imports for types alone."""
    found = dict(vars(builtins))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module not in NOT_LOADED:
            where = importlib.import_module(str(node.module))
            found |= {alias.name: getattr(where, alias.name, None) for alias in node.names}
    return found | vars(module)


def alternatives(node: ast.expr, meaning: dict[str, object]) -> Iterator[type]:
    """The classes that an annotation allows."""
    match node:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            yield from alternatives(left, meaning)
            yield from alternatives(right, meaning)
        case ast.Subscript(value=value):
            yield from alternatives(value, meaning)
        case ast.Name(id=name):
            yield from flat(meaning.get(name))


def annotated(tree: ast.Module) -> Iterator[ast.expr]:
    """Every annotation, and every part of one."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(returns=ast.expr() as whole) | ast.AsyncFunctionDef(returns=ast.expr() as whole):
                yield from (part for part in ast.walk(whole) if isinstance(part, ast.expr))
            case ast.arg(annotation=ast.expr() as whole) | ast.AnnAssign(annotation=whole):
                yield from (part for part in ast.walk(whole) if isinstance(part, ast.expr))


@cache
def unions() -> list[frozenset[type]]:
    """Every union of gdbstub: those that have a name, and those of annotations."""
    found = set[frozenset[type]]()
    for name in MODULES:
        module = importlib.import_module(name)
        tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
        meaning = meanings(module, tree)
        found |= {frozenset(flat(value)) for value in vars(module).values()}
        found |= {frozenset(alternatives(node, meaning)) for node in annotated(tree)}
    return sorted((union for union in found if len(union) > 1), key=names)


def names(union: frozenset[type]) -> str:
    return "|".join(sorted(kind.__qualname__ for kind in union))


def like(kind: type, values: tuple[int, ...]) -> object:
    """A value of ``kind`` with these fields; None where it has another number of them, or none at all to speak of."""
    if issubclass(kind, tuple):
        names = getattr(kind, "_fields", None)
        return tuple.__new__(kind, values) if names is None or len(names) == len(values) else None
    if not is_dataclass(kind) or len(fields(kind)) != len(values):
        return None
    made: object = object.__new__(kind)
    for field, value in zip(fields(kind), values, strict=True):
        object.__setattr__(made, field.name, value)
    return made


def confused(union: frozenset[type]) -> list[str]:
    """The pairs of a union that are equal where their fields are."""
    found = []
    for one, other in combinations(sorted(union, key=lambda kind: kind.__qualname__), 2):
        for count in range(20):
            values = tuple(range(count))
            first, second = like(one, values), like(other, values)
            if first is not None and second is not None and first == second:
                found.append(f"{one.__qualname__} and {other.__qualname__}")
                break
    return found


def test_the_unions_of_gdbstub_are_found() -> None:
    from gdbstub.debugger.events import Disconnected, Output, Resumed
    from gdbstub.debugger.record import StopRecord
    from gdbstub.explain.evidence import Known, Unknown
    from gdbstub.protocol import agent
    from gdbstub.protocol.stops import BreakReason, NamedReason, Watch

    assert {Watch, BreakReason, NamedReason} in unions()
    assert {agent.ReadMemory, agent.ReadRegister, agent.Print} in unions()
    assert {StopRecord, Resumed, Output, Disconnected} in unions()
    assert {Known, Unknown} in unions()
    assert len(unions()) > 15


@pytest.mark.parametrize("union", unions(), ids=names)
def test_no_two_alternatives_with_equal_fields_are_equal(union: frozenset[type]) -> None:
    assert confused(union) == []


class Left(NamedTuple):
    at: int


class Right(NamedTuple):
    at: int


class Empty(NamedTuple):
    pass


@dataclass(frozen=True)
class Kept:
    at: int


@dataclass(frozen=True)
class Other:
    at: int


@pytest.mark.parametrize(
    ("union", "pairs"),
    [
        ({Left, Right, Kept, Other}, ["Left and Right"]),
        ({Left, tuple}, ["Left and tuple"]),
        ({Empty, tuple}, ["Empty and tuple"]),
        ({Left, Empty}, []),
    ],
)
def test_tuples_that_could_be_taken_for_each_other_are_named(union: set[type], pairs: list[str]) -> None:
    assert confused(frozenset(union)) == pairs
