"""What is compared of two rows that stand for the same moment."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import NamedTuple

from gdbstub.trace.columns.schema import DEBUG_REGISTERS
from gdbstub.trace.rows import Row

GROUPS = ("pc", "mode", "insn", "regs", "dr", "vector", "handler", "frame", "causes", "events", *DEBUG_REGISTERS)
"""What may be left out beside registers by name."""


class RowDifference(NamedTuple):
    """One fact that two rows have differently, as text; "" where a row does not have it."""

    name: str
    left: str
    right: str


def differences(left: Row, right: Row, ignored: Set[str]) -> list[RowDifference]:
    """What the rows have differently, but for what is ignored. What only one of them knows is no difference: two
    engines see different things."""
    return [found for found in _all(left, right) if not ignored & _names(found.name)]


def place_of(row: Row) -> tuple[object, ...]:
    """By what rows are laid beside each other: the instruction, or where the guest stands, and the vector."""
    insn = row.get("insn")
    vector = row.get("vector")
    return vector, insn["address"] if insn else row.get("pc")


def _names(name: str) -> set[str]:
    group, _, part = name.partition(".")
    return {name, group, part} if part else {name}


def _all(left: Row, right: Row) -> Iterator[RowDifference]:
    for name in ("vector", "pc", "mode", "handler"):
        yield from _pair(name, left.get(name), right.get(name))
    one, other = left.get("insn"), right.get("insn")
    if one and other and (one["address"], one["bytes"]) != (other["address"], other["bytes"]):
        yield RowDifference("insn", _instruction(one), _instruction(other))
    for name in left["regs"].keys() & right["regs"].keys():
        yield from _pair(f"regs.{name}", left["regs"][name], right["regs"][name])
    for name in DEBUG_REGISTERS:
        yield from _pair(f"dr.{name}", left["dr"].get(name), right["dr"].get(name))
    one, other = left.get("frame"), right.get("frame")
    if one and other:
        for name in one.keys() & other.keys():
            yield from _pair(f"frame.{name}", one[name], other[name])
    if left["causes"] and right["causes"] and _causes(left) != _causes(right):
        yield RowDifference("causes", ", ".join(_causes(left)), ", ".join(_causes(right)))


def _pair(name: str, left: object, right: object) -> Iterator[RowDifference]:
    if left is not None and right is not None and left != right:
        yield RowDifference(name, str(left), str(right))


def _causes(row: Row) -> list[str]:
    return sorted(f"{cause['cause']} ({cause['owner']}, {cause['class']})" for cause in row["causes"])


def _instruction(insn: Row) -> str:
    return f"{insn['address']} {insn['bytes']} {insn['text']}".rstrip()
