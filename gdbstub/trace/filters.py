"""Which rows of a trace are kept: those that are all of what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gdbstub.explain.reference.causes import NAMES
from gdbstub.trace.errors import TraceError
from gdbstub.trace.rows import Row

Filter = Callable[[Row], bool]
Place = Callable[[str], tuple[int, int]]
"""A symbol or ``FIRST-LAST`` → the first linear address, and the one behind the last."""


def cpu(text: str) -> Filter:
    number = _number(text, "cpu", range(1 << 16))
    return lambda row: row["cpu"] == number


def mode(text: str) -> Filter:
    number = _number(text, "mode", (16, 32, 64))
    return lambda row: row["mode"] == number


def cpl(text: str) -> Filter:
    """By the selector in CS: its two lowest bits are the privilege level, but in real mode (SDM vol. 3A 5.5)."""
    number = _number(text, "cpl", range(4))
    return lambda row: "cs" in row["regs"] and int(row["regs"]["cs"], 16) & 3 == number


def cause(text: str) -> Filter:
    if text not in NAMES:
        raise TraceError(f"There is no cause {text}; dr6 explain --list-causes has them.")
    return lambda row: any(found["cause"] == text for found in row["causes"])


def every(text: str) -> int:
    return _number(text, "every", range(1, 1 << 32))


def branches(row: Row) -> bool:
    """Did the guest go elsewhere than on?"""
    insn = row["insn"]
    if not insn or not insn["bytes"] or row["pc"] is None:
        return False
    return int(row["pc"], 16) != int(insn["address"], 16) + len(insn["bytes"]) // 2


def within(first: int, behind: int) -> Filter:
    """Instructions from ``first`` up to, and without, ``behind``."""
    return lambda row: row["insn"] is not None and first <= int(row["insn"]["address"], 16) < behind


READ = ("pc", "insn", "mode", "cs")
"""The columns of an engine's batch that a filter may look at, beside the vCPU, which a batch has one of."""

_BY_NAME: dict[str, Callable[[str], Filter]] = {"cpu": cpu, "mode": mode, "cpl": cpl, "cause": cause}


@dataclass(frozen=True, slots=True)
class Filters:
    """``steps``: the numbers that a row's own has to be a multiple of. ``facts`` ask for all else, and of an ``insn``
    row for no more than `READ`: what they say of one such row they say of each that has the same there."""

    steps: tuple[int, ...]
    facts: tuple[Filter, ...]

    def keeps(self, row: Row) -> bool:
        return self.counts(row["n"]) and self.agree(row)

    def counts(self, number: int) -> bool:
        return all(number % step == 0 for step in self.steps)

    def agree(self, row: Row) -> bool:
        return all(fact(row) for fact in self.facts)


def parse_filters(words: Sequence[str], place: Place) -> Filters:
    """``NAME=VALUE`` of those above, ``in=FIRST-LAST``, ``in=SYMBOL``, or ``branches``; a row has to be all of them.
    Raises `TraceError` with one sentence."""
    steps = tuple(every(word.removeprefix("every=")) for word in words if word.startswith("every="))
    return Filters(steps, tuple(_filter(word, place) for word in words if not word.startswith("every=")))


def _filter(word: str, place: Place) -> Filter:
    name, sign, value = word.partition("=")
    if word == "branches":
        return branches
    if name == "in" and value:
        return within(*place(value))
    if not sign or name not in _BY_NAME:
        raise TraceError(f"{word!r} is no filter; there are {'=, '.join(_BY_NAME)}=, every=, in=, branches.")
    return _BY_NAME[name](value)


def _number(text: str, name: str, allowed: range | tuple[int, ...]) -> int:
    try:
        number = int(text, 0)
    except ValueError:
        number = -1
    if number not in allowed:
        raise TraceError(f"{name}={text} is no filter: {name} is a number, of those that there can be.")
    return number
